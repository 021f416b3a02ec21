using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>The authorization server: the section <c>OAuth</c>. Lifetimes are time spans (<c>01:00:00</c>).</summary>
internal sealed class OAuthServerOptions
{
    public const string Section = "OAuth";

    /// <summary>
    /// Whether this is an authorization server at all; <c>OAUTH_ENABLED</c> in the environment. Off, its endpoints, pages and
    /// metadata are 404, and what is left is the MCP endpoint for JWTs of other issuers.
    /// </summary>
    public bool Enabled { get; set; } = true;

    /// <summary>May repeat <c>Server:PublicBaseUrl</c>, which is the issuer; another value is refused.</summary>
    public string? Issuer { get; set; }

    /// <summary>From the Google Cloud console; <c>GOOGLE_CLIENT_ID</c> in the environment. Google is on when both are set.</summary>
    public string? GoogleClientId { get; set; }

    /// <summary><c>GOOGLE_CLIENT_SECRET</c> in the environment.</summary>
    [Secret]
    public string? GoogleClientSecret { get; set; }

    /// <summary>Google's authorization endpoint, when it is reached under another address.</summary>
    public string? GoogleAuthorizationEndpoint { get; set; }

    /// <summary>Google's token endpoint, when it is reached under another address.</summary>
    public string? GoogleTokenEndpoint { get; set; }

    /// <summary>Google's userinfo endpoint, when it is reached under another address.</summary>
    public string? GoogleUserInformationEndpoint { get; set; }

    /// <summary>Admits accounts of this Google Workspace domain only: <c>example.com</c>.</summary>
    public string? GoogleHostedDomain { get; set; }

    /// <summary>
    /// Asks Google for a refresh token and keeps Google's tokens, encrypted, with the session: for code of yours in this process
    /// that acts for people at Google. Off, nothing of the kind is asked for or kept.
    /// </summary>
    public bool KeepGoogleTokens { get; set; }

    /// <summary>Of an OAuth app at GitHub; <c>GITHUB_CLIENT_ID</c> in the environment. GitHub is on when both are set.</summary>
    public string? GitHubClientId { get; set; }

    /// <summary><c>GITHUB_CLIENT_SECRET</c> in the environment.</summary>
    [Secret]
    public string? GitHubClientSecret { get; set; }

    /// <summary>Of an app registration in Microsoft Entra; <c>MICROSOFT_CLIENT_ID</c> in the environment. Microsoft is on when both are set.</summary>
    public string? MicrosoftClientId { get; set; }

    /// <summary><c>MICROSOFT_CLIENT_SECRET</c> in the environment.</summary>
    [Secret]
    public string? MicrosoftClientSecret { get; set; }

    /// <summary>
    /// Your organisation's tenant id or domain; <c>MICROSOFT_TENANT_ID</c> in the environment. <c>common</c> admits every
    /// organisation and personal accounts, <c>organizations</c> and <c>consumers</c> one of the two.
    /// </summary>
    public string MicrosoftTenant { get; set; } = "common";

    /// <summary>Further sign-in providers, by a short id of your choice: any OpenID Connect issuer, GitLab, Okta and many others.</summary>
    public IDictionary<string, UpstreamProviderOptions> Providers { get; } =
        new Dictionary<string, UpstreamProviderOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The ids of sign-in providers in the order in which the sign-in page offers them: <c>staff</c>, <c>google</c>. Those that are not named
    /// follow, Google first and the others by their ids.
    /// </summary>
    public IList<string> ProviderOrder { get; } = [];

    /// <summary>Admits people with a verified e-mail address of these domains only. Empty, everyone that a provider vouches for.</summary>
    public IList<string> AllowedEmailDomains { get; } = [];

    /// <summary>Where Google sends the browser back to; register <c>{PublicBaseUrl}/oauth/callback</c> there.</summary>
    public string CallbackPath { get; set; } = "/oauth/callback";

    /// <summary>Refuses people whose provider has not verified their e-mail address.</summary>
    public bool RequireVerifiedEmail { get; set; } = true;

    /// <summary>At least 32 random characters; <c>ENCRYPTION_KEY</c> in the environment. Development makes its own.</summary>
    [Secret]
    public string? EncryptionKey { get; set; }

