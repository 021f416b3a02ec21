using System.Net;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c>, believed from known proxies alone and only with
/// <c>Server:TrustProxy</c>: by ASP.NET Core's own middleware, before anything else looks at the request.
/// </summary>
internal static class TrustedProxies
{
    // What the middleware moves a replaced value to.
    private const string OriginalHost = "X-Original-Host";
    private const string OriginalProto = "X-Original-Proto";
    private const string OriginalFor = "X-Original-For";

    public static void AddTrustedProxies(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ProxyWarnings>();
        // ASPNETCORE_FORWARDEDHEADERS_ENABLED would believe everyone; the one middleware with our rules is enough.
        builder.Services.PostConfigure<ForwardedHeadersOptions>(forwarded => forwarded.ForwardedHeaders = ForwardedHeaders.None);
    }

    public static void UseTrustedProxies(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<ServerOptions>>().Value;
        var warnings = app.Services.GetRequiredService<ProxyWarnings>();
        if (options.TrustProxy != true)
        {
            app.Use((context, next) =>
            {
                warnings.ProxyIsNotTrusted(context.Request.Headers);
                return next(context);
            });
            return;
        }

        app.Use((context, next) =>
        {
            // Below, these say what the middleware has replaced; a caller who sent them would pass for a known proxy.
            context.Request.Headers.Remove(OriginalHost);
            context.Request.Headers.Remove(OriginalProto);
            context.Request.Headers.Remove(OriginalFor);
            return next(context);
        });
        app.UseForwardedHeaders(HeadersFrom(options));
        app.Use((context, next) =>
        {
            var headers = context.Request.Headers;
            var named = headers.ContainsKey(OriginalHost) || headers.ContainsKey(OriginalProto);
            if (!named && !headers.ContainsKey(OriginalFor))
            {
                warnings.ProxyIsNotKnown(context);
            }
            else if (named && options.FollowsProxy && ForwardedAddress.FromRequest(context.Request) is { } address)
            {
                context.Features.Set(address);
            }

            return next(context);
        });
    }

    private static ForwardedHeadersOptions HeadersFrom(ServerOptions options)
    {
        var forwarded = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            ForwardLimit = options.ForwardLimit,
        };
        forwarded.KnownProxies.Clear();
        forwarded.KnownIPNetworks.Clear();
        foreach (var proxy in options.KnownProxies)
        {
            forwarded.KnownProxies.Add(IPAddress.Parse(proxy));
        }

        foreach (var network in options.KnownNetworks)
        {
            forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(network));
        }

        return forwarded;
    }
}
