using System.Globalization;
using System.Security.Claims;
using McpIdentity.Migrations.Entities;
using Microsoft.IdentityModel.JsonWebTokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Sessions;

/// <summary>Who sits at the browser, as the session store knows them.</summary>
internal sealed record SignedInPerson(string UserId, string SessionId, string? Name, string? Email, bool EmailVerified, string Provider)
{
    /// <summary>When they signed in at the provider; null where it does not say.</summary>
    public DateTimeOffset? AuthenticatedAt { get; init; }

    /// <summary>The organisation that manages their account at Google.</summary>
    public string? HostedDomain { get; init; }

    /// <summary>The groups that their provider said.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>How the pages address them.</summary>
    public string DisplayName => Name ?? Email ?? UserId;

    public static SignedInPerson? From(ClaimsPrincipal? principal) =>
        principal?.FindFirstValue(JwtRegisteredClaimNames.Sid) is { } sessionId
            ? new SignedInPerson(
                principal.FindFirstValue(Claims.Subject)!,
                sessionId,
                principal.FindFirstValue(Claims.Name),
                principal.FindFirstValue(Claims.Email),
                principal.HasClaim(Claims.EmailVerified, "true"),
                principal.FindFirstValue(SessionCookie.ProviderClaim)!)
            {
                AuthenticatedAt = principal.FindFirstValue(Claims.AuthenticationTime) is { } moment
                    ? DateTimeOffset.FromUnixTimeSeconds(long.Parse(moment, CultureInfo.InvariantCulture))
                    : null,
                HostedDomain = principal.FindFirstValue(SessionCookie.HostedDomainClaim),
                Groups = SaidGroups.Parse(principal.FindFirstValue(SaidGroups.Claim)),
            }
            : null;

    /// <summary>The principal of a stored session.</summary>
    public static ClaimsPrincipal ToPrincipal(SignInSession session, User user)
    {
        var identity = new ClaimsIdentity(SessionsSetup.Scheme, Claims.Name, Claims.Role);
        identity.AddClaims(
        [
            new Claim(Claims.Subject, user.Id),
            new Claim(JwtRegisteredClaimNames.Sid, session.Id),
            new Claim(SessionCookie.ProviderClaim, session.Provider),
            new Claim(Claims.EmailVerified, user.EmailVerified ? "true" : "false"),
        ]);
        if (session.AuthenticatedAt is { } moment)
        {
            identity.AddClaim(new Claim(Claims.AuthenticationTime, moment.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)));
        }

        if (user.Groups is not null)
        {
            identity.AddClaim(new Claim(SaidGroups.Claim, user.Groups));
        }

        if (user.HostedDomain is not null)
        {
            identity.AddClaim(new Claim(SessionCookie.HostedDomainClaim, user.HostedDomain));
        }

        if (user.Name is not null)
        {
            identity.AddClaim(new Claim(Claims.Name, user.Name));
        }

        if (user.Email is not null)
        {
            identity.AddClaim(new Claim(Claims.Email, user.Email));
        }

        return new ClaimsPrincipal(identity);
    }
}
