using System.Security.Claims;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Federation;

/// <summary>Whom the operator lets in, of those whom a provider vouches for: when they sign in, and as long as they stay.</summary>
internal sealed class Admission(IOptions<OAuthServerOptions> options, SignInProviders providers)
{
    /// <returns>The page that names the rule, or null for someone who may come in.</returns>
    public PersonError? Check(UpstreamIdentity identity, string providerName) => CheckEmail(identity, providerName) ?? CheckHostedDomain(identity);

    /// <summary>
    /// Whether somebody who came in before would still come in: the rules may have become narrower, or their provider may be gone.
    /// </summary>
    /// <param name="provider">Who vouched for them; null in a grant of a release that did not write it down.</param>
    /// <param name="email">As the provider said it then.</param>
    /// <param name="emailVerified">As the provider said it then.</param>
    /// <param name="hostedDomain">As Google said it then.</param>
    public bool StillAdmits(string? provider, string? email, bool emailVerified, string? hostedDomain)
    {
        var identity = new UpstreamIdentity(provider ?? "", "", null, email, emailVerified) { HostedDomain = hostedDomain };
        return (provider is null || providers.IsOn(provider)) && Check(identity, "") is null;
    }

    /// <summary>The same of somebody who is signed in, for a page that says why they may not go on.</summary>
    /// <returns>The page that names the rule, or null for someone who may stay.</returns>
    public PersonError? CheckAgain(SignedInPerson person) =>
        !providers.IsOn(person.Provider) ? SignInFailure.ProviderGone(person.Provider)
        : Check(new UpstreamIdentity(person.Provider, "", null, person.Email, person.EmailVerified) { HostedDomain = person.HostedDomain }, providers.NameOf(person.Provider));

    /// <summary>
    /// The same of the person of a grant, asked with each code and refresh token: from the claims that were written down when they
    /// signed in, so that it costs no query.
    /// </summary>
    public bool StillAdmits(ClaimsPrincipal granted) => StillAdmits(
        granted.GetClaim(SessionCookie.ProviderClaim),
        granted.GetClaim(Claims.Email),
        granted.GetClaim(Claims.EmailVerified) is "true" or "True",
        granted.GetClaim(SessionCookie.HostedDomainClaim));

    private PersonError? CheckEmail(UpstreamIdentity identity, string providerName)
    {
        var oauth = options.Value;
        if (!identity.EmailVerified && oauth.RequireVerifiedEmail)
        {
            return SignInFailure.UnverifiedEmail(providerName, identity.Email is not null);
        }

        return oauth.AllowedEmailDomains is { Count: > 0 } domains && !(identity.EmailVerified && IsIn(domains, identity.Email))
            ? SignInFailure.DomainNotAllowed(string.Join(", ", domains))
            : null;
    }

    private PersonError? CheckHostedDomain(UpstreamIdentity identity) =>
        identity.Provider != GoogleSignIn.Scheme || options.Value.GoogleHostedDomain is not { Length: > 0 } only ||
        string.Equals(identity.HostedDomain, only, StringComparison.OrdinalIgnoreCase)
            ? null
            : SignInFailure.NotOfHostedDomain(only);

    private static bool IsIn(IEnumerable<string> domains, string? email) =>
        email?.LastIndexOf('@') is >= 0 and var at && domains.Contains(email[(at + 1)..], StringComparer.OrdinalIgnoreCase);
}
