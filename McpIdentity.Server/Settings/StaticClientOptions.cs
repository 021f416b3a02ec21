using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>A client that the operator registers: an entry of <c>OAuth:StaticClients</c>.</summary>
internal sealed class StaticClientOptions
{
    /// <summary>
    /// A client in wide use, whose name and redirect URIs are known: <c>claude</c>, <c>chatgpt</c>, <c>vscode</c>, <c>copilot-cli</c>,
    /// <c>cursor</c>, <c>gemini-cli</c>, <c>inspector</c>, <c>zed</c>, <c>codex</c>. What is said beside it counts: another client id or
    /// name, and further redirect URIs.
    /// </summary>
    public string? Preset { get; set; }

    /// <summary>A name of your choice; absent, that of the preset.</summary>
    public string? ClientId { get; set; }

    /// <summary>
    /// At least 16 characters. Without a secret and without keys it is a public client (a program on a person's computer), which proves
    /// itself by PKCE alone.
    /// </summary>
    [Secret]
    public string? ClientSecret { get; set; }

    /// <summary>
    /// Public keys in place of a secret, for a client that signs (<c>private_key_jwt</c>, RFC 7523): a key set as JSON text, or the path
    /// of a file that holds one.
    /// </summary>
    public string? Jwks { get; set; }

    /// <summary>The same, at an https URL of the client: it can change its keys by itself.</summary>
    public string? JwksUri { get; set; }

    /// <summary>What people read on the consent page; absent, the client id.</summary>
    public string? Name { get; set; }

    /// <summary>Where answers may go, compared exactly (but for the port of a loopback address). None for a service without a browser.</summary>
    public IList<string> RedirectUris { get; } = [];

    /// <summary>
    /// <c>authorization_code</c>, <c>refresh_token</c>, <c>client_credentials</c>. Absent, the first two with redirect URIs and
    /// the last one without.
    /// </summary>
    public IList<string> GrantTypes { get; } = [];

    /// <summary>
    /// The MCP servers that this client speaks for, by their identifiers: it may introspect access tokens that were issued for
    /// them (RFC 7662), and no others but its own. They stand in <c>OAuth:Resources</c>, or are this server's own endpoint.
    /// </summary>
    public IList<string> Resources { get; } = [];

    /// <summary>
    /// What this client may do at the admin API where it speaks for itself (<c>client_credentials</c>): <c>admin:read</c>, <c>admin:write</c>,
    /// <c>admin:keys</c>, <c>audit:read</c>.
    /// </summary>
    public IList<string> AdminScopes { get; } = [];

    /// <summary>
    /// Nobody is asked whether this client may act for them: you have decided it. Of a public client on a loopback address or
    /// with a scheme of its own, any program on a person's computer can then get tokens without a question.
    /// </summary>
    public bool PreApproved { get; set; }
}
