using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Protocol;

/// <summary>A scope, and what it means to a person.</summary>
internal sealed record Scope(string Name, string Meaning);

/// <summary>The scopes that this server has words for; a resource of <c>OAuth:Resources</c> may name its own (<see cref="ProtectedResource"/>).</summary>
internal static class ServerScopes
{
    public const string Mcp = "mcp";
    public const string McpCall = "mcp:call";
    public const string McpAdmin = "mcp:admin";

    /// <summary>Of an MCP server that names none, in the order of the consent page.</summary>
    public static readonly IReadOnlyList<Scope> OfMcpServers =
    [
        new(Mcp, "Connect to the MCP server and see what it offers"),
        new(McpCall, "Run the MCP server's tools in your name"),
        new(McpAdmin, "Administer the MCP server"),
    ];

    /// <summary>The same of our own endpoint, whose tools look up who calls (<c>whoami</c>).</summary>
    public static readonly IReadOnlyList<Scope> OfOwnEndpoint =
    [
        .. OfMcpServers.Select(scope => scope.Name == McpCall ? scope with { Meaning = scope.Meaning + ". They see your name and e-mail address" } : scope),
    ];

    /// <summary>About the person and the grant, at every resource. A client that speaks for itself is not granted them (RFC 6749 §4.4).</summary>
    public static readonly IReadOnlyList<Scope> OfPeople =
    [
        new(Scopes.OpenId, "Know that it is you"),
        new(Scopes.Profile, "See your name"),
        new(Scopes.Email, "See your e-mail address"),
        new(Scopes.OfflineAccess, "Stay connected until you disconnect it"),
    ];
}
