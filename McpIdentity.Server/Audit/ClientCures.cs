namespace McpIdentity.Server.Audit;

/// <summary>What to do at the client, for those in wide use (docs/interoperability.md); in general words for every other.</summary>
/// <param name="Again">How it is connected anew.</param>
/// <param name="Address">Where it is told the address.</param>
/// <param name="Answer">What keeps the answer from reaching it.</param>
/// <param name="Redirect">What to do about a redirect URI that is not registered.</param>
internal sealed record ClientCures(string Again, string Address, string Answer, string Redirect)
{
    private const string RegisterAgain = "Remove the server in the client and add it again, so that it registers anew";

    private static readonly ClientCures Any = new(
        "Remove the server in the client and add it again.", "It must be the URL of the MCP server, as docs/clients.md has it.",
        "A program on the person's computer must still be listening; a hosted one must reach this server from the internet.",
        $"{RegisterAgain}; for a client of yours put the URI into OAuth:StaticClients:n:RedirectUris.");

    // By what stands in its id, its name or its redirect URIs.
    private static readonly (string[] Marks, ClientCures Cures)[] Known =
    [
        (["chatgpt.com", "ChatGPT"], new(
            "In ChatGPT: Settings, Apps & Connectors, disconnect it and connect it again.", "ChatGPT calls the URL that was given when the connector was made, /mcp and all.",
            "ChatGPT fetches the token from its own servers: this one must be reached from the internet.",
            "Each connector of ChatGPT has a redirect URI of its own (https://chatgpt.com/connector/oauth/…): make the connector anew so that it registers; one that you configured needs its URI in OAuth:StaticClients (Preset chatgpt).")),
        (["claude.ai", "claude.com"], new(
            "In Claude: Settings, Connectors, disconnect it and connect it again.", "Claude calls the URL that was given when the connector was made, /mcp and all.",
            "Claude fetches the token from its own servers: this one must be reached from the internet.",
            "A connector of Claude is answered at https://claude.ai/api/mcp/auth_callback or https://claude.com/api/mcp/auth_callback: a client that you configured needs both (OAuth:StaticClients, Preset claude).")),
        (["Claude Code", "claude-code"], new(
            "In Claude Code: /mcp, choose the server, clear the authentication and authenticate again.", "claude mcp list shows the URL that it calls.",
            "Claude Code listens on this computer while it waits: the browser must be on the same machine, or the address be pasted back.",
            "Claude Code is answered at http://localhost:PORT/callback: host and path as written, any port (OAuth:StaticClients, Preset claude-code).")),
        (["vscode", "Visual Studio Code"], new(
            "In VS Code: Accounts, Manage Trusted MCP Servers, sign out; then start the server again.", "MCP: List Servers shows the URL that it calls.",
            "VS Code listens on 127.0.0.1:33418 or another port, or goes by https://vscode.dev/redirect.",
            "VS Code needs http://127.0.0.1/ (any port) and https://vscode.dev/redirect: a client that you configured takes both from Preset vscode.")),
        (["cursor", "Cursor"], new(
            "In Cursor: Settings, MCP, log out at the server and connect again.", "mcp.json has the URL that it calls.",
            "Cursor listens on this computer, or takes links that begin with cursor://: an older version knows only those.",
            "Cursor moved from cursor://anysphere.cursor-mcp/oauth/callback to http://localhost:8787/callback: a client that you configured needs both (OAuth:StaticClients, Preset cursor).")),
        (["Inspector", "localhost:6274"], new(
            "In MCP Inspector: Clear OAuth State, then connect again.", "The Inspector calls the URL in its field.",
            "The Inspector runs in the browser: this server must allow its origin (Cors:Origin).",
            "The Inspector is answered at http://localhost:6274/oauth/callback, and at …/callback/debug in its guided flow: let it register anew.")),
    ];

    public static ClientCures Of(TracedFlow flow)
    {
        var texts = flow.Steps.Where(step => !step.IsOnlyNearby).SelectMany(step => (string?[])[step.Row.ClientId, step.Got, step.Event == "client_registered" ? step.Reason : null, step.Event == "client_registered" ? step.Expected : null]).OfType<string>().ToList();
        return Known.FirstOrDefault(known => known.Marks.Any(mark => texts.Any(text => text.Contains(mark, StringComparison.Ordinal)))).Cures ?? Any;
    }
}
