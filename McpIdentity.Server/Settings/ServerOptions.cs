namespace McpIdentity.Server.Settings;

/// <summary>Where the server listens and what it calls itself: the section <c>Server</c>.</summary>
internal sealed class ServerOptions
{
    public const string Section = "Server";

    /// <summary>The TCP port.</summary>
    public int Port { get; set; } = 8082;

    /// <summary>
    /// The address that clients and browsers use, without a trailing slash. It is the issuer, and the start of every URL
    /// that the server emits. Unset, Development uses <c>http://localhost:{Port}</c>, or with <see cref="TrustProxy"/>
    /// what a known proxy was called by (a tunnel such as ngrok); Production refuses to guess.
    /// </summary>
    public string? PublicBaseUrl { get; set; }

    /// <summary>
    /// Whether <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> are believed, from known proxies only. Unset: where
    /// <c>NODE_ENV=production</c> is set; ASP.NET Core's own default environment does not switch it on.
    /// </summary>
    public bool? TrustProxy { get; set; }

    /// <summary>How many proxies stand one behind the other.</summary>
    public int ForwardLimit { get; set; } = 1;

    /// <summary>The addresses of the proxies to believe.</summary>
    public IList<string> KnownProxies { get; } = [];

    /// <summary>
    /// The networks of the proxies to believe. With neither this nor <see cref="KnownProxies"/>: loopback and the private
    /// networks <c>10.0.0.0/8</c>, <c>172.16.0.0/12</c>, <c>192.168.0.0/16</c>.
    /// </summary>
    public IList<string> KnownNetworks { get; } = [];

    /// <summary>
    /// Host names that requests may be addressed to, beside the public one and the loopback names: protection against DNS
    /// rebinding. <c>*.example.org</c> stands for every name below it. Health checks and metadata are answered by any name.
    /// </summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>
    /// Whether sign-in, registration, the token endpoints and the MCP endpoint refuse plain http, and browsers are told to keep to https.
    /// Unset: in Production.
    /// </summary>
    public bool? RequireHttps { get; set; }

    /// <summary>The largest request body in bytes, which only the MCP endpoint needs: forms and registrations have tighter limits.</summary>
    public int MaxRequestBodyBytes { get; set; } = 1024 * 1024;

    /// <summary>
    /// For how many seconds new connections are still let in after the server was told to stop, while <c>/health/ready</c> is 503:
    /// as long as a load balancer needs to notice that. 0: they are refused at once, which a proxy does with that goes on to the
    /// next server then.
    /// </summary>
    public int DrainSeconds { get; set; }

    /// <summary>A file of <c>NAME=value</c> lines read at the start; the process environment wins over it.</summary>
    public string EnvFile { get; set; } = ".env.oauth";

    /// <summary>
    /// Whether the address follows the proxy: nobody named it, and a developer's tunnel changes its name at every start
    /// (docs/interoperability.md, "Public address behind a proxy").
    /// </summary>
    internal bool FollowsProxy { get; set; }
}
