using System.Collections.Frozen;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Protocol;

/// <summary>A server that this one stands before, as a resource; its URL is our own address and its path.</summary>
/// <param name="Server">Its name in <c>Gateway:Servers</c>.</param>
/// <param name="Path">Where it is served.</param>
/// <param name="Name">What people read.</param>
/// <param name="Scopes">Its own; empty: those of every MCP server.</param>
/// <param name="DefaultScopes">What a request gets that asks for none of its own; empty: all that are for everybody.</param>
internal sealed record FrontedResource(string Server, string Path, string Name, IReadOnlyList<Scope> Scopes, IReadOnlyList<string> DefaultScopes)
{
    /// <summary>Each person has an account of their own there (<c>Upstream:Auth</c> <c>OAuth</c>).</summary>
    public bool NeedsAccount { get; init; }

    /// <summary>Which of its tools wait for a review.</summary>
    public ToolReview Review { get; init; }

    /// <summary>Which of its scopes a tool needs, by names with <c>*</c> in them; several are separated by spaces.</summary>
    public IReadOnlyDictionary<string, string> Tools { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The scopes that a call of the tool needs: those of the entry that fits its name most closely.</summary>
    public IReadOnlyList<string> ScopesOf(string tool) => Tools
        .Select(entry => (Pattern: new NamePattern(entry.Key), Scopes: entry.Value)).Where(entry => entry.Pattern.Matches(tool))
        .OrderBy(entry => entry.Pattern.IsOpen).ThenByDescending(entry => entry.Pattern.Text.Length).Select(entry => entry.Scopes).FirstOrDefault() is { } scopes
            ? scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            : Scopes.Count > 0 ? [] : [ServerScopes.McpCall];
}
