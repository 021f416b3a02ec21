using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Protocol;

/// <summary>The scopes this server grants, and what they mean to a person.</summary>
internal static class ServerScopes
{
    public const string Mcp = "mcp";
    public const string McpCall = "mcp:call";
    public const string McpAdmin = "mcp:admin";

    /// <summary>Name and plain words, in the order of the consent page.</summary>
    public static readonly IReadOnlyList<(string Name, string Meaning)> All =
    [
        (Mcp, "Connect to the MCP server and see what it offers"),
        (McpCall, "Run the MCP server's tools in your name"),
        (McpAdmin, "Administer the MCP server"),
        (Scopes.OpenId, "Know that it is you"),
        (Scopes.Profile, "See your name"),
        (Scopes.Email, "See your e-mail address"),
        (Scopes.OfflineAccess, "Stay connected until you disconnect it"),
    ];

    /// <summary>What only a person can give, and a client that speaks for itself is not granted (RFC 6749 §4.4).</summary>
    public static readonly IReadOnlyList<string> OfPeople = [Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess];

    /// <summary>What a client gets that asks for nothing, or for nothing we know (docs/interoperability.md, "Scopes of other systems").</summary>
    public static readonly IReadOnlyList<string> Default = [Mcp, McpCall];

    /// <summary>The known ones of what was asked, without doubles, in the order of <see cref="All"/>; the default when none is left.</summary>
    public static IReadOnlyList<string> Known(IEnumerable<string> requested)
    {
        var set = requested.ToHashSet(StringComparer.Ordinal);
        var known = All.Where(scope => set.Contains(scope.Name)).Select(scope => scope.Name).ToList();
        return known.Count > 0 ? known : Default;
    }

    public static IEnumerable<string> Unknown(IEnumerable<string> requested) => requested.Except(All.Select(scope => scope.Name), StringComparer.Ordinal);

    public static string Meaning(string scope) => All.FirstOrDefault(known => known.Name == scope).Meaning ?? scope;
}
