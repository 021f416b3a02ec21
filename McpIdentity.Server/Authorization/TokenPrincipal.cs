using System.Collections.Immutable;
using System.Security.Claims;
using McpIdentity.Server.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>The claims of a subject: the one place that decides what stands in a token.</summary>
internal static class TokenPrincipal
{
    public static ClaimsPrincipal ForPerson(SignedInPerson person, ImmutableArray<string> scopes, ImmutableArray<string> resources)
    {
        var identity = new ClaimsIdentity("McpIdentity", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, person.UserId)
            .SetClaim(JwtRegisteredClaimNames.Sid, person.SessionId)
            .SetClaim(Claims.Name, person.Name)
            .SetClaim(Claims.Email, person.Email)
            .SetClaim(Claims.EmailVerified, person.EmailVerified)
            // For what is asked again with each refresh: in the grant, and in no token.
            .SetClaim(SessionCookie.ProviderClaim, person.Provider)
            .SetClaim(SessionCookie.HostedDomainClaim, person.HostedDomain);
        if (person.AuthenticatedAt is { } moment)
        {
            identity.SetClaim(Claims.AuthenticationTime, moment.ToUnixTimeSeconds());
        }

        return Finish(identity, scopes, resources);
    }

    /// <summary>RFC 6749 §4.4: the client speaks for itself; its identifier is the subject (RFC 9068 §2.2).</summary>
    public static ClaimsPrincipal ForClient(string clientId, ImmutableArray<string> scopes, ImmutableArray<string> resources)
    {
        var identity = new ClaimsIdentity("McpIdentity", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, clientId);
        return Finish(identity, scopes, resources);
    }

    private static ClaimsPrincipal Finish(ClaimsIdentity identity, ImmutableArray<string> scopes, ImmutableArray<string> resources)
    {
        identity.SetScopes(scopes).SetResources(resources);
        identity.SetDestinations(claim => claim.Type switch
        {
            Claims.Subject or JwtRegisteredClaimNames.Sid => [Destinations.AccessToken, Destinations.IdentityToken],
            Claims.AuthenticationTime => [Destinations.IdentityToken],
            // A tool greets people by name whatever the client asked for; the client learns it only by asking (OpenID Connect §5.4).
            Claims.Name when scopes.Contains(Scopes.Profile) => [Destinations.AccessToken, Destinations.IdentityToken],
            Claims.Email or Claims.EmailVerified when scopes.Contains(Scopes.Email) => [Destinations.AccessToken, Destinations.IdentityToken],
            Claims.Name or Claims.Email or Claims.EmailVerified => [Destinations.AccessToken],
            _ => [],
        });
        return new ClaimsPrincipal(identity);
    }
}
