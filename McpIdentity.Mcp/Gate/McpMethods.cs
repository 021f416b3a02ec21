using System.Collections.Frozen;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Mcp.Gate;

/// <summary>How a method is guarded.</summary>
internal enum McpMethodKind
{
    /// <summary>Needs a credential unless a setting opens it; also every method that is not in the table.</summary>
    Protected,

    /// <summary>Open: nothing is disclosed or done.</summary>
    Public,

    /// <summary>Open, except where clients must be challenged at once.</summary>
    FirstContact,

    /// <summary>Discovery of tools.</summary>
    ToolsList,

    /// <summary>Execution of a tool.</summary>
    ToolsCall,
}

/// <summary>The one table of methods.</summary>
internal static class McpMethods
{
    public const string Initialize = "initialize";
    public const string ToolsList = "tools/list";
    public const string ToolsCall = "tools/call";
    public const string PromptsGet = "prompts/get";
    public const string ResourcesRead = "resources/read";
    public const string ResourcesSubscribe = "resources/subscribe";
    public const string ResourcesUnsubscribe = "resources/unsubscribe";
    public const string Complete = "completion/complete";
    public const string Listen = "subscriptions/listen";

    /// <summary>Those that are answered with a list of what there is.</summary>
    public static readonly IReadOnlyList<string> Lists = [ToolsList, "prompts/list", "resources/list", "resources/templates/list"];

    private static readonly FrozenDictionary<string, McpMethodKind> Kinds = new Dictionary<string, McpMethodKind>
    {
        [Initialize] = McpMethodKind.FirstContact,
        ["server/discover"] = McpMethodKind.FirstContact,
        ["ping"] = McpMethodKind.Public,
        ["logging/setLevel"] = McpMethodKind.Public, // clients send it on connecting, because the SDK advertises logging
        [ToolsList] = McpMethodKind.ToolsList,
        [ToolsCall] = McpMethodKind.ToolsCall,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The requests that the SDK knows, for settings that name one: a misspelt name would guard nothing.</summary>
    public static readonly FrozenSet<string> Known = typeof(RequestMethods).GetFields()
        .Select(field => (string)field.GetRawConstantValue()!).Union(Kinds.Keys).ToFrozenSet(StringComparer.Ordinal);

    public static McpMethodKind KindOf(string? method) => method switch
    {
        null => McpMethodKind.Protected, // a response; whoever could have been asked has shown a token
        _ when method.StartsWith("notifications/", StringComparison.Ordinal) => McpMethodKind.Public,
        _ => Kinds.GetValueOrDefault(method),
    };
}
