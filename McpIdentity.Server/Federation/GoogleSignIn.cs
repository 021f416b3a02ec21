using System.Security.Claims;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Google;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>Google, by ASP.NET Core's own handler: on as soon as a client id and secret are configured.</summary>
internal static class GoogleSignIn
{
    public const string Scheme = "google";

    private const string EmailVerifiedClaim = "email_verified";

    public static void AddGoogleSignIn(this WebApplicationBuilder builder)
    {
        var oauth = builder.Configuration.GetSection(OAuthServerOptions.Section).Get<OAuthServerOptions>() ?? new OAuthServerOptions();
        if (!oauth.HasGoogle())
        {
            return;
        }

        builder.Services.AddAuthentication().AddGoogle(Scheme, google =>
        {
            google.ClientId = oauth.GoogleClientId!;
            google.ClientSecret = oauth.GoogleClientSecret!;
            google.CallbackPath = oauth.CallbackPath;
            google.AuthorizationEndpoint = oauth.GoogleAuthorizationEndpoint ?? google.AuthorizationEndpoint;
            google.TokenEndpoint = oauth.GoogleTokenEndpoint ?? google.TokenEndpoint;
            google.UserInformationEndpoint = oauth.GoogleUserInformationEndpoint ?? google.UserInformationEndpoint;
            google.UsePkce = true;
            google.SaveTokens = true;
            google.AccessType = "offline"; // with a refresh token, so that they serve for as long as the session
            google.SignInScheme = SessionsSetup.Scheme;
            google.RemoteAuthenticationTimeout = TimeSpan.FromMinutes(10);
            google.ClaimActions.MapJsonKey(EmailVerifiedClaim, EmailVerifiedClaim);
            google.Events.OnRedirectToAuthorizationEndpoint = RedirectAsync;
            google.Events.OnTicketReceived = AcceptAsync;
            google.Events.OnRemoteFailure = FailAsync;
        });
        builder.Services.AddOptions<GoogleOptions>(Scheme).Configure<PublicAddress, TimeProvider>((google, address, time) =>
        {
            google.TimeProvider = time;
            google.CorrelationCookie.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            // The callback is a top-level GET: Lax is enough, and None would demand Secure on http://localhost.
            google.CorrelationCookie.SameSite = SameSiteMode.Lax;
        });
    }

    // The person's browser is sent by a page of ours: a redirect that answers a form is subject to form-action in
    // Chromium, along the whole chain (interop Q31). The handler took the redirect_uri from the Host header.
    private static Task RedirectAsync(RedirectContext<Microsoft.AspNetCore.Authentication.OAuth.OAuthOptions> context)
    {
        var address = context.HttpContext.RequestServices.GetRequiredService<PublicAddress>();
        var uri = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(new Uri(context.RedirectUri).Query);
        uri["redirect_uri"] = address.Of(context.Options.CallbackPath);
        return ContinuePage.WriteAsync(context.HttpContext, context.Options.AuthorizationEndpoint + QueryString.Create(uri), "Google");
    }

    private static async Task AcceptAsync(TicketReceivedContext context)
    {
        var google = context.Principal!;
        var verified = google.HasClaim(claim => claim.Type == EmailVerifiedClaim && bool.TryParse(claim.Value, out var value) && value);
        var services = context.HttpContext.RequestServices;
        if (google.FindFirstValue(ClaimTypes.NameIdentifier) is not { Length: > 0 } subject)
        {
            SignInFailure.Show(context.HttpContext, SignInFailure.Unreachable);
            context.HandleResponse();
            return;
        }

        if (!verified && services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.RequireVerifiedEmail)
        {
            SignInFailure.Show(context.HttpContext, SignInFailure.UnverifiedEmail);
            context.HandleResponse();
            return;
        }

        var person = await services.GetRequiredService<UserDirectory>().RecogniseAsync(
            new UpstreamIdentity(
                Scheme,
                subject,
                google.FindFirstValue(ClaimTypes.Name),
                google.FindFirstValue(ClaimTypes.Email),
                verified),
            context.HttpContext.RequestAborted);
        if (person is null)
        {
            SignInFailure.Show(context.HttpContext, SignInFailure.Disabled);
            context.HandleResponse();
            return;
        }

        // Only our own session's end counts: the handler would copy the lifetime of Google's token. Google's tokens go into
        // the session.
        var tokens = context.Properties?.GetTokens() ?? [];
        context.Principal = person;
        context.Properties = new AuthenticationProperties { RedirectUri = context.ReturnUri };
        context.Properties.StoreTokens(tokens);
    }

    private static Task FailAsync(RemoteFailureContext context)
    {
        SignInFailure.Show(context.HttpContext, SignInFailure.Explain(context.Failure));
        context.HandleResponse();
        return Task.CompletedTask;
    }
}
