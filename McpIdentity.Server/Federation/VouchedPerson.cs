using System.Security.Claims;
using McpIdentity.Server.Sessions;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>A person as their sign-in provider vouched for them.</summary>
/// <param name="UserId">Our own identifier, the <c>sub</c> of tokens.</param>
/// <param name="Provider">Who vouched; null in a grant of a release that did not write it down.</param>
/// <param name="Email">As the provider said it.</param>
/// <param name="EmailVerified">As the provider said it.</param>
internal sealed record VouchedPerson(string? UserId, string? Provider, string? Email, bool EmailVerified)
{
    /// <summary>The groups that the provider said. No grant has them: they are asked for anew (<see cref="People"/>).</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    public static VouchedPerson Of(SignedInPerson person) => new(person.UserId, person.Provider, person.Email, person.EmailVerified) { Groups = person.Groups };

    /// <param name="userId">Whose record it is.</param>
    /// <param name="record">As they were at their last sign-in.</param>
    public static VouchedPerson Of(string userId, PersonRecord record) => new(userId, record.Provider, record.Email, record.EmailVerified) { Groups = record.Groups };

    /// <param name="granted">The claims of a grant, which were written down when its person signed in.</param>
    public static VouchedPerson Of(ClaimsPrincipal granted) => new(
        granted.GetClaim(Claims.Subject),
        granted.GetClaim(SessionCookie.ProviderClaim),
        granted.GetClaim(Claims.Email),
        granted.GetClaim(Claims.EmailVerified) is "true" or "True");
}
