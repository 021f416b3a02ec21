using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>
/// One identity provider that people may sign in with: <c>OAuth:Providers:{id}</c>. The id becomes part of the callback,
/// <c>{PublicBaseUrl}/oauth/callback/{id}</c>, and of what we remember of a person: give a changed issuer a new id.
/// </summary>
internal sealed class UpstreamProviderOptions
{
    /// <summary>
    /// <c>oidc</c> for any OpenID Connect issuer, or the name of a provider that OpenIddict knows: <c>GitHub</c>,
    /// <c>Microsoft</c>, <c>GitLab</c>, <c>Okta</c>, <c>Auth0</c>, … Absent, the id itself where it is such a name, and else <c>oidc</c>.
    /// </summary>
    public string? Type { get; set; }

    /// <summary>What the provider calls this server. The provider is on when id and secret are both set.</summary>
    public string? ClientId { get; set; }

    /// <summary>What proves that it is this server.</summary>
    [Secret]
    public string? ClientSecret { get; set; }

    /// <summary>The issuer, exactly as its discovery document spells it. For the type <c>oidc</c>.</summary>
    public string? Issuer { get; set; }

    /// <summary>Absent, what is needed to know who the person is: <c>openid email profile</c>, or GitHub's <c>read:user user:email</c>.</summary>
    public IList<string> Scopes { get; } = [];

    /// <summary>What the button says: "Continue with …".</summary>
    public string? DisplayName { get; set; }

    /// <summary>
    /// A file with the image that the button carries: PNG, SVG, JPEG, WebP or GIF, of 64 KiB at most. It is read at the start. Absent, the
    /// button carries the first letter of the name.
    /// </summary>
    public string? Icon { get; set; }

    /// <summary>The settings of OpenIddict's integration, by their own names: <c>Tenant</c> of Microsoft, <c>Domain</c> of Okta.</summary>
    [Secret]
    public IDictionary<string, string?> Settings { get; } = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Absent, <c>/oauth/callback/{id}</c>; <c>/callback/{id}</c> where that is what the provider knows.</summary>
    public string? CallbackPath { get; set; }

    /// <summary>
    /// Counts e-mail addresses as verified where the provider says nothing about it. Only for a provider where people cannot
    /// choose their address themselves, such as your organisation's own.
    /// </summary>
    public bool TrustEmail { get; set; }

    /// <summary>The authorization endpoint of a provider without discovery that is reached under another address: GitHub Enterprise.</summary>
    public string? AuthorizationEndpoint { get; set; }

    /// <summary>The token endpoint that goes with it.</summary>
    public string? TokenEndpoint { get; set; }

    /// <summary>The userinfo endpoint that goes with it. GitHub's addresses are read below it, at <c>/emails</c>.</summary>
    public string? UserInfoEndpoint { get; set; }

    /// <summary>
    /// Asks Microsoft Graph for the groups of a person whom Entra leaves out of its tokens because they are too many ("groups overage"). It asks
    /// people for the delegated permission <c>User.Read</c>. For Microsoft Entra with a tenant of your own, by type or by issuer.
    /// </summary>
    public bool GroupsFromGraph { get; set; }

    /// <summary>Where Microsoft Graph is, with its version. Absent, <c>https://graph.microsoft.com/v1.0</c>; national clouds have others.</summary>
    public string? GraphEndpoint { get; set; }
}
