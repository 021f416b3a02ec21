namespace McpIdentity.Server.Home;

/// <summary>How one client is connected to our MCP endpoint. docs/clients.md says the same at length; a test compares.</summary>
/// <param name="Client">What people call it.</param>
/// <param name="Steps">What to do, with <paramref name="Snippet"/> below it.</param>
/// <param name="Snippet">To be copied: a command, a file, or the address.</param>
internal sealed record ClientGuide(string Client, FormattableString Steps, string Snippet)
{
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
