using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Authorization;

/// <summary>
/// <c>Mcp:AdminUsers</c>: who is granted <c>mcp:admin</c> (LINK-14). By our own identifier, which belongs to one account at one
/// provider; or by e-mail address, where a provider has verified it whose word counts for that. Any provider can verify any
/// address: one that lets strangers register must not make administrators.
/// </summary>
internal sealed partial class Administrators(IOptions<McpHostOptions> mcp, IOptions<OAuthServerOptions> oauth, SignInProviders providers, ILogger<Administrators> logger)
{
    /// <summary>Whether there can be any.</summary>
    public bool AreNamed => mcp.Value.AdminUsers.Count > 0;

    public bool Include(VouchedPerson person) =>
        (person.UserId is not null && mcp.Value.AdminUsers.Contains(person.UserId)) ||
        (CountsAddressOf(person) && mcp.Value.AdminUsers.Contains(person.Email!, StringComparer.OrdinalIgnoreCase));

    /// <summary>Whether the person's e-mail address is verified, by a provider whose word counts for what settings give to addresses.</summary>
    public bool CountsAddressOf(VouchedPerson person) => person is { EmailVerified: true, Email: not null } && IsTrusted(person.Provider);

    /// <summary>Says at the start when addresses are named that count for nobody.</summary>
    public void Log()
    {
        var named = mcp.Value.AdminUsers.Concat(oauth.Value.Resources.SelectMany(resource => resource.OnlyFor.Values.SelectMany(entries => entries)));
        if (named.Any(entry => Scope.IsOfAddresses(entry)) && !providers.All.Any(provider => IsTrusted(provider.Id)) && !IsTrusted(DemoProvider.Name))
        {
            AddressesDoNotCount(string.Join(", ", providers.All.Select(provider => provider.Id)));
        }
    }

    // Named, or the only one there is. A grant of a release that did not write the provider down can only be of that one.
    private bool IsTrusted(string? provider) =>
        mcp.Value.AdminProviders is { Count: > 0 } named ? provider is not null && named.Contains(provider, StringComparer.OrdinalIgnoreCase)
        : providers.Demo ? provider is null or DemoProvider.Name
        : providers.All is [var only] && (provider is null || provider == only.Id);

    [LoggerMessage(1406, LogLevel.Warning,
        "Mcp:AdminUsers or OAuth:Resources:n:OnlyFor names e-mail addresses, and several providers can verify them ({Providers}): none of the addresses counts until Mcp:AdminProviders says whose word does.")]
    private partial void AddressesDoNotCount(string providers);
}
