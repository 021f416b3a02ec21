using McpIdentity.Server.Pages;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>Whom the operator lets in, of those whom a provider vouches for.</summary>
internal sealed class Admission(IOptions<OAuthServerOptions> options)
{
    /// <returns>The page that names the rule, or null for someone who may come in.</returns>
    public PersonError? Check(UpstreamIdentity identity, string providerName)
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

    /// <param name="hostedDomain">The <c>hd</c> of Google's answer: the organisation that manages the account; none for a private one.</param>
    public PersonError? CheckHostedDomain(string? hostedDomain) =>
        options.Value.GoogleHostedDomain is not { Length: > 0 } only || string.Equals(hostedDomain, only, StringComparison.OrdinalIgnoreCase)
            ? null
            : SignInFailure.DomainNotAllowed(only);

    private static bool IsIn(IEnumerable<string> domains, string? email) =>
        email?.LastIndexOf('@') is >= 0 and var at && domains.Contains(email[(at + 1)..], StringComparer.OrdinalIgnoreCase);
}
