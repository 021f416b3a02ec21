using McpIdentity.Server.Protocol;

namespace McpIdentity.Server.Discovery;

/// <summary>
/// The metadata (RFC 9728) of an MCP server in another host, for one that cannot serve it itself: its challenge names this address
/// as <c>resource_metadata</c> (§5.1), which may be anywhere, since clients compare the <c>resource</c> in it with the address that
/// they called (§3.3).
/// </summary>
/// <param name="Resource">The host's identifier.</param>
/// <param name="ResourceName">What it is called.</param>
/// <param name="AuthorizationServers">We alone.</param>
/// <param name="ScopesSupported">What a client asks for to begin with: clients ask for all that stands here.</param>
internal sealed record OtherResourceMetadata(string Resource, string? ResourceName, string[] AuthorizationServers, IReadOnlyList<string> ScopesSupported)
{
    public string[] BearerMethodsSupported { get; } = ["header"];

    public static IResult Serve(HttpContext http, string? resource, ProtectedResources resources, PublicAddress address)
    {
        // The identifier without its scheme: a whole URL is no path, and proxies fold its slashes.
        var own = resources.Own?.Identifier;
        var known = resources.All.FirstOrDefault(known =>
            known.Identifier != own && Uri.TryCreate($"{known.Url.Scheme}://{resource}", UriKind.Absolute, out var named) && ProtectedResources.IsSame(known.Url, named));
        if (known is null)
        {
            return OAuthError.NotFound("OAuth:Resources has no such MCP server in another host.");
        }

        http.Response.Headers.CacheControl = "public, max-age=300";
        http.Response.Headers.AccessControlAllowOrigin = "*"; // public, and read by clients that run in browsers
        return TypedResults.Json(new OtherResourceMetadata(known.Identifier, known.Name, [address.Issuer], known.DefaultScopes), DiscoveryJson.Default.OtherResourceMetadata);
    }
}
