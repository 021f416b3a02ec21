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
        builder.Services.AddSingleton<ICorsPolicyProvider, Policies>();
        builder.Services.AddOptions<McpOptions>().PostConfigure<IOptions<CorsSettings>>((mcp, settings) =>
        {
            // One list: who may read the answers may ask, and the module compares origins against DNS rebinding. With no list at all any
            // web page reads what the OAuth endpoints say, and the MCP endpoint keeps to its own rules.
            foreach (var origin in settings.Value.Origin)
            {
                mcp.DnsRebinding.AllowedOrigins.Add(origin);
            }
        });
    }

    public static void UseProtocolCors(this WebApplication app) =>
        app.UseWhen(context => context.GetAddress() is { Cors: true }, protocol => protocol.UseCors());

    private sealed class Policies(IOptions<CorsSettings> settings, IOptions<McpOptions> mcp) : ICorsPolicyProvider
    {
        private readonly CorsPolicy _usual = Describe(settings.Value, mcp.Value, settings.Value.AllowsAnyone ? null : new Origins(settings.Value.Origin).Contains);
        private readonly CorsPolicy _admitted = Describe(settings.Value, mcp.Value, settings.Value.AllowsAnyone ? null : _ => true);
        private readonly CorsPolicy _nobody = Describe(settings.Value, mcp.Value, _ => false);

        public Task<CorsPolicy?> GetPolicyAsync(HttpContext context, string? policyName) => Task.FromResult<CorsPolicy?>(
            context.GetAddress() is not { ComparesOrigins: true } ? _usual : CrossOrigin.Admits(context) ? _admitted : _nobody);

        private static CorsPolicy Describe(CorsSettings settings, McpOptions mcp, Func<string, bool>? admits)
        {
            var policy = new CorsPolicyBuilder();
            _ = admits is null ? policy.AllowAnyOrigin() : policy.SetIsOriginAllowed(admits);
            if (settings.Credentials && admits is not null)
            {
                policy.AllowCredentials();
            }

            return policy.WithMethods(["GET", "POST", "PUT", "DELETE", "HEAD", .. settings.Methods])
                .WithHeaders([
                    "Accept", "Accept-Language", "Authorization", "Content-Language", "Content-Type", "Last-Event-ID",
                    "Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Mcp-Session-Id", "X-Requested-With",
                    mcp.Auth.SecondCredentialHeader, .. settings.AllowedHeaders])
                .WithExposedHeaders([
                    "WWW-Authenticate", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
                    "MCP-Protocol-Version", "Mcp-Session-Id", .. settings.ExposedHeaders])
                .SetPreflightMaxAge(TimeSpan.FromHours(1))
                .Build();
        }
    }
}
