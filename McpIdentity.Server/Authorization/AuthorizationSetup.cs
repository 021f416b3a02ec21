using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Localization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.Extensions.Options;

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
        builder.Services.AddSingleton<ConsentOffers>();
        builder.Services.AddScoped<Consents>();
        builder.Services.AddScoped<MissingAccounts>();
        builder.Services.AddSingleton<RememberedScopes>();
        builder.Services.AddSingleton<Administrators>();
        builder.Services.AddSingleton<ScopeHolders>();
        builder.Services.AddSingleton<IValidateOptions<McpHostOptions>, AdministratorRules>();
        builder.Services.Configure<RazorPagesOptions>(pages => pages.Conventions.AddPageRoute("/Authorization/SignIn", Paths.Login));
        builder.Services.PostConfigure<RequestLocalizationOptions>(languages => languages.RequestCultureProviders.Insert(1, new CustomRequestCultureProvider(LanguagesOfTicket)));
    }

    // What the client asked for travels within the ticket of the pages in between.
    private static Task<ProviderCultureResult?> LanguagesOfTicket(HttpContext context)
    {
        var ticket = PageLanguage.HasForm(context) ? context.Request.Form["request"] : AskedAddress.QueryOf(context)["request"];
        return Task.FromResult(context.RequestServices.GetRequiredService<AuthorizationTickets>().Read(ticket) is { } pending
            ? PageLanguage.Prefer(pending.Languages)
            : null);
    }
}
