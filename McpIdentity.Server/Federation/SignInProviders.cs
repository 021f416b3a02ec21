using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Federation;

/// <summary>Who may vouch for people here, as configured.</summary>
internal sealed partial class SignInProviders(
    IOptions<OAuthServerOptions> options, IHostEnvironment environment, PublicAddress address, ServedImages images, ILogger<SignInProviders> logger)
{
    private readonly Dictionary<string, string?> _icons = UpstreamProvider.ListFrom(options.Value)
        .ToDictionary(provider => provider.Id, provider => images.Serve(provider.IconSetting, provider.Options.Icon));

    /// <summary>In the order of the sign-in page.</summary>
    public IReadOnlyList<UpstreamProvider> All { get; } = [.. UpstreamProvider.ListFrom(options.Value).Where(provider => provider.IsUsable)];

    /// <summary>The demo provider refuses to exist outside Development, and beside a real provider.</summary>
    public bool Demo => environment.IsDevelopment() && All.Count == 0;

    /// <summary>Whether people of this provider can sign in at all.</summary>
    public bool IsOn(string id) => Find(id) is not null || (Demo && id == DemoProvider.Name);

    /// <summary>What people call it.</summary>
    public string NameOf(string id) => Find(id)?.DisplayName ?? (id == DemoProvider.Name ? DemoProvider.DisplayName : id);

    public UpstreamProvider? Find(string? id) => All.FirstOrDefault(provider => provider.Id == id);

    /// <summary>The address of the image that its button carries; null where none is configured.</summary>
    public string? IconOf(UpstreamProvider provider) => _icons[provider.Id];

    /// <summary>The address that the operator registers at the provider, byte by byte.</summary>
    public string CallbackOf(UpstreamProvider provider) => address.UrlOf(provider.CallbackPath);

    /// <summary>Says which providers are on and what to register there, and which are off because a half is missing (SEED-025).</summary>
    public void Log()
    {
        foreach (var provider in UpstreamProvider.ListFrom(options.Value))
        {
            if (provider.IsUsable)
            {
                ProviderIsOn(provider.DisplayName, CallbackOf(provider));
            }
            else
            {
                ProviderIsOff(provider.DisplayName, provider.CredentialSettings);
            }
        }
    }

    /// <summary>Says that not all of a person's groups are known, which an operator would look for elsewhere.</summary>
    public void LogMissingGroups(UpstreamProvider provider) => GroupsAreMissing(provider.DisplayName);

    [LoggerMessage(1501, LogLevel.Information, "People can sign in with {Provider}. The redirect URI to register there: {RedirectUri}")]
    private partial void ProviderIsOn(string provider, string redirectUri);

    [LoggerMessage(1502, LogLevel.Warning, "Sign-in with {Provider} is off: client id and secret must both be set, and not to a placeholder. Check {Settings}.")]
    private partial void ProviderIsOff(string provider, string settings);

    [LoggerMessage(1504, LogLevel.Warning,
        "{Provider} did not say all groups of a person, because they are too many: rules that deny by a group of its hold for them, and rules that allow by one do not. Let it send the groups that are assigned to this application, or roles (docs/policy.md).")]
    private partial void GroupsAreMissing(string provider);
}
