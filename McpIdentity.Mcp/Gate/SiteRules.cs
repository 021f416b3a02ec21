using System.Net;
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
    private readonly string _publicHost;
    private readonly string _publicOrigin;

    public SiteRules(IOptions<McpOptions> options)
    {
        var url = new Uri(options.Value.PublicBaseUrl!);
        _options = options.Value.DnsRebinding;
        _publicHost = url.Host;
        _publicOrigin = url.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Null, or what is wrong.</summary>
    public string? Check(HttpRequest request)
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
        return origin.Length == 0 || IsExpected(origin) ? null : $"Invalid Origin header: {(origin.Length <= 256 ? origin : origin[..256])}";
    }

    private bool IsExpected(HostString host) =>
        Same(host.Host, _publicHost) || IsLoopback(host.Host) ||
        _options.AllowedHosts.Any(allowed => Same(allowed, host.Host) || Same(allowed, host.Value));

    private bool IsExpected(string origin) =>
        // "null" is what sandboxed pages send; it is nobody's origin.
        Uri.TryCreate(origin, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url is { PathAndQuery: "/", Fragment: "", UserInfo: "" } &&
        (IsLoopback(url.Host) || Same(url.GetLeftPart(UriPartial.Authority), _publicOrigin) ||
            _options.AllowedOrigins.Any(allowed => Same(allowed.TrimEnd('/'), url.GetLeftPart(UriPartial.Authority))));

    private static bool IsLoopback(string host) =>
        Same(host, "localhost") || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool Same(string? one, string? other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
