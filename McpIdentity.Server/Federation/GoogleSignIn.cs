using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Google;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Federation;

/// <summary>Google, by ASP.NET Core's own handler: on as soon as a client id and secret are configured.</summary>
internal static class GoogleSignIn
{
    public const string Scheme = "google";

    private const string EmailVerifiedClaim = "email_verified";
    private const string HostedDomainClaim = "hd";

    public static void AddGoogleSignIn(this WebApplicationBuilder builder, OAuthServerOptions oauth)
    {
        if (!UpstreamProvider.ListFrom(oauth).Any(provider => provider is { Id: Scheme, IsUsable: true }))
        {
            return;
        }

        builder.Services.AddSingleton<GoogleIdToken>();
        builder.Services.AddAuthentication().AddGoogle(Scheme, google =>
        {
            google.ClientId = oauth.GoogleClientId!;
            google.ClientSecret = oauth.GoogleClientSecret!;
            google.CallbackPath = oauth.CallbackPath;
            google.AuthorizationEndpoint = oauth.GoogleAuthorizationEndpoint ?? google.AuthorizationEndpoint;
            google.TokenEndpoint = oauth.GoogleTokenEndpoint ?? google.TokenEndpoint;
            google.UserInformationEndpoint = oauth.GoogleUserInformationEndpoint ?? google.UserInformationEndpoint;
            google.UsePkce = true;
            // To act for people at Google: only where something does (docs/sign-in-providers.md, "Google").
            google.SaveTokens = oauth.KeepGoogleTokens;
            google.AccessType = oauth.KeepGoogleTokens ? "offline" : "online"; // offline: with a refresh token, so that they serve for as long as the session
            google.SignInScheme = SessionsSetup.Scheme;
            google.BackchannelTimeout = TimeSpan.FromSeconds(10); // somebody waits at the callback
            google.RemoteAuthenticationTimeout = TimeSpan.FromMinutes(10);
            google.ClaimActions.MapJsonKey(EmailVerifiedClaim, EmailVerifiedClaim);
            google.ClaimActions.MapJsonKey(HostedDomainClaim, HostedDomainClaim);
            google.Events.OnRedirectToAuthorizationEndpoint = context => RedirectAsync(context, oauth.GoogleHostedDomain);
            google.Events.OnCreatingTicket = CheckIdTokenAsync;
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

    /// <summary>What a sign-in with Google starts from: where to go afterwards, and the nonce that its id_token must repeat.</summary>
    public static AuthenticationProperties Start(UpstreamProvider google, string back, SignInDemand demand, DateTimeOffset now)
    {
        var properties = new AuthenticationProperties { RedirectUri = back };
        properties.Items[GoogleIdToken.NonceItem] = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        demand.KeepIn(properties.Items, now);
        foreach (var (name, value) in demand.ParametersFor(google, configuration: null))
        {
            properties.SetParameter(name, value); // the handler's own names: prompt, login_hint
        }

        return properties;
    }

    // The person's browser is sent by a page of ours: a redirect that answers a form is subject to form-action in
    // Chromium, along the whole chain (docs/decisions/0003). The handler took the redirect_uri from the Host header.
    private static async Task RedirectAsync(RedirectContext<OAuthOptions> context, string? hostedDomain)
    {
        var address = context.HttpContext.RequestServices.GetRequiredService<PublicAddress>();
        var uri = QueryHelpers.ParseQuery(new Uri(context.RedirectUri).Query);
        uri["redirect_uri"] = address.UrlOf(context.Options.CallbackPath);
        uri["state"] = await context.HttpContext.RequestServices.GetRequiredService<UpstreamStates>()
            .KeepAsync(uri["state"].ToString(), context.HttpContext.Features.Get<SignInRequest>()!, context.HttpContext.RequestAborted);
        uri["nonce"] = context.Properties.Items[GoogleIdToken.NonceItem];
        if (!string.IsNullOrEmpty(hostedDomain))
        {
            // Only a hint to Google's account chooser; the answer is checked.
            uri["hd"] = hostedDomain;
        }

        await ContinuePage.ToProvider(
            context.Options.AuthorizationEndpoint + QueryString.Create(uri), context.HttpContext.RequestServices.GetRequiredService<SignInProviders>().Find(Scheme)!.DisplayName).WriteAsync(context.HttpContext);
    }

    private static async Task CheckIdTokenAsync(OAuthCreatingTicketContext context)
    {
        var token = await context.HttpContext.RequestServices.GetRequiredService<GoogleIdToken>().CheckAsync(
            context.TokenResponse.Response?.RootElement.TryGetProperty("id_token", out var idToken) == true ? idToken.GetString() : null,
            context.Properties.Items.TryGetValue(GoogleIdToken.NonceItem, out var nonce) ? nonce : null,
            context.Identity?.FindFirst(ClaimTypes.NameIdentifier)?.Value,
            context.HttpContext.RequestAborted);
        if (token.TryGetPayloadValue<long>(JwtRegisteredClaimNames.AuthTime, out var authTime))
        {
            context.Identity!.AddClaim(new Claim(JwtRegisteredClaimNames.AuthTime, authTime.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private static async Task AcceptAsync(TicketReceivedContext context)
    {
        var google = context.Principal!;
        var services = context.HttpContext.RequestServices;
        var provider = services.GetRequiredService<SignInProviders>().Find(Scheme)!;
        var admission = services.GetRequiredService<Admission>();
        var identity = UpstreamIdentity.Of(
            Scheme,
            google.FindFirstValue(ClaimTypes.NameIdentifier),
            google.FindFirstValue(ClaimTypes.Name),
            google.FindFirstValue(ClaimTypes.Email),
            google.HasClaim(claim => claim.Type == EmailVerifiedClaim && bool.TryParse(claim.Value, out var value) && value));
        identity = identity is null ? null : identity with
        {
            HostedDomain = google.FindFirstValue(HostedDomainClaim),
            AuthenticatedAt = UpstreamIdentity.MomentOf(google.FindFirstValue(JwtRegisteredClaimNames.AuthTime), services.GetRequiredService<TimeProvider>().GetUtcNow()),
        };
        var problem = identity is null ? SignInFailure.Unreachable(provider) : admission.Check(identity, provider.DisplayName);
        if (problem is not null)
        {
            SignInFailure.Show(context.HttpContext, provider, problem, who: identity);
            context.HandleResponse();
            return;
        }

        var person = await services.GetRequiredService<UserDirectory>().RecogniseAsync(identity!, context.HttpContext.RequestAborted);
        if (person is null)
        {
            SignInFailure.Show(context.HttpContext, provider, SignInFailure.Disabled, who: identity);
            context.HandleResponse();
            return;
        }

        if (!SignInDemand.IsMet(context.Properties!.Items, identity!.AuthenticatedAt))
        {
            context.ReturnUri += SignInDemand.NotMet;
        }

        // Only our own session's end counts: the handler would copy the lifetime of Google's token. Google's tokens go into
        // the session, where they are kept at all.
        var tokens = context.Properties.GetTokens();
        context.Principal = person;
        context.Properties = new AuthenticationProperties { RedirectUri = context.ReturnUri };
        context.Properties.StoreTokens(tokens);
    }

    private static Task FailAsync(RemoteFailureContext context)
    {
        var providers = context.HttpContext.RequestServices.GetRequiredService<SignInProviders>();
        var provider = providers.Find(Scheme)!;
        SignInFailure.Show(context.HttpContext, provider, SignInFailure.ExplainGoogle(provider, context.Failure, providers.CallbackOf(provider)), context.Failure?.Message);
        context.HandleResponse();
        return Task.CompletedTask;
    }
}
