using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Browser clients reach the protocol's endpoints: they authenticate with tokens, never with our cookie (docs/interoperability.md, "CORS").
/// The pages and the authorization endpoint have no CORS at all.
/// </summary>
internal static class Cors
{
    public static void AddProtocolCors(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<CorsSettings>, CorsSettingsRules>();
        builder.Services.AddCors();
        builder.Services.AddOptions<CorsOptions>().Configure<IOptions<CorsSettings>, IOptions<McpOptions>>((cors, settings, mcp) =>
            cors.AddDefaultPolicy(policy => Describe(policy, settings.Value, mcp.Value)));
        builder.Services.AddOptions<McpOptions>().PostConfigure<IOptions<CorsSettings>>((mcp, settings) =>
        {
            // Who may read the answers may ask: the module compares origins against DNS rebinding.
            foreach (var origin in settings.Value.Origin.Where(origin => origin != CorsSettings.Anyone))
            {
                mcp.DnsRebinding.AllowedOrigins.Add(origin);
            }
        });
    }

    public static void UseProtocolCors(this WebApplication app) =>
        app.UseWhen(context => context.GetAddress() is { Cors: true }, protocol => protocol.UseCors());

    private static void Describe(CorsPolicyBuilder policy, CorsSettings settings, McpOptions mcp)
    {
        if (settings.AllowsAnyone)
        {
            policy.AllowAnyOrigin();
        }
        else
        {
            policy.WithOrigins([.. settings.Origin]);
        }

        if (settings.Credentials)
        {
            policy.AllowCredentials();
        }

        policy.WithMethods(["GET", "POST", "DELETE", "HEAD", .. settings.Methods])
            .WithHeaders([
                "Accept", "Accept-Language", "Authorization", "Content-Language", "Content-Type", "Last-Event-ID",
                "Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Mcp-Session-Id", "X-Requested-With",
                mcp.Auth.SecondCredentialHeader, .. settings.AllowedHeaders])
            .WithExposedHeaders([
                "WWW-Authenticate", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
                "MCP-Protocol-Version", "Mcp-Session-Id", .. settings.ExposedHeaders])
            .SetPreflightMaxAge(TimeSpan.FromHours(1));
    }
}
