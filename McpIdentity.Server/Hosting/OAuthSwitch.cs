using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// <c>OAuth:Enabled</c>: off, everything that belongs to the authorization server is not there (SEED-024). What <c>/mcp</c>
/// accepts is another question (<c>Mcp:Auth:AuthType</c>): with it on, this server may serve other resources (docs/auth-types.md).
/// </summary>
internal static class OAuthSwitch
{
    public static void UseOAuthSwitch(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<ServerSettings>().OAuth.Enabled)
        {
            app.UseWhen(context => context.GetAddress() is { WithoutOAuth: false }, off => off.Run(NotHereAsync));
        }
    }

    private static Task NotHereAsync(HttpContext context)
    {
        context.Response.Headers.Vary = "Accept";
        if (!context.IsForPeople() || !context.Request.WantsPage())
        {
            return OAuthError.NotFound("This server is no authorization server: OAuth:Enabled is false.").ExecuteAsync(context);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
