using Microsoft.AspNetCore.Cors.Infrastructure;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// Browser clients reach the protocol's endpoints from any origin: they authenticate with tokens, never with our cookie
/// (interop Q28). The pages and the authorization endpoint have no CORS at all.
/// </summary>
internal static class Cors
{
    private static readonly string[] Paths =
        ["/.well-known", "/mcp", "/register", "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/userinfo", "/oauth/register"];

    public static void AddProtocolCors(this WebApplicationBuilder builder) => builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
        .AllowAnyOrigin()
        .WithMethods("GET", "POST", "DELETE", "HEAD")
        .WithHeaders(
            "Accept", "Accept-Language", "Authorization", "Content-Language", "Content-Type", "Last-Event-ID",
            "Mcp-Method", "Mcp-Name", "MCP-Protocol-Version", "Mcp-Session-Id", "X-Requested-With")
        .WithExposedHeaders("WWW-Authenticate", "Retry-After", "MCP-Protocol-Version", "Mcp-Session-Id")
        .SetPreflightMaxAge(TimeSpan.FromHours(1))));

    public static void UseProtocolCors(this WebApplication app) =>
        app.UseWhen(context => Array.Exists(Paths, path => context.Request.Path.StartsWithSegments(path)), protocol => protocol.UseCors());
}
