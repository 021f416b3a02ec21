namespace McpIdentity.Mcp.Metadata;

/// <summary>The scopes that clients are told of: those that using the endpoint needs (docs/scopes.md).</summary>
internal sealed class EndpointScopes(DeclaredTools tools)
{
    /// <summary>Calling tools, where neither the tool nor settings ask for something else.</summary>
    public const string Call = "mcp:call";

    /// <summary>For administrators: never part of what everybody is told to ask for.</summary>
    public const string Admin = "mcp:admin";

    private static readonly string[] Usual = ["mcp", Call];

    /// <summary>The usual scopes and those of the tools; where every protected tool has scopes of its own, only those.</summary>
    public IReadOnlyList<string> All
    {
        get
        {
            var ofTools = tools.Names.SelectMany(tools.ScopesOf).Where(scope => scope != Admin).Distinct().Order(StringComparer.Ordinal);
            return NeedsUsual ? [.. Usual.Union(ofTools)] : [.. ofTools];
        }
    }

    private bool NeedsUsual
    {
        get
        {
            var ofProtected = tools.Names.Where(tool => !tools.IsPublic(tool)).Select(tools.ScopesOf).Where(scopes => !scopes.Contains(Admin)).ToList();
            return ofProtected.Count == 0 || ofProtected.Any(scopes => scopes.Count == 0);
        }
    }

    /// <summary>What a client should ask for that has no token yet.</summary>
    /// <param name="needed">What the operation needs that it tried.</param>
    public IReadOnlyList<string> ToBeginWith(IReadOnlyList<string> needed) =>
        NeedsUsual ? [.. Usual.Union(needed)] : needed.Count > 0 ? needed : All;
}
