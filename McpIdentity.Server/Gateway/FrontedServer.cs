using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Gateway;

/// <summary>An MCP server behind this one, as it is in force.</summary>
/// <param name="Name">Its name in <c>Gateway:Servers</c>.</param>
/// <param name="Options">What was said of it.</param>
internal sealed record FrontedServer(string Name, FrontedServerOptions Options)
{
    // Of the gate's lists: only the first can be told what to ask for.
    private static readonly string[] Usual = [ServerScopes.Mcp, ServerScopes.McpCall];

    public string Path => Resource.Path;

    public Uri Url { get; } = new(Options.Url!);

    /// <summary>Without the query, in which a secret may stand: for logs, and for whoever reads what we sign.</summary>
    public string Address => Url.GetLeftPart(UriPartial.Path);

    public string DisplayName => Options.DisplayName ?? Name;

    public bool HasOwnScopes => Options.Scopes.Count > 0;

    /// <summary>What a client is told to ask for that has nothing yet.</summary>
    public IReadOnlyList<string> Asked =>
        Options.DefaultScopes.Count > 0 ? [.. Options.DefaultScopes] : HasOwnScopes ? [.. Options.Scopes.Keys.Order(StringComparer.Ordinal)] : Usual;

    /// <summary>It as a resource.</summary>
    public FrontedResource Resource { get; } = new(
        Name,
        PathOf(Name, Options),
        Options.DisplayName ?? Name,
        [.. Options.Scopes.OrderBy(scope => scope.Key, StringComparer.Ordinal).Select(scope => new Scope(scope.Key, scope.Value))],
        [.. Options.DefaultScopes])
    {
        NeedsAccount = Options.Upstream.Auth == UpstreamAuth.OAuth,
        Review = Options.Review,
        Tools = Options.Tools.ToDictionary(StringComparer.Ordinal),
    };

    /// <summary>Where clients reach it.</summary>
    public static string PathOf(string name, FrontedServerOptions options) => options.Path ?? $"/mcp/{name}";

    /// <summary>It as people connect their accounts there.</summary>
    public ConnectableServer Connectable => new(Name, DisplayName, Url, Options.Upstream);

    /// <summary>The scopes that a call of the tool needs.</summary>
    public IReadOnlyList<string> ScopesOf(string tool) => Resource.ScopesOf(tool);
}
