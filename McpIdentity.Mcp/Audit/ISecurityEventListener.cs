namespace McpIdentity.Mcp.Audit;

/// <summary>
/// Hears of every event beside the lines of the <see cref="SecurityLog"/>: a host that keeps them in a database implements it.
/// Whether lines are written, and from which level on, does not matter to it.
/// </summary>
internal interface ISecurityEventListener
{
    /// <summary>Whether it wants to hear anything.</summary>
    bool IsOn { get; }

    /// <summary>Whether a call that was let in is to be told in full; one that is not it has counted. Asked before an event is made of it.</summary>
    bool Admits(in PassedCall call);

    /// <summary>Takes what happened, stamped. Never waits and never throws.</summary>
    /// <returns>False where it has no room for it.</returns>
    bool Heard(SecurityEvent e);

    /// <summary>What is to be asked for the rest, such as sums that are not over, before the listener ends.</summary>
    void BeforeEnd(Action tellRest);

    /// <summary>Before something is issued.</summary>
    /// <exception cref="Exception">What would be issued could not be written down, and must then not be issued.</exception>
    void Require();

    /// <summary>The same of what was made, before anybody has it: what is returned ends when the event is where it must be, or fails as <see cref="Require"/>.</summary>
    Task HeardToKeepAsync(SecurityEvent e);
}

/// <summary>A call that was let in. Those of one caller that do not differ in what stands in the parentheses are counted together.</summary>
/// <param name="Event">What an event of it is called.</param>
/// <param name="Who">The grant of the caller, or who it is, or the address of who has shown nothing.</param>
/// <param name="Resource">Which endpoint, by its URL.</param>
/// <param name="Tool">The tool, if it is a call of one.</param>
internal readonly record struct PassedCall(string Event, string Who, string? Resource, string? Tool)
{
    /// <summary>As it stands in a line: what a caller makes up is not kept at any length.</summary>
    public string? Tool { get; init; } = Tool is { Length: > SecurityEventJson.MaxLength } ? Tool[..SecurityEventJson.MaxLength] : Tool;

    public string? ClientId { get; init; }

    public string? Subject { get; init; }

    public string? GrantId { get; init; }

    /// <summary>The server behind this one.</summary>
    public string? Server { get; init; }

    public bool Equals(PassedCall other) => Event == other.Event && Who == other.Who && Resource == other.Resource && Tool == other.Tool;

    public override int GetHashCode() => HashCode.Combine(Event, Who, Resource, Tool);
}

/// <summary>Where an event goes.</summary>
[Flags]
internal enum EventReaders
{
    None = 0,

    /// <summary>The lines of the security log.</summary>
    Log = 1,

    /// <summary>The host's <see cref="ISecurityEventListener"/>.</summary>
    Listener = 2,
    All = Log | Listener,
}
