using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// <c>Mcp:AdminUsers</c>: who is granted <c>mcp:admin</c> (LINK-14). By our own identifier, which belongs to one account at one
/// provider; or by e-mail address, where a provider has verified it whose word counts for that (<see cref="TrustedProviders"/>).
/// </summary>
internal sealed partial class Administrators(IOptions<McpHostOptions> mcp, IOptions<OAuthServerOptions> oauth, TrustedProviders trusted, SignInProviders providers, ILogger<Administrators> logger)
{
    /// <summary>Whether there can be any.</summary>
    public bool AreNamed => mcp.Value.AdminUsers.Count > 0;

    public bool Include(VouchedPerson person) =>
        (person.UserId is not null && mcp.Value.AdminUsers.Contains(person.UserId)) ||
        (trusted.CountAddressOf(person) && mcp.Value.AdminUsers.Contains(person.Email!, StringComparer.OrdinalIgnoreCase));

    /// <summary>Says at the start when addresses are named that count for nobody.</summary>
    public void Log()
    {
        var named = mcp.Value.AdminUsers.Concat(oauth.Value.Resources.SelectMany(resource => resource.OnlyFor.Values.SelectMany(entries => entries)));
        if (named.Any(entry => Scope.IsOfAddresses(entry)) && !trusted.AreAny)
        {
            AddressesDoNotCount(string.Join(", ", providers.All.Select(provider => provider.Id)));
        }
    }

    [LoggerMessage(1406, LogLevel.Warning,
        "Mcp:AdminUsers or OAuth:Resources:n:OnlyFor names e-mail addresses, and several providers can verify them ({Providers}): none of the addresses counts until Mcp:AdminProviders says whose word does.")]
    private partial void AddressesDoNotCount(string providers);
}
