namespace McpIdentity.Server.Housekeeping;

/// <summary>What has expired goes by itself.</summary>
internal static class HousekeepingSetup
{
    public static void AddHousekeeping(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<Pruning>();
        builder.Services.AddHostedService<PruneRegularly>();
        builder.Services.AddHostedService<ReencryptRows>();
    }
}
