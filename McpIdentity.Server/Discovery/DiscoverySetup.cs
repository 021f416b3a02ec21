using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Discovery;

internal static class DiscoverySetup
{
    public static void AddDiscovery(this WebApplicationBuilder builder) => builder.Services.AddSingleton<MetadataCache>();

    public static void UsePreparedMetadata(this WebApplication app)
    {
        var cache = app.Services.GetRequiredService<MetadataCache>();
        app.Services.GetRequiredService<SigningKeyRing>().Changed += cache.Clear;
        app.Use((context, next) => cache.InvokeAsync(context, next));
    }

    /// <summary>What is not served under <c>/.well-known/</c> is a JSON 404: a client that probes must not meet a page (interop Q20).</summary>
    public static void MapDiscovery(this WebApplication app)
    {
        app.Map("/.well-known/{**rest}", () => new OAuthError("not_found", "There is no such metadata document on this server.")
        {
            StatusCode = StatusCodes.Status404NotFound,
        });
        // The paths of older set-ups, from the guide this product started from (LINK-03).
        app.MapGet("/oidc/.well-known/{document}", (string document) => TypedResults.LocalRedirect($"/.well-known/{Uri.EscapeDataString(document)}", permanent: true));
    }
}
