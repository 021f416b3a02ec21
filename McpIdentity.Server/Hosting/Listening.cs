using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>Kestrel: the port from <c>Server:Port</c>, https where it has a certificate, and no word about what it is.</summary>
internal static class Listening
{
    public static void AddListening(this WebApplicationBuilder builder, ServerOptions server)
    {
        builder.Services.ConfigureOptions<ServerOptionsRules>();
        // Of two that can bind an address Kestrel takes the one that was added last.
        builder.Services.AddSingleton<IConnectionListenerFactory, LimitedConnections>();
        builder.Services.AddSingleton<ListeningSockets>();
        builder.Services.AddOptions<SocketTransportOptions>().Configure<ListeningSockets>((transport, sockets) => sockets.Configure(transport));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Math.Max(server.MaxRequestBodyBytes, 0); // what is less is refused with the other problems
            // Our own pages carry a whole authorization request in their address.
            kestrel.Limits.MaxRequestLineSize = 16 * 1024;
        });
        builder.Services.AddOptions<KestrelServerOptions>().Configure<ILogger<RenewedCertificate>>((kestrel, logger) => ShowRenewedCertificates(kestrel, builder, logger));

        if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
        {
            // The demo users have no password: outside Production only this machine may reach them.
            var host = builder.Environment.IsProduction() ? "*" : "localhost";
            builder.WebHost.UseUrls($"{Scheme(builder.Configuration)}://{host}:{server.Port}");
        }
    }

    /// <summary>How many connections may be open, once it is known whether servers stand behind this one: a stream to one needs another.</summary>
    public static void LimitConnections(this IServiceProvider services) =>
        services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.MaxConcurrentConnections =
            services.GetRequiredService<IConfiguration>().GetValue<long?>("Kestrel:Limits:MaxConcurrentConnections") ?? ConnectionLimit.Connections(services.GetRequiredService<ProtectedResources>().AreFronted);

    private static void ShowRenewedCertificates(KestrelServerOptions kestrel, WebApplicationBuilder builder, ILogger<RenewedCertificate> logger)
    {
        var everyProtocol = builder.Configuration["Kestrel:EndpointDefaults:Protocols"];
        if (OfFile(builder.Configuration.GetSection("Kestrel:Certificates:Default")) is { } certificate && !IsHttp3(everyProtocol))
        {
            kestrel.ConfigureHttpsDefaults(https => https.OnAuthenticate = (_, tls) => certificate.Show(tls));
        }

        foreach (var endpoint in builder.Configuration.GetSection("Kestrel:Endpoints").GetChildren())
        {
            // One with certificates by name, or of the system's store, shows those that were there at the start; and so does one for
            // HTTP/3, which cannot ask.
            var own = endpoint.GetSection("Certificate");
            if (endpoint.GetSection("Sni").Exists() || own.Exists() || IsHttp3(endpoint["Protocols"] ?? everyProtocol))
            {
                var renewed = endpoint.GetSection("Sni").Exists() || IsHttp3(endpoint["Protocols"] ?? everyProtocol) ? null : OfFile(own);
                kestrel.ConfigurationLoader!.Endpoint(endpoint.Key, configured => configured.HttpsOptions.OnAuthenticate = renewed is null ? null : (_, tls) => renewed.Show(tls));
            }
        }

        RenewedCertificate? OfFile(IConfigurationSection section) =>
            CertificateFile.In(section, builder.Environment.ContentRootPath) is { } file ? new RenewedCertificate(file, logger) : null;

        static bool IsHttp3(string? protocols) => protocols?.Contains("Http3", StringComparison.OrdinalIgnoreCase) is true;
    }

    /// <summary>Whether Kestrel itself has a certificate, in ASP.NET Core's own section.</summary>
    public static bool HasCertificate(IConfiguration configuration) => configuration.GetSection("Kestrel:Certificates:Default").GetChildren().Any();

    /// <summary>Whether TLS ends at Kestrel: by the one certificate, or by endpoints that somebody wrote down.</summary>
    public static bool HasOwnTls(IConfiguration configuration) =>
        HasCertificate(configuration) || configuration.GetSection("Kestrel:Endpoints").GetChildren().Any() ||
        configuration[WebHostDefaults.ServerUrlsKey]?.Contains("https://", StringComparison.OrdinalIgnoreCase) == true;

    public static string Scheme(IConfiguration configuration) => HasCertificate(configuration) ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;

    /// <summary>The port that is configured, or its default.</summary>
    public static string Port(IConfiguration configuration) => configuration[$"{ServerOptions.Section}:{nameof(ServerOptions.Port)}"] is { Length: > 0 } port ? port : $"{new ServerOptions().Port}";
}
