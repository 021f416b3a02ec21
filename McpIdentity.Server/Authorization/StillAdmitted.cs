using System.Security.Claims;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Sessions;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// Whether the person of a grant would still be let in: asked with each code and refresh token, and answered from the claims that
/// were written down when they signed in, so that it costs no query.
/// </summary>
internal sealed class StillAdmitted(Admission admission)
{
    public bool Is(ClaimsPrincipal granted) => admission.StillAdmits(
        granted.GetClaim(SessionCookie.ProviderClaim),
        granted.GetClaim(Claims.Email),
        granted.GetClaim(Claims.EmailVerified) is "true" or "True",
        granted.GetClaim(SessionCookie.HostedDomainClaim));
}
