using System.Security.Claims;
using System.Text.Json;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Client.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>
/// <c>/oauth/callback/{provider}</c>, where every provider but Google sends the browser back to. OpenIddict's client has
/// checked state, issuer, code and tokens when the request arrives here, or says what was wrong.
/// </summary>
internal static class CallbackEndpoint
{
    public static void MapCallbackEndpoint(this WebApplication app)
    {
        app.Services.GetRequiredService<SignInProviders>().Log();
        var address = new AddressAttribute(Reader.People, "GET HEAD") { Bucket = "callback", TakesForms = true, SignsInBy = "GET HEAD", KeepsOpener = true, TakesUpstreamState = true };
        foreach (var path in (string[])[Paths.Callback, Paths.ShortCallback])
        {
            app.Map(path + "/{id}", ReceiveAsync).WithAddress(address);
        }

        // Google's handler answers at its path itself; what arrives here it has not taken, because it is not Google's path, or Google is off.
        var google = app.Services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.CallbackPath;
        foreach (var path in new[] { google, Paths.Callback, Paths.ShortCallback }.Distinct(StringComparer.OrdinalIgnoreCase))
        {
            app.Map(path, () => Results.NotFound()).WithAddress(address);
        }
    }

    private static async Task<IResult> ReceiveAsync(
        string id, HttpContext http, SignInProviders providers, Admission admission, UserDirectory users, CancellationToken cancellationToken)
    {
        if (providers.Find(id) is not { } provider)
        {
            return Results.NotFound();
        }

        // Google is answered by its handler; what reaches us under this name is no answer of Google's.
        var answer = http.Features.Get<UpstreamAnswer>();
        if (answer is null)
        {
            SignInFailure.Show(http, provider, SignInFailure.NoState);
            return Results.Empty;
        }

        if (http.GetOpenIddictClientResponse() is { Error.Length: > 0 } refusal)
        {
            SignInFailure.Show(http, provider, Explain(provider, answer, refusal.ErrorUri, providers.CallbackOf(provider)),
                answer.Error is null ? $"{refusal.Error}: {refusal.ErrorDescription}" : $"{answer.Error}: {answer.ErrorDescription}");
            return Results.Empty;
        }

        var signIn = await http.AuthenticateAsync(OpenIddictClientAspNetCoreDefaults.AuthenticationScheme);
        if (signIn is not { Succeeded: true, Properties.RedirectUri: { } back } || await IdentifyAsync(http, provider, signIn, cancellationToken) is not { } identity)
        {
            SignInFailure.Show(http, provider, provider.Type == UpstreamProvider.Microsoft ? SignInFailure.BadToken(provider) : SignInFailure.Unreachable(provider));
            return Results.Empty;
        }

        if (admission.Check(identity, provider.DisplayName) is { } problem)
        {
            SignInFailure.Show(http, provider, problem, who: identity);
            return Results.Empty;
        }

        // Nothing of the provider's tokens is kept: the session is ours, and ends when ours ends.
        if (await users.RecogniseAsync(identity, cancellationToken) is not { } person)
        {
            SignInFailure.Show(http, provider, SignInFailure.Disabled, who: identity);
            return Results.Empty;
        }

        await http.SignInAsync(SessionsSetup.Scheme, person);
        return Results.LocalRedirect(SignInDemand.IsMet(signIn.Properties.Items, identity.AuthenticatedAt) ? back : back + (back.Contains('?', StringComparison.Ordinal) ? SignInDemand.NotMet : "?" + SignInDemand.NotMet[1..]));
    }

    private static PersonError Explain(UpstreamProvider provider, UpstreamAnswer answer, string? openIddictsRule, string redirectUri) => answer switch
    {
        { HasMetadata: false } => SignInFailure.NoDiscovery(provider),
        { Error: { Length: > 0 } error } => SignInFailure.Explain(provider, error, redirectUri),
        _ when openIddictsRule?.EndsWith("ID2136", StringComparison.Ordinal) == true => SignInFailure.Silent(provider), // the HTTP request failed
        { HasTokens: true, HasAskedUserInfo: false } => SignInFailure.BadToken(provider),
        _ => SignInFailure.Unreachable(provider),
    };

    private static async Task<UpstreamIdentity?> IdentifyAsync(
        HttpContext http, UpstreamProvider provider, AuthenticateResult signIn, CancellationToken cancellationToken)
    {
        var claims = signIn.Principal!;
        if (provider.Type == UpstreamProvider.Microsoft)
        {
            // The merged claims leave out who issued the token.
            var idToken = signIn.Properties!.GetParameter<ClaimsPrincipal>(OpenIddictClientAspNetCoreConstants.Properties.BackchannelIdentityTokenPrincipal);
            claims = claims.Clone(_ => true).SetClaim(Claims.Issuer, idToken?.FindFirstValue(Claims.Issuer));
        }

        if (UpstreamIdentity.From(provider, claims, http.RequestServices.GetRequiredService<IOptions<PolicyOptions>>().Value.ClaimsOfGroups) is not { } identity)
        {
            return null;
        }

        var accessToken = signIn.Properties!.GetTokenValue(OpenIddictClientAspNetCoreConstants.Tokens.BackchannelAccessToken);
        if (provider.Type != UpstreamProvider.GitHub)
        {
            return await WithGroupsAsync(http, provider, identity, accessToken, cancellationToken) with { AuthenticatedAt = SignedInAtProvider(signIn, http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow()) };
        }

        try
        {
            var (email, isVerified) = await http.RequestServices.GetRequiredService<GitHubEmails>().FindPrimaryAsync(provider, accessToken!, cancellationToken);
            return UpstreamIdentity.Of(provider.Id, identity.Subject, identity.Name, email, isVerified);
        }
        catch (Exception exception) when (
            exception is HttpRequestException or JsonException or InvalidOperationException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    // Who cannot be asked for their groups signs in all the same: what is not known refuses, and allows nothing (docs/policy.md, "Groups").
    private static async Task<UpstreamIdentity> WithGroupsAsync(
        HttpContext http, UpstreamProvider provider, UpstreamIdentity identity, string? accessToken, CancellationToken cancellationToken)
    {
        if (!identity.HasAllGroups && provider.Options.GroupsFromGraph &&
            await http.RequestServices.GetRequiredService<GraphGroups>().FindAsync(provider, accessToken, cancellationToken) is { } groups)
        {
            identity = identity.WithAllGroups(groups);
        }

        if (!identity.HasAllGroups)
        {
            http.RequestServices.GetRequiredService<SignInProviders>().LogMissingGroups(provider);
        }

        return identity;
    }

    private static DateTimeOffset? SignedInAtProvider(AuthenticateResult signIn, DateTimeOffset now) => UpstreamIdentity.MomentOf(
        signIn.Properties!.GetParameter<ClaimsPrincipal>(OpenIddictClientAspNetCoreConstants.Properties.BackchannelIdentityTokenPrincipal)
            ?.FindFirstValue(Claims.AuthenticationTime),
        now);
}
