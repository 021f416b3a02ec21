using System.Collections.Concurrent;
using System.Collections.Frozen;
using McpIdentity.Mcp.Credentials;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Gate;

/// <summary>What settings and the tools themselves say about who may call them.</summary>
internal sealed partial class ToolRules(IOptions<McpOptions> options, IOptions<McpServerOptions> server, ILogger<ToolRules> logger)
{
    public const string AdminScope = "mcp:admin";

    private const string DefaultWord = "default";

    private readonly ConcurrentDictionary<McpServerTool, Declared> _declared = new(ReferenceEqualityComparer.Instance);
    private readonly McpAuthOptions _auth = options.Value.Auth;
    private readonly FrozenSet<string> _public = options.Value.Auth.PublicTools.ToFrozenSet(StringComparer.Ordinal);
    private readonly FrozenSet<string> _denied = options.Value.Auth.DenyPublicTools.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether a caller without a credential may call the tool; a denial always wins (LINK-12).</summary>
    public bool IsPublic(string? tool) =>
        tool is not null && !_denied.Contains(tool) &&
        (_public.Contains(tool) || (_public.Contains(DefaultWord) && DeclaredBy(tool) is { Public: true } declared && IsOpenCategory(declared.Category)));

    /// <summary>
    /// What a call needs. A tool that settings open to everyone stays open: what guards <c>tools/call</c> in general does not
    /// close it. A tool with scopes of its own is never open.
    /// </summary>
    public IReadOnlyList<string> ScopesOf(string? method, string? tool)
    {
        var ofTool = tool is null ? [] : DeclaredBy(tool).Scopes;
        return method is not null && _auth.MethodScopes.TryGetValue(method, out var ofMethod) && (ofTool.Count > 0 || !IsPublic(tool))
            ? [.. ofMethod.Union(ofTool)]
            : ofTool;
    }

    /// <summary>Whether <c>tools/list</c> shows the tool: nobody sees what they cannot have (SEED-023).</summary>
    public bool IsVisible(string tool, VerifiedCaller? caller)
    {
        if (_auth.AuthType == McpAuthType.None)
        {
            return true;
        }

        // What the method needs shows nobody less: a client that sees the tool asks for those scopes when it calls (403, step-up).
        var scopes = DeclaredBy(tool).Scopes;
        if (caller is not null)
        {
            return scopes.All(caller.Scopes.Contains);
        }

        return scopes.Count == 0 &&
            (_auth.AnonymousListing == McpAnonymousListing.All || IsPublic(tool) ||
                (!_auth.RequireAuthForToolsCall && ScopesOf(McpMethods.ToolsCall, tool).Count == 0));
    }

    /// <summary>A misspelt name would leave a tool closed, or a denial without effect: said at the start.</summary>
    public void WarnOfUnknownTools()
    {
        foreach (var (setting, names) in new[] { ("PublicTools", _auth.PublicTools), ("DenyPublicTools", _auth.DenyPublicTools) })
        {
            foreach (var name in names.Where(name => name != DefaultWord && ToolNamed(name) is null))
            {
                UnknownTool(setting, name);
            }
        }
    }

    private bool IsOpenCategory(string? category) =>
        _auth.PublicCategories.Count == 0 || (category is not null && _auth.PublicCategories.Contains(category));

    private McpServerTool? ToolNamed(string name) =>
        server.Value.ToolCollection is { } all && all.TryGetPrimitive(name, out var tool) ? tool : null;

    private Declared DeclaredBy(string name) => ToolNamed(name) is { } tool ? _declared.GetOrAdd(tool, Declared.By) : Declared.Nothing;

    [LoggerMessage(3201, LogLevel.Warning, "Mcp:Auth:{Setting} names '{Tool}', but there is no such tool.")]
    private partial void UnknownTool(string setting, string tool);

    private sealed record Declared(bool Public, string? Category, IReadOnlyList<string> Scopes)
    {
        public static readonly Declared Nothing = new(false, null, []);

        // The method's attribute follows its class's in the SDK's list and refines it; scopes add up.
        public static Declared By(McpServerTool tool) => tool.Metadata.OfType<ToolAccessAttribute>().Aggregate(Nothing, (sum, one) => new Declared(
            one.Public, one.Category ?? sum.Category, [.. sum.Scopes.Union(one.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries))]));
    }
}
