using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Protocol;

/// <summary>
/// The one place that knows what this server is called from outside: one constant, never derived from a Host header. Only a
/// developer's tunnel names it anew (<see cref="ServerOptions.FollowsProxy"/>), and then for requests through it alone.
/// </summary>
internal sealed class PublicAddress(IOptions<ServerOptions> options, IHttpContextAccessor http) : IMcpPublicAddress
{
    // Not in the constructor: other options are built with this class, and invalid ones must all be reported together.
    private ForwardedAddress? _configured;

    /// <summary>The issuer and the prefix of every emitted URL, without trailing slash (RFC 8414 §2; docs/interoperability.md, "One issuer string").</summary>
    public string Issuer => Current.Issuer;

    /// <summary>The same as OpenIddict wants it.</summary>
    public Uri BaseUri => Current.BaseUri;

    /// <summary>Whether the configured address is https; a tunnel's may be in any case.</summary>
    public bool IsHttps => Configured.Issuer.StartsWith("https://", StringComparison.Ordinal);

    /// <summary>Whether the address of this request is the configured one.</summary>
    public bool IsConfigured => ReferenceEquals(Current, Configured);

    private ForwardedAddress Current => options.Value.FollowsProxy ? Named(http.HttpContext) : Configured;

    private ForwardedAddress Configured => _configured ??= ForwardedAddress.Named(options.Value.PublicBaseUrl);

    /// <param name="path">A path that starts with a slash.</param>
    public string UrlOf(string path) => Issuer + path;

    string IMcpPublicAddress.BaseUrlOf(HttpContext context) => Named(context).Issuer;

    private ForwardedAddress Named(HttpContext? context) => context?.Features.Get<ForwardedAddress>() ?? Configured;
}
