using ModelContextProtocol.Protocol;

namespace McpIdentity.Mcp;

/// <summary>The tools of this endpoint, for a host that is its authorization server: people choose among them on its consent page.</summary>
internal interface IMcpTools
{
    /// <summary>All of them, in ordinal order.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>What a token of ours with these scopes can call, by name; empty where none of them is about calling tools.</summary>
    IReadOnlyList<Tool> CallableWith(IReadOnlyCollection<string> scopes);
}
