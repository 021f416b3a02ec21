using System.Security.Claims;
using McpIdentity.Server.Sessions;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>A person as their sign-in provider vouched for them.</summary>
/// <param name="UserId">Our own identifier, the <c>sub</c> of tokens.</param>
/// <param name="Provider">Who vouched; null in a grant of a release that did not write it down.</param>
/// <param name="Email">As the provider said it.</param>
/// <param name="EmailVerified">As the provider said it.</param>
internal sealed record VouchedPerson(string? UserId, string? Provider, string? Email, bool EmailVerified)
{
    public static VouchedPerson Of(SignedInPerson person) => new(person.UserId, person.Provider, person.Email, person.EmailVerified);

    /// <param name="granted">The claims of a grant, which were written down when its person signed in.</param>
    public static VouchedPerson Of(ClaimsPrincipal granted) => new(
        granted.GetClaim(Claims.Subject),
        granted.GetClaim(SessionCookie.ProviderClaim),
        granted.GetClaim(Claims.Email),
        granted.GetClaim(Claims.EmailVerified) is "true" or "True");
}
