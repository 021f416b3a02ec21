using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// <c>OAuth:Enabled</c>: off, everything that belongs to the authorization server is not there (SEED-024). What <c>/mcp</c>
/// accepts is another question (<c>Mcp:Auth:AuthType</c>): with it on, this server may serve other resources (seed-checklist D-14).
/// </summary>
internal static class OAuthSwitch
{
    private static readonly string[] Prefixes =
    [
        "/oauth", "/oidc", "/register", "/signin", "/login", "/consent", "/continue", "/device", "/account", "/admin",
        Paths.KeySet,
    ];

    public static void UseOAuthSwitch(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<ServerSettings>().OAuth.Enabled)
        {
            string[] paths = [.. Prefixes, .. Paths.ServerMetadata(app.Services.GetRequiredService<IOptions<McpOptions>>().Value.Path)];
            app.UseWhen(context => Array.Exists(paths, path => context.Request.Path.StartsWithSegments(path)), off => off.Run(NotHereAsync));
        }
    }

    private static Task NotHereAsync(HttpContext context) =>
        new OAuthError("not_found", "This server is no authorization server: OAuth:Enabled is false.")
        {
            StatusCode = StatusCodes.Status404NotFound,
        }.ExecuteAsync(context);
}
