using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// The browser holds a secret and nothing else; who sits there is read from the session with every request. Each sign-in
/// makes a new secret and a new session, so that nobody can sign somebody in to a session they know (session fixation).
/// </summary>
internal sealed class SessionCookie(
    ISessionStorage storage, SignInSessions sessions, EncryptionKeys keys, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    /// <summary>On the principal that signs in: who vouched for the person.</summary>
    public const string ProviderClaim = "provider";

    /// <summary>The organisation that manages the account at Google.</summary>
    public const string HostedDomainClaim = "hd";

    private const string AuthenticatedClaim = "authenticated_at";
    private const string SecretClaim = "secret";
    private const int MaxDeviceHint = 200;

    /// <summary>Who signs in: what <c>SignInAsync</c> makes a session of.</summary>
    /// <param name="userId">Our own identifier.</param>
    /// <param name="provider">Who vouches for them.</param>
    /// <param name="authenticatedAt">When they signed in there.</param>
    public static ClaimsPrincipal PrincipalOf(string userId, string provider, DateTimeOffset? authenticatedAt)
    {
        var identity = new ClaimsIdentity([new Claim(Claims.Subject, userId), new Claim(ProviderClaim, provider)], SessionsSetup.Scheme);
        if (authenticatedAt is { } moment)
        {
            identity.AddClaim(new Claim(AuthenticatedClaim, moment.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)));
        }

        return new ClaimsPrincipal(identity);
    }

    public async Task SigningInAsync(CookieSigningInContext context)
    {
        await LeaveAsync(context.HttpContext);
        var secret = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var userId = context.Principal!.FindFirstValue(Claims.Subject)!;
        var now = time.GetUtcNow();
        var expires = now + options.Value.LoginSessionLifetime;
        await storage.AddAsync(new SignInSession
        {
            Id = IdOf(secret),
            UserId = userId,
            Provider = context.Principal!.FindFirstValue(ProviderClaim) ?? "",
            CreatedAt = now,
            AuthenticatedAt = context.Principal!.FindFirstValue(AuthenticatedClaim) is { } moment
                ? DateTimeOffset.FromUnixTimeSeconds(long.Parse(moment, CultureInfo.InvariantCulture))
                : null,
            LastSeenAt = now,
            SignedInUntil = expires,
            KeptUntil = expires,
            DeviceHint = StorableText.ForDisplay(context.Request.Headers.UserAgent.ToString(), MaxDeviceHint) ?? "",
            Network = BrowserNetwork.Of(context.HttpContext.Connection.RemoteIpAddress),
            ProtectedTokens = UpstreamTokens.ReadFrom(context.Properties).Protect(keys),
        }, context.HttpContext.RequestAborted);

        LastProvider.Remember(context.HttpContext, context.Principal!.FindFirstValue(ProviderClaim) ?? "");
        // The provider's tokens stay here, and where the sign-in leads on to: the cookie's own properties travel in it.
        context.Properties.RedirectUri = null;
        context.Properties.StoreTokens([]);
        // For the security log, which hears of the sign-in next.
        context.Properties.SetString(JwtRegisteredClaimNames.Sid, IdOf(secret));
        context.Properties.SetString(ProviderClaim, context.Principal!.FindFirstValue(ProviderClaim));
        context.Principal = new ClaimsPrincipal(new ClaimsIdentity([new Claim(SecretClaim, secret), new Claim(Claims.Subject, userId)], SessionsSetup.Scheme));
    }

    public async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var aborted = context.HttpContext.RequestAborted;
        if (context.Principal?.FindFirstValue(SecretClaim) is { } secret &&
            await sessions.FindSignedInAsync(IdOf(secret), aborted) is { Session: var session, Person: { DisabledAt: null } person })
        {
            context.ReplacePrincipal(SignedInPerson.ToPrincipal(session, person));
        }
        else
        {
            context.RejectPrincipal();
        }
    }

    /// <summary>The browser is signed out; what it granted lives on.</summary>
    public async Task LeaveAsync(HttpContext http)
    {
        if (SignedInPerson.From((await http.AuthenticateAsync(SessionsSetup.Scheme)).Principal) is { } person)
        {
            await sessions.LeaveBrowserAsync(person.SessionId, http.RequestAborted);
        }
    }

    // A hash of 128 bits leads from the cookie to the session; nothing leads back.
    private static string IdOf(string secret) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(secret)).AsSpan(0, 16).ToArray());
}