    /// <summary>Earlier encryption keys: they still decrypt, so that the key can be changed.</summary>
    [Secret]
    public IList<string> PreviousEncryptionKeys { get; } = [];

    /// <summary>
    /// What signs tokens: <c>ES256</c>, a tenth of the cost of <c>RS256</c> and known to every MCP client library (RFC 7518
    /// §3.4), or <c>RS256</c> for validators that know nothing else. A change brings a new key; the old one's tokens stay valid.
    /// </summary>
    public SigningAlgorithm SigningAlgorithm { get; set; } = SigningAlgorithm.ES256;

    /// <summary>After this time a new key signs; <c>00:00:00</c>: only when <c>keys rotate</c> is run. At least a day.</summary>
    public TimeSpan SigningKeyRotation { get; set; } = TimeSpan.FromDays(90);

    /// <summary>How long an access token lives; nothing but its end or a revocation stops it.</summary>
    public TimeSpan AccessTokenLifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a refresh token can wait to be used; each use starts it anew.</summary>
    public TimeSpan RefreshTokenLifetime { get; set; } = TimeSpan.FromDays(7);

    /// <summary>After this time since the consent nothing is refreshed any more, however often it was: the person signs in again.</summary>
    public TimeSpan RefreshTokenFamilyLifetime { get; set; } = TimeSpan.FromDays(90);

    /// <summary>Always true: refresh tokens are used once (OAuth 2.1 §4.3.1). Here so that a guide that says so binds.</summary>
    public bool RefreshTokenRotation { get; set; } = true;

    /// <summary>
    /// For so many seconds (0 to 300) after a refresh the same request gets the same successor again; later, or with 0 at
    /// once, a used refresh token ends its whole grant.
    /// </summary>
    public int RefreshTokenReuseGraceSeconds { get; set; } = 30;

    /// <summary>At most a minute is sensible: a client redeems its code at once (RFC 6749 §4.1.2).</summary>
    public TimeSpan AuthorizationCodeLifetime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Whether a scope that this server does not know is refused with <c>invalid_scope</c>. Otherwise it is left out and the
    /// answer's <c>scope</c> says what was granted (RFC 6749 §3.3): clients ask for the scopes of other systems too.
    /// </summary>
    public bool StrictScopes { get; set; }

    /// <summary>How long a browser stays signed in.</summary>
    public TimeSpan LoginSessionLifetime { get; set; } = TimeSpan.FromHours(8);

    /// <summary>
    /// MCP servers in other hosts that trust our tokens, each by its resource identifier: an https URL (http on loopback),
    /// as its own metadata has it. A client names one in <c>resource</c> (RFC 8707) and gets a token that only it accepts. One
    /// with scopes of its own is an object; so is one for our own endpoint, which adds scopes to those it has.
    /// </summary>
    public IList<ResourceOptions> Resources { get; } = [];

    public SessionStorageOptions SessionStorage { get; } = new();

    public RegistrationOptions Registration { get; } = new();

    public ClientDocumentOptions ClientDocuments { get; } = new();

    /// <summary>Who registers nobody, or those whom they know, has not asked for clients that come by themselves.</summary>
    public bool TakesClientDocuments() =>
        ClientDocuments.Enabled ?? Registration.PolicyInForce() is RegistrationPolicy.Open or RegistrationPolicy.Hosts or RegistrationPolicy.Approval;

    /// <summary>Clients that you register here instead of letting them register themselves. One that you remove is disabled at the next start.</summary>
    public IList<StaticClientOptions> StaticClients { get; } = [];

    /// <summary>
    /// A file of your own in the place of the clients in wide use that this release knows: their names, hosts and redirect
    /// URIs (<c>McpIdentity.Server/Clients/presets.json</c> is the form).
    /// </summary>
    public string? ClientPresets { get; set; }

    /// <summary>One such client by environment alone: <c>MCP_CLIENT_ID</c>.</summary>
    public string? McpClientId { get; set; }

    /// <summary><c>MCP_CLIENT_SECRET</c> in the environment; absent for a public client.</summary>
    [Secret]
    public string? McpClientSecret { get; set; }

    /// <summary>Its redirect URIs, separated by commas; <c>MCP_REDIRECT_URIS</c> in the environment.</summary>
    public string? McpRedirectUris { get; set; }
}
