namespace McpIdentity.Server.Settings;

/// <summary>Client ID metadata documents: the section <c>OAuth:ClientDocuments</c>. Lifetimes are time spans (<c>01:00:00</c>).</summary>
internal sealed class ClientDocumentOptions
{
    /// <summary>
    /// Whether a client may name itself by the https URL of a document that describes it, and need no registration. Unset: where
    /// clients may register without an initial access token (<see cref="RegistrationOptions.Policy"/>).
    /// </summary>
    public bool? Enabled { get; set; }

    /// <summary>
    /// Reads documents of these hosts only: <c>claude.ai</c>; <c>*.example.org</c> stands for every name below it. Empty: of
    /// every host of the public internet.
    /// </summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>Reads no document of these hosts, written like <see cref="AllowedHosts"/>, and serves no client that has come from there.</summary>
    public IList<string> BlockedHosts { get; } = [];

    /// <summary>
    /// Networks such as <c>10.1.2.0/24</c> that documents and key sets may be read from although their addresses are not public: private,
    /// loopback, link-local and the like are refused otherwise, because a stranger chooses the URL.
    /// </summary>
    public IList<string> AllowedNetworks { get; } = [];

    /// <summary>How often within a minute one host is asked for documents; half as often for requests of one address.</summary>
    public int FetchesPerHost { get; set; } = 10;

    /// <summary>How many documents of clients that nobody uses yet are read within a minute, of all hosts together.</summary>
    public int FetchesOfUnknown { get; set; } = 60;

    /// <summary>A document is good for at least so long, whatever its headers say (RFC 9111): it is asked for no more often.</summary>
    public TimeSpan ShortestLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>And for at most so long.</summary>
    public TimeSpan LongestLifetime { get; set; } = TimeSpan.FromDays(1);

    /// <summary>
    /// For so long after that, the last good document still counts when it cannot be read any more, for a client that somebody
    /// has allowed something. <c>00:00:00</c>: not at all.
    /// </summary>
    public TimeSpan GoodOnError { get; set; } = TimeSpan.FromDays(7);
}
