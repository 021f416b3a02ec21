using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>Other MCP servers that this one stands before: the section <c>Gateway</c>.</summary>
internal sealed class GatewayOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Gateway";

    /// <summary>
    /// The servers, each by a short name of your choice, which is in its address: <c>"notes": { "Url": "http://localhost:3001/mcp" }</c>.
    /// Nobody may use anything of them until a rule of <c>Policy</c> says so.
    /// </summary>
    public IDictionary<string, FrontedServerOptions> Servers { get; } = new Dictionary<string, FrontedServerOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// How often each server is asked for its tools, beside the lists that people read: for the catalogue, and to know that it answers.
    /// <c>00:00:00</c>: never.
    /// </summary>
    public TimeSpan CatalogueRefresh { get; set; } = TimeSpan.FromMinutes(15);
}

/// <summary>An MCP server behind this one.</summary>
internal sealed class FrontedServerOptions
{
    /// <summary>Where it is reached from here: its MCP endpoint, http or https. Redirects are not followed.</summary>
    public string? Url { get; set; }

    /// <summary>Where clients reach it at this server; absent, <c>/mcp/</c> and its name. Part of its resource identifier.</summary>
    public string? Path { get; set; }

    /// <summary>What people and clients read; absent, its name.</summary>
    public string? DisplayName { get; set; }

