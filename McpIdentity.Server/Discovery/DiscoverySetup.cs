using McpIdentity.Mcp;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Protocol;
using Microsoft.Extensions.Options;
using OpenIddict.Server;

namespace McpIdentity.Server.Discovery;

/// <summary>Metadata and key set: what they say, the bytes that are ready, and everywhere that clients look for them.</summary>
internal static class DiscoverySetup
{
    public static void AddDiscovery(this WebApplicationBuilder builder) => builder.Services.AddSingleton<MetadataCache>();

    public static void UsePreparedMetadata(this WebApplication app)
    {
        var cache = app.Services.GetRequiredService<MetadataCache>();
        app.Services.GetRequiredService<SigningKeyRing>().Changed += cache.Clear;
        app.Use((context, next) => cache.InvokeAsync(context, next));
    }

    /// <summary>
    /// OpenIddict writes metadata and key set before an endpoint is reached. What is not served under <c>/.well-known/</c>, at the root or below the MCP endpoint, is a
    /// JSON 404: a client that probes must not meet a page (docs/interoperability.md, "JSON 404 under well-known").
    /// </summary>
    public static void MapDiscovery(this WebApplication app)
    {
        var mcp = app.Services.GetRequiredService<IOptions<McpOptions>>().Value.Path;
        MapDocument(Paths.KeySet, OpenIddictServerEndpointType.JsonWebKeySet);
        foreach (var path in Paths.ServerMetadata(mcp))
        {
            MapDocument(path, OpenIddictServerEndpointType.Configuration);
        }

        foreach (var place in (string[])["", mcp])
        {
            app.Map(place + Paths.WellKnown + "/{**rest}", NotFound)
                .WithAddress(new AddressAttribute(Reader.Programs, AddressAttribute.AnyMethod) { Cors = true, AllowsHttp = true, AnyHost = true, WithoutOAuth = true });
        }

        app.Map(Paths.Resources + "/{**resource}", OtherResourceMetadata.Serve)
            .WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { Cors = true, AllowsHttp = true, AnyHost = true });

        // The paths of older set-ups, from the guide this product started from (LINK-03).
        app.Map(Paths.OldMetadata, (string document) => TypedResults.LocalRedirect($"{Paths.WellKnown}/{Uri.EscapeDataString(document)}", permanent: true))
            .WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { AllowsHttp = true });

        void MapDocument(string path, OpenIddictServerEndpointType type) =>
            app.Map(path, NotFound).WithAddress(new AddressAttribute(Reader.Programs, "GET HEAD") { Cors = true, AllowsHttp = true, AnyHost = true, OpenIddict = type });
    }

    private static OAuthError NotFound() => OAuthError.NotFound("There is no such metadata document on this server.");
}
