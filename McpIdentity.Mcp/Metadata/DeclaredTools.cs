using System.Collections.Concurrent;
using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Metadata;

/// <summary>The tools that there are, and what they and the settings say of each.</summary>
internal sealed class DeclaredTools(IOptions<McpOptions> options, IOptions<McpServerOptions> server)
{
    /// <summary>In a list of public tools: those that say so themselves.</summary>
    public const string DefaultWord = "default";

    private readonly ConcurrentDictionary<McpServerTool, Declared> _declared = new(ReferenceEqualityComparer.Instance);
    private readonly McpAuthOptions _auth = options.Value.Auth;
    private readonly FrozenSet<string> _public = options.Value.Auth.PublicTools.ToFrozenSet(StringComparer.Ordinal);
    private readonly FrozenSet<string> _denied = options.Value.Auth.DenyPublicTools.ToFrozenSet(StringComparer.Ordinal);

    public IEnumerable<McpServerTool> All => server.Value.ToolCollection ?? Enumerable.Empty<McpServerTool>();

    public IEnumerable<string> Names => server.Value.ToolCollection?.PrimitiveNames ?? [];

    public bool Has(string name) => ToolNamed(name) is not null;

    /// <summary>The tool's own scopes (<see cref="ToolAccessAttribute"/>).</summary>
    public IReadOnlyList<string> ScopesOf(string? name) => name is null ? [] : DeclaredBy(name).Scopes;

    /// <summary>Whether a caller without a credential may call the tool; a denial always wins (LINK-12).</summary>
    public bool IsPublic(string? tool) =>
        tool is not null && !_denied.Contains(tool) &&
        (_public.Contains(tool) || (_public.Contains(DefaultWord) && DeclaredBy(tool) is { Public: true } declared && IsOpenCategory(declared.Category)));

    private bool IsOpenCategory(string? category) =>
        _auth.PublicCategories.Count == 0 || (category is not null && _auth.PublicCategories.Contains(category));

    private McpServerTool? ToolNamed(string name) =>
        server.Value.ToolCollection is { } all && all.TryGetPrimitive(name, out var tool) ? tool : null;

    private Declared DeclaredBy(string name) => ToolNamed(name) is { } tool ? _declared.GetOrAdd(tool, Declared.By) : Declared.Nothing;

    private sealed record Declared(bool Public, string? Category, IReadOnlyList<string> Scopes)
    {
        public static readonly Declared Nothing = new(false, null, []);

        // The method's attribute follows its class's in the SDK's list and refines it; scopes add up.
        public static Declared By(McpServerTool tool) => tool.Metadata.OfType<ToolAccessAttribute>().Aggregate(Nothing, (sum, one) => new Declared(
            one.Public, one.Category ?? sum.Category, [.. sum.Scopes.Union(one.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries))]));
    }
}
