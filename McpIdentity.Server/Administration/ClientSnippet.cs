namespace McpIdentity.Server.Administration;

/// <summary>How a client in wide use is told to connect as this one.</summary>
/// <param name="Client">What people call it.</param>
/// <param name="Steps">What to do.</param>
/// <param name="Snippet">To be copied.</param>
internal sealed record ClientSnippet(string Client, string Steps, string Snippet)
{
    // The port on which Claude Code takes its answer as a client that was made beforehand.
    private const string CallbackPort = "33418";

    /// <summary>Those that take the id of a client which an operator made for them, by a short name.</summary>
    public static readonly IReadOnlyList<string> Known = ["claude-code", "vscode", "cursor", "chatgpt", "inspector"];

    /// <summary>How one of <see cref="Known"/> is connected as a client that an operator made for it.</summary>
    /// <param name="known">Which.</param>
    /// <param name="url">The address of the MCP server.</param>
    /// <param name="clientId">Its identifier here.</param>
    public static ClientSnippet For(string known, string url, string clientId) => known switch
    {
        "claude-code" => new("Claude Code", "Run this, then /mcp in a session, and Authenticate.", $"claude mcp add --transport http --client-id {clientId} --callback-port {CallbackPort} mcpidentity {url}"),
        "vscode" => new("VS Code", ".vscode/mcp.json of the workspace:", $$"""
            {
              "servers": {
                "mcpidentity": { "type": "http", "url": "{{url}}", "oauth": { "clientId": "{{clientId}}" } }
              }
            }
            """),
        "cursor" => new("Cursor", ".cursor/mcp.json of the project, or ~/.cursor/mcp.json:", $$"""
            {
              "mcpServers": {
                "mcpidentity": { "url": "{{url}}", "auth": { "CLIENT_ID": "{{clientId}}" } }
              }
            }
            """),
        "chatgpt" => new("ChatGPT", "Settings, Connectors, and in developer mode Create: authentication OAuth, and this address and client id. The address has to be public and https.", $"{url}\n{clientId}"),
        _ => new("MCP Inspector", "Run this; then transport Streamable HTTP, in its OAuth settings the client id, and Connect.", $"npx @modelcontextprotocol/inspector\n{url}\n{clientId}"),
    };
}
