using McpIdentity.Server.Connections;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Gateway;

/// <summary>Other MCP servers, in any language, behind the same sign-in, consent, policy and log.</summary>
internal static class GatewaySetup
{
    public static void AddGateway(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpForwarder();
        builder.Services.AddSingleton<FrontedServerRules>();
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(services => services.GetRequiredService<FrontedServerRules>());
        builder.Services.AddSingleton<IdentityTokens>();
        builder.Services.AddSingleton<TokenExchange>();
        builder.Services.AddSingleton<UpstreamCredentials>();
        builder.Services.AddSingleton<Unconnected>();
        builder.Services.AddSingleton<UpstreamSessions>();
        builder.Services.AddSingleton<GatewayLog>();
        builder.Services.AddSingleton<FrontedServers>();
        builder.Services.AddSingleton<StoredServers>();
        builder.Services.AddSingleton<ServerContacts>();
        builder.Services.AddSingleton<UpstreamListing>();
        builder.Services.AddSingleton<ServersFeed>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ServersFeed>());
        builder.Services.AddHostedService<RefreshCatalogue>();
    }

    /// <summary>The servers that were added while the program ran, before the first request.</summary>
    public static Task LoadStoredServersAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetRequiredService<ServersFeed>().LoadAsync(cancellationToken);

    /// <summary>Those of the settings, for whoever serves them and for a verb that speaks of them.</summary>
    public static void PutServersInForce(this IServiceProvider services)
    {
        var servers = services.GetRequiredService<FrontedServers>();
        servers.Apply();
        services.GetRequiredService<ConnectableServers>().Source =
            () => servers.All.Where(fronted => fronted.Server.Options.Upstream.Auth == UpstreamAuth.OAuth).Select(fronted => fronted.Server.Connectable);
    }

    public static void MapGateway(this WebApplication app) =>
        ((IEndpointRouteBuilder)app).DataSources.Add(new FrontedEndpoints(app.Services.GetRequiredService<FrontedServers>()));
}
