using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>
/// <c>Mcp:AdminProviders</c>: the providers whose word counts for what settings give to e-mail addresses and to groups. Any provider
/// can verify any address, and call a group anything: one that lets strangers register must not make administrators.
/// </summary>
internal sealed class TrustedProviders(IOptions<McpHostOptions> mcp, SignInProviders providers)
{
    /// <summary>Whether anybody's address or group counts at all.</summary>
    public bool AreAny => providers.All.Any(provider => Include(provider.Id)) || Include(DemoProvider.Name);

    /// <summary>Whether the person's e-mail address is verified, by one of them.</summary>
    public bool CountAddressOf(VouchedPerson person) => person is { EmailVerified: true, Email: not null } && Include(person.Provider);

    // Named, or the only one there is. A grant of a release that did not write the provider down can only be of that one.
    public bool Include(string? provider) =>
        mcp.Value.AdminProviders is { Count: > 0 } named ? provider is not null && named.Contains(provider, StringComparer.OrdinalIgnoreCase)
        : providers.Demo ? provider is null or DemoProvider.Name
        : providers.All is [var only] && (provider is null || provider == only.Id);
}