    /// <summary>
    /// Scopes of its own, each with the words that the consent page shows: <c>"notes:write": "Write notes"</c>. Absent, <c>mcp</c>,
    /// <c>mcp:call</c> and, for administrators, <c>mcp:admin</c>.
    /// </summary>
    public IDictionary<string, string> Scopes { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>What a client gets that asks for none of its scopes. Absent, all of them.</summary>
    public IList<string> DefaultScopes { get; } = [];

    /// <summary>
    /// Which of its scopes a tool needs, by name, <c>*</c> for any characters: <c>"create_*": "notes:write"</c>. Several are separated by
    /// spaces; a whole name counts before one with <c>*</c>, and then the longest that fits. A tool that no entry fits needs <c>mcp:call</c>, or with scopes of its own nothing.
    /// </summary>
    public IDictionary<string, string> Tools { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Which of its tools wait for somebody to look at them (<c>tools review</c>) before anybody can use them.</summary>
    public ToolReview Review { get; set; }

    /// <summary>How we speak to it.</summary>
    public UpstreamOptions Upstream { get; } = new();

    /// <summary>How long it may take until it begins to answer, and until the next part of an answer. Streams that wait for news have no limit.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The longest answer, in bytes, and the longest message of a list or of a stream that waits for news. Beyond, the call fails.</summary>
    public int MaxAnswerBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Calls that may be under way at once from this node, streams that wait for news left out. Beyond, 503 with <c>Retry-After</c>.</summary>
    public int MaxConcurrentCalls { get; set; } = 200;

    /// <summary>Streams that wait for news, from this node: each needs two file descriptors. Beyond, 503 with <c>Retry-After</c>.</summary>
    public int MaxConcurrentStreams { get; set; } = 10_000;

    /// <summary>Of the calls under way, so many may be one caller's.</summary>
    public int MaxCallsPerCaller { get; set; } = 50;

    /// <summary>Of the streams that wait for news, so many may be one caller's.</summary>
    public int MaxStreamsPerCaller { get; set; } = 200;

    /// <summary>Requests of one person in a window of <c>Mcp:RateLimiting</c>; absent, as there.</summary>
    public int? MaxRequests { get; set; }

    /// <summary>Tool calls among them; absent, as there.</summary>
    public int? MaxToolCalls { get; set; }

    /// <param name="section">One entry.</param>
    // A colon of a scope's or tool's name is a level to .NET's configuration, so that the binder knows no such key.
    public static FrontedServerOptions ReadFrom(IConfigurationSection section)
    {
        var server = section.Get<FrontedServerOptions>() ?? new FrontedServerOptions();
        foreach (var (name, words) in new[] { (nameof(Scopes), server.Scopes), (nameof(Tools), server.Tools) })
        {
            words.Clear();
            foreach (var (key, value) in ResourceOptions.ValuesOf(section.GetSection(name)))
            {
                words[key] = value;
            }
        }

        return server;
    }
}

/// <summary>Which tools wait for a review.</summary>
internal enum ToolReview
{
    /// <summary>None: a tool can be used as soon as it is there.</summary>
    None,

    /// <summary>Tools whose description, parameters or annotations have changed since they were seen first.</summary>
    Changed,

    /// <summary>These, and those that are new.</summary>
    New,
}

/// <summary>How a server behind this one knows us. What a caller showed never goes on to it.</summary>
internal sealed class UpstreamOptions
{
    /// <summary>What it is given.</summary>
    public UpstreamAuth Auth { get; set; }

    /// <summary>With <see cref="UpstreamAuth.Header"/>: the name of the header.</summary>
    public string Header { get; set; } = "Authorization";

    /// <summary>With <see cref="UpstreamAuth.Header"/>: its value, such as <c>Bearer …</c>. In the environment or in <see cref="ValueFile"/>, not in a file that is shared.</summary>
    [Secret]
    public string? Value { get; set; }

    /// <summary>A file that holds the value, read with each call.</summary>
    public string? ValueFile { get; set; }

    /// <summary>
    /// With <see cref="UpstreamAuth.Identity"/>: the audience of the JWT; absent, the server's <c>Url</c>. With <see cref="UpstreamAuth.TokenExchange"/>:
    /// the issuer of the authorization server, which the JWT is for; absent, <see cref="TokenEndpoint"/>.
    /// </summary>
    public string? Audience { get; set; }

    /// <summary>With <see cref="UpstreamAuth.TokenExchange"/>: the token endpoint of the authorization server that the server trusts; https, http on loopback.</summary>
    public string? TokenEndpoint { get; set; }

    /// <summary>With <see cref="UpstreamAuth.TokenExchange"/>: which grant is asked for there.</summary>
    public ExchangeGrant Grant { get; set; }

    /// <summary>
    /// With <see cref="UpstreamAuth.TokenExchange"/>: the client that this server is there. With <see cref="UpstreamAuth.OAuth"/>: the same, where it
    /// was registered by hand; absent, it shows a document of its own (<c>/oauth/clients/</c>, the name, <c>.json</c>) or registers itself.
    /// </summary>
    public string? ClientId { get; set; }

    /// <summary>
    /// Its secret, shown by <c>client_secret_basic</c>, or with <see cref="UpstreamAuth.OAuth"/> by <c>client_secret_post</c> where the authorization server takes only that; absent for a
    /// public client.
    /// </summary>
    [Secret]
    public string? ClientSecret { get; set; }

    /// <summary>
    /// The scopes that are asked for, separated by spaces. Absent, with <see cref="UpstreamAuth.TokenExchange"/> none are named, and with
    /// <see cref="UpstreamAuth.OAuth"/> those that the server's 401 or its metadata names, and <c>offline_access</c> where the authorization server has it. What a server asks for
    /// beside them by 403 <c>insufficient_scope</c>, its person is asked to allow.
    /// </summary>
    public string? Scope { get; set; }

    /// <summary>
    /// With <see cref="UpstreamAuth.OAuth"/>: the authorization server, as its metadata says it (<c>issuer</c>), word for word. People are sent to no other, whatever the server comes to name,
    /// and a <see cref="ClientId"/> needs it: no other gets to see the client's secret. Absent, the first that the server's metadata names.
    /// </summary>
    public string? Issuer { get; set; }

    /// <summary>
    /// With <see cref="UpstreamAuth.OAuth"/>: what the authorization server is told that the tokens are for (<c>resource</c>, RFC 8707), where that is not what the server's metadata
    /// says; empty: nothing.
    /// </summary>
    public string? Resource { get; set; }

    /// <summary>
    /// With <see cref="UpstreamAuth.OAuth"/>: parameters that the authorization server knows beside those of OAuth, such as <c>"access_type": "offline"</c> of Google; people are sent
    /// there with them.
    /// </summary>
    public IDictionary<string, string> AuthorizationParameters { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// With <see cref="UpstreamAuth.OAuth"/>: networks such as <c>10.1.2.0/24</c> in which its authorization server may be, although their addresses are not public; those of
    /// <c>OAuth:ClientDocuments:AllowedNetworks</c> count too. A server on loopback may have one there without saying.
    /// </summary>
    public IList<string> AllowedNetworks { get; } = [];
}

/// <summary>What a server behind this one is given.</summary>
internal enum UpstreamAuth
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A secret of this server's own, the same for everybody.</summary>
    Header,

    /// <summary>A short-lived JWT of this server that says who calls, and by which client (docs/gateway.md).</summary>
    Identity,

    /// <summary>What an external authorization server gives for such a JWT.</summary>
    TokenExchange,

    /// <summary>The token of the caller's own account there, which each person connects once (docs/gateway.md).</summary>
    OAuth,
}

/// <summary>How an external authorization server is asked for a token in somebody's name.</summary>
internal enum ExchangeGrant
{
    /// <summary>OAuth 2.0 Token Exchange (RFC 8693).</summary>
    TokenExchange,

    /// <summary>The JWT bearer grant (RFC 7523) with an identity assertion (ID-JAG).</summary>
    JwtBearer,
}
