using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace McpIdentity.Mcp.Gate;

/// <summary>
/// Refuses requests that a web page made a browser send to a server it should not reach: DNS rebinding (MCP transports,
/// "Security Warning"). The SDK compares neither header.
/// </summary>
internal sealed class SiteRules
{
    private readonly DnsRebindingOptions _options;
    private readonly Origins _allowed;
    private readonly string _publicHost;
    private readonly string _publicOrigin;
    private readonly bool _takesTokens;

    public SiteRules(IOptions<McpOptions> options)
    {
        var url = new Uri(options.Value.PublicBaseUrl!);
        _options = options.Value.DnsRebinding;
        _allowed = new Origins(_options.AllowedOrigins);
        _publicHost = Loopback.HostOf(url);
        _publicOrigin = $"{url.Scheme}://{Loopback.AuthorityOf(url)}";
        _takesTokens = url.Scheme == Uri.UriSchemeHttps && options.Value.Auth.AuthType != McpAuthType.None && options.Value.AuthEnforcement.Enabled;
    }

    /// <summary>Null, or what is wrong.</summary>
    /// <param name="request">The request.</param>
    /// <param name="showsToken">Whether it shows a bearer token, which is judged before anything else happens.</param>
    public string? Check(HttpRequest request, bool showsToken)
    {
        if (!_options.EnableDnsRebindingProtection)
        {
            return null;
        }

        if (!IsExpected(request.Host))
        {
            return "Invalid Host header";
        }

        var origin = request.Headers.Origin.ToString();
        return origin.Length == 0 || Admits(origin, showsToken) ? null : $"Invalid Origin header: {(origin.Length <= 256 ? origin : origin[..256])}";
    }

    /// <summary>
    /// Whether a web page of this origin may call. A token is the page's own: no browser adds one by itself, as it does a cookie,
    /// and over https no other server can pretend to be this one. So who shows one needs no rule about origins.
    /// </summary>
    public bool Admits(string origin, bool showsToken) => !_options.EnableDnsRebindingProtection || (showsToken && _takesTokens) || IsExpected(origin);

    private bool IsExpected(HostString host) =>
        Same(host.Host, _publicHost) || Loopback.IsHost(host.Host) ||
        _options.AllowedHosts.Any(allowed => Same(allowed, host.Host) || Same(allowed, host.Value));

    private bool IsExpected(string origin) =>
        _allowed.Contains(origin) || (Origins.Parse(origin) is { } parsed && (Same(parsed, _publicOrigin) || (new Uri(parsed) is { Scheme: "http" or "https" } page && Loopback.Is(page))));

    private static bool Same(string? one, string? other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
