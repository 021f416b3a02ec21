using System.Security.Claims;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// <c>Mcp:AdminUsers</c>: who is granted <c>mcp:admin</c> (LINK-14). By our own identifier, which belongs to one account at one
/// provider; or by e-mail address, where a provider has verified it whose word counts for that. Any provider can verify any
/// address: one that lets strangers register must not make administrators.
/// </summary>
internal sealed partial class Administrators(IOptions<McpHostOptions> mcp, SignInProviders providers, ILogger<Administrators> logger)
{
    public bool Include(SignedInPerson person) => Include(person.UserId, person.Provider, person.Email, person.EmailVerified);

    /// <summary>Takes the scope from what was granted to somebody who is no administrator any more.</summary>
    public void TakeScopeFromOthers(ClaimsPrincipal granted)
    {
        if (granted.HasScope(ServerScopes.McpAdmin) && !Include(
                granted.GetClaim(Claims.Subject),
                granted.GetClaim(SessionCookie.ProviderClaim),
                granted.GetClaim(Claims.Email),
                granted.GetClaim(Claims.EmailVerified) is "true" or "True"))
        {
            granted.SetScopes(granted.GetScopes().Remove(ServerScopes.McpAdmin));
        }
    }

    /// <summary>Says at the start when addresses are named that count for nobody.</summary>
    public void Log()
    {
        if (mcp.Value.AdminUsers.Any(user => user.Contains('@')) && !providers.All.Any(provider => IsTrusted(provider.Id)) && !IsTrusted(DemoProvider.Name))
        {
            AddressesDoNotCount(string.Join(", ", providers.All.Select(provider => provider.Id)));
        }
    }

    public bool Include(string? userId, string? provider, string? email, bool emailVerified) =>
        (userId is not null && mcp.Value.AdminUsers.Contains(userId)) ||
        (emailVerified && email is not null && mcp.Value.AdminUsers.Contains(email, StringComparer.OrdinalIgnoreCase) && IsTrusted(provider));

    // Named, or the only one there is. A grant of a release that did not write the provider down can only be of that one.
    private bool IsTrusted(string? provider) =>
        mcp.Value.AdminProviders is { Count: > 0 } named ? provider is not null && named.Contains(provider, StringComparer.OrdinalIgnoreCase)
        : providers.Demo ? provider is null or DemoProvider.Name
        : providers.All is [var only] && (provider is null || provider == only.Id);

    [LoggerMessage(1406, LogLevel.Warning,
        "Mcp:AdminUsers names e-mail addresses, and several providers can verify them ({Providers}): none of the addresses counts until Mcp:AdminProviders says whose word does.")]
    private partial void AddressesDoNotCount(string providers);
}
