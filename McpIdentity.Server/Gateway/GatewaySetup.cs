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
        builder.Services.AddSingleton<UpstreamCredentials>();
        builder.Services.AddSingleton<UpstreamSessions>();
        builder.Services.AddSingleton<GatewayLog>();
        builder.Services.AddSingleton<FrontedServers>();
    }

    public static void MapGateway(this WebApplication app)
    {
        var servers = app.Services.GetRequiredService<FrontedServers>();
        servers.Apply();
        ((IEndpointRouteBuilder)app).DataSources.Add(new FrontedEndpoints(servers));
    }
}
