namespace McpIdentity.Server.Settings;

/// <summary>Which web pages may call the protocol's endpoints from a browser: the section <c>Cors</c>.</summary>
internal sealed class CorsSettings
{
    public const string Section = "Cors";

    public const string Anyone = "*";

    /// <summary>
    /// Origins such as <c>https://inspector.example.org</c> or <c>chrome-extension://…</c>, a scheme of programs with all its origins
    /// (<c>vscode-webview://</c>), or a hosted client: <c>claude.ai</c>, <c>chatgpt.com</c>, <c>vscode.dev</c>. They may call the MCP
    /// endpoint too (as <c>Mcp:DnsRebinding:AllowedOrigins</c>). Unset: any origin at the OAuth endpoints, because these take tokens and
    /// never our cookie, and those of the MCP endpoint there. <c>*</c>: any, the MCP endpoint without a token included.
    /// </summary>
    public IList<string> Origin { get; } = [];

    /// <summary>Whether browsers may send credentials along; never together with <c>*</c>.</summary>
    public bool Credentials { get; set; }

    /// <summary>Methods beside <c>GET</c>, <c>HEAD</c>, <c>POST</c> and <c>DELETE</c>.</summary>
    public IList<string> Methods { get; } = [];

    /// <summary>Request headers beside those that OAuth and MCP clients send.</summary>
    public IList<string> AllowedHeaders { get; } = [];

    /// <summary>Response headers that pages may read, beside <c>WWW-Authenticate</c>, <c>Retry-After</c> and MCP's own.</summary>
    public IList<string> ExposedHeaders { get; } = [];

    internal bool AllowsAnyone => Origin.Count == 0 || Origin.Contains(Anyone);
}
