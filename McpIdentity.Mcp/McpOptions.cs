namespace McpIdentity.Mcp;

/// <summary>The protected MCP endpoint: the section <c>Mcp</c>.</summary>
public sealed class McpOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Mcp";

    /// <summary>Whether the endpoint and its metadata are served; when not, their URLs are 404.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Where the endpoint is mapped; part of the resource identifier.</summary>
    public string Path { get; set; } = "/mcp";

    /// <summary>What the host is called from outside, without trailing slash. The host sets it; nothing is derived from a Host header.</summary>
    public string? PublicBaseUrl { get; set; }

    /// <summary>What a caller must show.</summary>
    public McpAuthOptions Auth { get; set; } = new();

    /// <summary>How strictly that is enforced.</summary>
    public AuthEnforcementOptions AuthEnforcement { get; set; } = new();

    /// <summary>Which hosts and origins may reach the endpoint.</summary>
    public DnsRebindingOptions DnsRebinding { get; set; } = new();

    /// <summary>How many requests are answered in a window.</summary>
    public McpRateLimitOptions RateLimiting { get; set; } = new();

    /// <summary>Whether clients that begin with <c>initialize</c> are given sessions, which live in one process. See <c>docs/stateful-sessions.md</c>.</summary>
    public McpSessionMode SessionMode { get; set; }

    /// <summary>The name of this process among several, which its session identifiers begin with, so that a balancer finds it. Unset: none.</summary>
    public string? SessionNode { get; set; }

    /// <summary>How long a session lasts in which nothing happens and no stream is open.</summary>
    public TimeSpan SessionIdleTimeout { get; set; } = TimeSpan.FromHours(2);

    /// <summary>Sessions in which nothing happens; beyond it the one that was used least recently ends.</summary>
    public int MaxIdleSessions { get; set; } = 10_000;

    /// <summary>Sessions of one subject; beyond it the subject's own that was used least recently ends.</summary>
    public int MaxSessionsPerCaller { get; set; } = 32;

    /// <summary>Where security events are written.</summary>
    public SecurityLoggingOptions SecurityLogging { get; set; } = new();

    /// <summary>The canonical resource identifier (RFC 8707): the one audience of our own access tokens.</summary>
    public string Resource => PublicBaseUrl + Path;

    /// <summary>What its rate limits are called.</summary>
    internal string LimitName { get; private set; } = "mcp";

    /// <summary>Which of the servers that the host fronts it is; null: the module's own endpoint.</summary>
    internal string? Server { get; private set; }

    /// <summary>Another endpoint of the same host, with limits of its own, which takes our own tokens alone.</summary>
    /// <param name="server">What it is called in logs.</param>
    /// <param name="path">Where it is mapped.</param>
    /// <param name="limits">How many requests it answers.</param>
    internal McpOptions ForOther(string server, string path, McpRateLimitOptions limits)
    {
        var other = (McpOptions)MemberwiseClone();
        (other.Server, other.Path, other.RateLimiting, other.LimitName) = (server, path, limits, $"mcp {path}");
        other.Auth = new McpAuthOptions { OAuth = Auth.OAuth };
        other.AuthEnforcement = new AuthEnforcementOptions { RequireValidSession = AuthEnforcement.RequireValidSession }; // who is nobody must not act there as this host
        return other;
    }

    /// <summary>The same endpoint under another address, which is also the issuer of its tokens.</summary>
    internal McpOptions At(string baseUrl)
    {
        var other = (McpOptions)MemberwiseClone();
        (other.PublicBaseUrl, other.Auth) = (baseUrl, Auth.IssuedBy(baseUrl));
        return other;
    }
}

/// <summary>Whether refusals are carried out: the section <c>Mcp:AuthEnforcement</c>.</summary>
public sealed class AuthEnforcementOptions
{
    /// <summary>False reports what would have been refused and lets the call pass; Production refuses to start so.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Whether methods without a rule of their own (resources, prompts, unknown ones) need a credential.</summary>
    public bool RequireAuth { get; set; } = true;

    /// <summary>Joined by "or" with <see cref="McpOAuthOptions.RequireValidSession"/>.</summary>
    public bool? RequireValidSession { get; set; }
}

/// <summary>Protection of a local server against hostile web pages: the section <c>Mcp:DnsRebinding</c>.</summary>
public sealed class DnsRebindingOptions
{
    /// <summary>Whether <c>Host</c> and <c>Origin</c> are compared with what is expected.</summary>
    public bool EnableDnsRebindingProtection { get; set; } = true;

    /// <summary>Host names accepted beside the public one and the loopback names.</summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>
    /// Origins accepted beside our own and loopback ones: <c>scheme://host[:port]</c>, a scheme of programs (<c>vscode-webview://</c>),
    /// a hosted client (<c>claude.ai</c>, <c>chatgpt.com</c>, <c>vscode.dev</c>), or <c>*</c>. Where the address is https, a request with a
    /// bearer token may come from any.
    /// </summary>
    public IList<string> AllowedOrigins { get; } = [];
}
