using McpIdentity.Server.Authorization;
using McpIdentity.Server.Hosting;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Sessions;

/// <summary>The cookie of the sign-in session: opaque, host-bound over https, never readable by script.</summary>
internal static class SessionsSetup
{
    public const string Scheme = "session";

    public static void AddSignInSessions(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddSingleton<SignInSessionStore>();
        builder.Services.AddAuthentication(Scheme).AddCookie(Scheme);
        builder.Services.AddOptions<CookieAuthenticationOptions>(Scheme)
            .Configure<SignInSessionStore, PublicAddress, TimeProvider, IOptions<OAuthServerOptions>>((cookie, store, address, time, oauth) =>
            {
                cookie.SessionStore = store;
                cookie.TimeProvider = time;
                cookie.SlidingExpiration = false;
                cookie.ExpireTimeSpan = oauth.Value.LoginSessionLifetime;
                // RFC 6265bis §4.1.3.2: the prefix binds the cookie to this host; browsers demand https for it.
                cookie.Cookie.Name = address.IsHttps ? "__Host-mcpidentity" : "mcpidentity";
                cookie.Cookie.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
                cookie.Cookie.HttpOnly = true;
                cookie.Cookie.SameSite = SameSiteMode.Lax;
                cookie.Cookie.Path = "/";
            });
        builder.Services.AddAntiforgery();
        builder.Services.AddOptions<Microsoft.AspNetCore.Antiforgery.AntiforgeryOptions>().Configure<PublicAddress>((antiforgery, address) =>
        {
            antiforgery.Cookie.Name = address.IsHttps ? "__Host-mcpidentity-form" : "mcpidentity-form";
            antiforgery.Cookie.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            antiforgery.Cookie.Path = "/";
            // frame-ancestors of the page's own policy says it.
            antiforgery.SuppressXFrameOptionsHeader = true;
        });
    }
}
