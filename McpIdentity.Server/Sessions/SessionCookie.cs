using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.EntityFrameworkCore;
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
    ISessionStorage storage, SignInSessions sessions, McpIdentityDbContext db, EncryptionKeys keys, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    /// <summary>On the principal that signs in: who vouched for the person.</summary>
    public const string ProviderClaim = "provider";

    private const string SecretClaim = "secret";
    private const int MaxDeviceHint = 200;

    public async Task SigningInAsync(CookieSigningInContext context)
    {
        await LeaveAsync(context.HttpContext);
        var secret = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var userId = context.Principal!.FindFirstValue(Claims.Subject)!;
        var now = time.GetUtcNow();
        var expires = now + options.Value.LoginSessionLifetime;
        var device = context.Request.Headers.UserAgent.ToString();
        await storage.AddAsync(new SignInSession
        {
            Id = IdOf(secret),
            UserId = userId,
            Provider = context.Principal!.FindFirstValue(ProviderClaim) ?? "",
            CreatedAt = now,
            LastSeenAt = now,
            SignedInUntil = expires,
            KeptUntil = expires,
            DeviceHint = device.Length > MaxDeviceHint ? device[..MaxDeviceHint] : device,
            ProtectedTokens = UpstreamTokens.ReadFrom(context.Properties).Protect(keys),
        }, context.HttpContext.RequestAborted);

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
            await sessions.FindSignedInAsync(IdOf(secret), aborted) is { } session &&
            await db.Users.AsNoTracking().SingleOrDefaultAsync(user => user.Id == session.UserId, aborted) is { DisabledAt: null } person)
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
