using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>Dynamic client registration (RFC 7591): the section <c>OAuth:Registration</c>.</summary>
internal sealed class RegistrationOptions
{
    /// <summary>Whether <c>/register</c> is served.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How many redirect URIs one client may register.</summary>
    public int MaxRedirectUris { get; set; } = 20;

    /// <summary>Registers only clients that present <see cref="InitialAccessToken"/> as a bearer token (RFC 7591 §3).</summary>
    public bool RequireInitialAccessToken { get; set; }

    /// <summary>At least 16 characters, which you hand to those who may register clients.</summary>
    [Secret]
    public string? InitialAccessToken { get; set; }

    /// <summary>
    /// Such as <c>https</c>, <c>http-loopback</c> (http to the person's own computer) and <c>cursor</c>. Empty, every scheme
    /// that a browser does not run itself: editors and desktop apps have one each.
    /// </summary>
    public IList<string> AllowedRedirectUriSchemes { get; } = [];

    /// <summary>
    /// A client that registered itself is deleted when for so long it had neither use nor a grant that lives;
    /// <c>00:00:00</c>: never. One that nobody has ever allowed anything is deleted after a day. Clients of an operator stay.
    /// </summary>
    public TimeSpan UnusedClientTtl { get; set; } = TimeSpan.FromDays(30);

    /// <summary>
    /// How many clients are kept that registered themselves and were never issued anything; beyond it the oldest go within
    /// seconds. 0: as many as come within a day.
    /// </summary>
    public int MaxUnusedClients { get; set; } = 10_000;

    /// <summary>
    /// Whether a client may register itself for <c>client_credentials</c>. With registration open to anyone that hands
    /// a token to anyone, so unset means: not in Production, where an operator registers services.
    /// </summary>
    public bool? AllowClientCredentials { get; set; }
}
