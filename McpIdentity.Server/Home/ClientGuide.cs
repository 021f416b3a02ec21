namespace McpIdentity.Server.Home;

/// <summary>How one client is connected to our MCP endpoint. docs/clients.md says the same at length; a test compares.</summary>
/// <param name="Client">What people call it.</param>
/// <param name="Steps">What to do, with <paramref name="Snippet"/> below it.</param>
/// <param name="Snippet">To be copied: a command, a file, or the address.</param>
internal sealed record ClientGuide(string Client, FormattableString Steps, string Snippet)
{
    /// <summary>The port on which a client that was made beforehand takes its answer.</summary>
    private const int CallbackPort = 33418;

    /// <summary>Those that take the id of a client which an operator made for them, by a short name.</summary>
    public static readonly IReadOnlyList<string> Known = ["claude-code", "vscode", "cursor", "chatgpt", "inspector"];

    /// <summary>How one of <see cref="Known"/> is connected as a client that an operator made for it.</summary>
    /// <param name="known">Which.</param>
    /// <param name="url">The address of the MCP server.</param>
    /// <param name="clientId">Its identifier here.</param>
    public static ClientGuide For(string known, string url, string clientId) => known switch
    {
        "claude-code" => new("Claude Code", $"Run this, then /mcp in a session, and Authenticate.", $"claude mcp add --transport http --client-id {clientId} --callback-port {CallbackPort} mcpidentity {url}"),
        "vscode" => new("VS Code", $"{".vscode/mcp.json"} of the workspace:", $$"""
            {
              "servers": {
                "mcpidentity": { "type": "http", "url": "{{url}}", "oauth": { "clientId": "{{clientId}}" } }
              }
            }
            """),
        "cursor" => new("Cursor", $"{".cursor/mcp.json"} of the project, or {"~/.cursor/mcp.json"}:", $$"""
            {
              "mcpServers": {
                "mcpidentity": { "url": "{{url}}", "auth": { "CLIENT_ID": "{{clientId}}" } }
              }
            }
            """),
        "chatgpt" => new("ChatGPT", $"Settings, Connectors, and in developer mode Create: this address, which has to be public and https, authentication OAuth, and the client id {clientId}.", url),
        _ => new("MCP Inspector", $"Run this; then transport Streamable HTTP, the address {url}, in OAuth 2.0 Flow the client id {clientId}, and Connect.", "npx @modelcontextprotocol/inspector"),
    };

    /// <param name="url">The address of the endpoint.</param>
    public static IEnumerable<ClientGuide> For(string url) =>
    [
        new("Claude Code", $"Run this, then /mcp in a session, and Authenticate.", $"claude mcp add --transport http mcpidentity {url}"),
        new("Claude, Claude Desktop", $"Settings, Connectors, Add custom connector, and this address. Claude's servers must reach it: it has to be public and https.", url),
        new("VS Code", $"{".vscode/mcp.json"} of the workspace:", $$"""
            {
              "servers": {
                "mcpidentity": { "type": "http", "url": "{{url}}" }
              }
            }
            """),
        new("Cursor", $"{".cursor/mcp.json"} of the project, or {"~/.cursor/mcp.json"}:", $$"""
            {
              "mcpServers": {
                "mcpidentity": { "url": "{{url}}" }
              }
            }
            """),
        new("ChatGPT", $"Settings, Connectors, and in developer mode Create: this address, which has to be public and https, and authentication OAuth.", url),
        new("MCP Inspector", $"Run this; then transport Streamable HTTP, the address above, and Connect.", "npx @modelcontextprotocol/inspector"),
        new("mcp-remote", $"For a client that starts programs and cannot connect by itself, such as {"claude_desktop_config.json"}:", $$"""
            {
              "mcpServers": {
                "mcpidentity": {
                  "command": "npx",
                  "args": [ "mcp-remote", "{{url}}" ]
                }
              }
            }
            """),
    ];
}
