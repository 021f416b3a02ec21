namespace McpIdentity.Server.Catalogue;

/// <summary>Which tools the servers behind this one have, and which of them wait for a review.</summary>
internal static class CatalogueSetup
{
    public static void AddToolCatalogue(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ToolCatalogue>();
        builder.Services.AddSingleton<CatalogueFeed>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<CatalogueFeed>());
        builder.Services.AddScoped<ToolReviews>();
    }

    /// <summary>Before the first request.</summary>
    public static Task LoadToolCatalogueAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetRequiredService<CatalogueFeed>().LoadAsync(cancellationToken);
}
