using McpIdentity.Mcp;

namespace McpIdentity.Server.Settings;

/// <summary>Dynamic client registration (RFC 7591): the section <c>OAuth:Registration</c>.</summary>
internal sealed class RegistrationOptions
{
    /// <summary>
    /// Who may register clients: nobody (<c>Off</c>), whoever presents an initial access token (<c>Token</c>), clients of
    /// <see cref="AllowedRedirectHosts"/> (<c>Hosts</c>), anybody with an operator who lets each client in (<c>Approval</c>), anybody
    /// (<c>Open</c>). Unset: as <see cref="Enabled"/> and <see cref="RequireInitialAccessToken"/> say, and with neither <c>Open</c>.
    /// A client that presents an initial access token needs neither a known host nor an approval; nor, with <see cref="SoftwareStatements"/>,
    /// one whose statement names its redirect URIs, which needs no such token either.
    /// </summary>
    public RegistrationPolicy? Policy { get; set; }

    /// <summary>
    /// With <c>Policy=Hosts</c>, where answers of clients may go: <c>claude.ai</c>; <c>*.example.com</c>, any name below it and not
    /// itself; <c>http-loopback</c>, the person's own computer; <c>cursor:</c>, links of that scheme.
    /// </summary>
    public IList<string> AllowedRedirectHosts { get; } = [];

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

    /// <summary>
    /// Whether a new <c>client_id</c> says itself what was registered, under a key derived from <c>OAuth:EncryptionKey</c>
    /// (RFC 7591 A.5.2): the client goes on when the database was lost. Such identifiers have 150 to 1,000 characters.
    /// </summary>
    public bool SignedClientIds { get; set; }

    /// <summary>
    /// Whose software statements count (RFC 7591 §2.3). What such a statement says of a client takes the place of what the client says,
    /// and where it names the redirect URIs it lets the client in as an initial access token does. Without any, statements are ignored.
    /// </summary>
    public IList<SoftwareStatementOptions> SoftwareStatements { get; } = [];

    /// <summary>What holds, whichever settings say it.</summary>
    public RegistrationPolicy PolicyInForce() =>
        Policy ?? (!Enabled ? RegistrationPolicy.Off : RequireInitialAccessToken ? RegistrationPolicy.Token : RegistrationPolicy.Open);
}
