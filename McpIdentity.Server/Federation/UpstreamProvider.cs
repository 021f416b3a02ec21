using System.Globalization;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using OpenIddict.Client.WebIntegration;

namespace McpIdentity.Server.Federation;

/// <summary>A provider as it is configured, by its section or by the flat names.</summary>
/// <param name="Id">Its name in our configuration, in addresses and in the user table.</param>
/// <param name="Type"><c>Google</c>, a name of <see cref="OpenIddictClientWebIntegrationConstants.ProviderTypes"/>, or <see cref="Oidc"/>.</param>
/// <param name="Options">With the flat names folded in.</param>
internal sealed record UpstreamProvider(string Id, string Type, UpstreamProviderOptions Options)
{
    public const string Oidc = "oidc";
    public const string GitHub = "GitHub";
    public const string GitLab = "GitLab";
    public const string Microsoft = "Microsoft";

    private const string Entra = "Entra";

    public string DisplayName => Options.DisplayName ?? (Type == Oidc ? Id : Type);

    /// <summary>What its button carries without an image.</summary>
    public string Initial => StringInfo.GetNextTextElement(DisplayName).ToUpperInvariant();

    /// <summary>Which setting names the image of its button, for messages.</summary>
    public string IconSetting => $"OAuth:Providers:{Id}:Icon";

    /// <summary>Where the provider sends the browser back to: what the operator registers there, after our public address.</summary>
    public string CallbackPath => Options.CallbackPath ?? $"{Paths.Callback}/{Id}";

    /// <summary>Both halves of the credential are there, and neither is a placeholder that was copied from a guide.</summary>
    public bool IsUsable => Placeholders.IsSet(Options.ClientId) && Placeholders.IsSet(Options.ClientSecret);

    /// <summary>The settings that an operator would look at when the provider does not accept us.</summary>
    public string CredentialSettings => Id switch
    {
        GoogleSignIn.Scheme => "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (.env.oauth)",
        "github" => "GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET, or OAuth:Providers:github",
        "microsoft" => "MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET, or OAuth:Providers:microsoft",
        _ => $"OAuth:Providers:{Id}:ClientId and ClientSecret",
    };

    /// <summary>Everything that somebody has begun to configure, in the order of the sign-in page; see <see cref="IsUsable"/>.</summary>
    public static IReadOnlyList<UpstreamProvider> ListFrom(OAuthServerOptions oauth)
    {
        if (!oauth.Enabled)
        {
            return []; // nobody signs in here
        }

        var providers = new List<UpstreamProvider>();
        var sections = new SortedDictionary<string, UpstreamProviderOptions>(oauth.Providers, StringComparer.OrdinalIgnoreCase);
        if (sections.Remove(GoogleSignIn.Scheme, out var shown) || !string.IsNullOrEmpty(oauth.GoogleClientId) || !string.IsNullOrEmpty(oauth.GoogleClientSecret))
        {
            providers.Add(new UpstreamProvider(GoogleSignIn.Scheme, "Google", new UpstreamProviderOptions
            {
                ClientId = oauth.GoogleClientId,
                ClientSecret = oauth.GoogleClientSecret,
                CallbackPath = oauth.CallbackPath,
                DisplayName = shown?.DisplayName,
                Icon = shown?.Icon,
            }));
        }

        Fold(sections, "github", oauth.GitHubClientId, oauth.GitHubClientSecret);
        Fold(sections, "microsoft", oauth.MicrosoftClientId, oauth.MicrosoftClientSecret);
        foreach (var (id, options) in sections)
        {
            var type = TypeOf(id, options);
            if (type == Microsoft)
            {
                options.Settings.TryAdd("Tenant", oauth.MicrosoftTenant);
            }

            providers.Add(new UpstreamProvider(id.ToLowerInvariant(), type, options));
        }

        return [.. providers.OrderBy(provider => oauth.ProviderOrder.TakeWhile(id => !string.Equals(id, provider.Id, StringComparison.OrdinalIgnoreCase)).Count())];
    }

    /// <returns>The exact spelling of a type that we can serve, or null.</returns>
    public static string? KnownType(string name) =>
        string.Equals(name, Oidc, StringComparison.OrdinalIgnoreCase) ? Oidc
        : string.Equals(name, Entra, StringComparison.OrdinalIgnoreCase) ? Microsoft
        : typeof(OpenIddictClientWebIntegrationConstants.ProviderTypes).GetFields()
            .FirstOrDefault(field => string.Equals(field.Name, name, StringComparison.OrdinalIgnoreCase))?.Name;

    // Without a type the id is one where it can be. Whoever names the issuer of an Entra tenant has described it as any other.
    private static string TypeOf(string id, UpstreamProviderOptions options) =>
        options.Type is { Length: > 0 } type ? KnownType(type) ?? type
        : string.Equals(id, Entra, StringComparison.OrdinalIgnoreCase) && ProviderSettings.IssuerOf(options) is not null ? Oidc
        : KnownType(id) ?? Oidc;

    private static void Fold(SortedDictionary<string, UpstreamProviderOptions> sections, string id, string? clientId, string? secret)
    {
        if (string.IsNullOrEmpty(clientId) && string.IsNullOrEmpty(secret))
        {
            return;
        }

        if (!sections.TryGetValue(id, out var options))
        {
            sections[id] = options = new UpstreamProviderOptions();
        }

        options.ClientId ??= clientId;
        options.ClientSecret ??= secret;
    }
}
