using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Refuses requests that are addressed to somebody else: a web page whose name was bound to our address (DNS rebinding) makes
/// a browser send its own name. The MCP endpoint compares for itself, in any host.
/// </summary>
internal static class ExpectedHosts
{
    public static void UseExpectedHosts(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<ServerOptions>>().Value;
        var own = Loopback.HostOf(new Uri(options.PublicBaseUrl!));
        app.Use((context, next) =>
        {
            var request = context.Request;
            if (IsExpected(request.Host.Host, own, options) || context.GetAddress() is { AnyHost: true } ||
                // A known proxy gave the name, and nobody limited it.
                (options is { FollowsProxy: true, AllowedHosts.Count: 0 } && context.Features.Get<ForwardedAddress>() is not null))
            {
                return next(context);
            }

            return new OAuthError(Errors.InvalidRequest, "The Host header does not name this server (Server:AllowedHosts).").ExecuteAsync(context);
        });
    }

    private static bool IsExpected(string host, string own, ServerOptions options) =>
        Same(host, own) || Loopback.IsHost(host) || options.AllowedHosts.Any(allowed => Covers(allowed, host));

    private static bool Covers(string allowed, string host) =>
        allowed == "*" || Same(allowed, host) || (allowed.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase));

    private static bool Same(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
