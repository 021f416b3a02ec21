using McpIdentity.Server.Protocol;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// The way of an authorization request: the endpoint, the sign-in page, the consent page, what people have allowed, and what
/// stands in a token about whom.
/// </summary>
internal static class AuthorizationSetup
{
    public static void AddAuthorizationRequests(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AuthorizationTickets>();
        builder.Services.AddScoped<Consents>();
        builder.Services.Configure<RazorPagesOptions>(pages => pages.Conventions.AddPageRoute("/Authorization/SignIn", Paths.Login));
    }
}
