namespace McpIdentity.Server.Protocol;

/// <summary>Where clients look for metadata: the forms of RFC 8414 §3.1 and OpenID Connect Discovery §4, with and without the resource's path (interop Q20).</summary>
internal static class DiscoveryPaths
{
    public const string KeySet = "/.well-known/jwks.json";

    /// <param name="mcp">The path of the MCP endpoint, <c>Mcp:Path</c>.</param>
    public static string[] ServerMetadata(string mcp) =>
    [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        $"/.well-known/oauth-authorization-server{mcp}",
        $"/.well-known/openid-configuration{mcp}",
        $"{mcp}/.well-known/openid-configuration",
        $"{mcp}/.well-known/oauth-authorization-server",
    ];
}
