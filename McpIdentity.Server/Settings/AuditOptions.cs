namespace McpIdentity.Server.Settings;

/// <summary>
/// The audit in the database: the section <c>Audit</c> (docs/audit.md). It hears of the same events as the security log
/// (<c>Mcp:SecurityLogging</c>), whether that writes lines or not.
/// </summary>
internal sealed class AuditOptions
{
    public const string Section = "Audit";

    /// <summary>Off, only what operators do is written.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Whose chain this server writes. Unset, the name of the machine. Two servers of one name share a chain.</summary>
    public string? Node { get; set; }

    /// <summary><c>Summed</c>: of calls of one grant, server and tool the first of a minute is a row, and the others together one more. <c>Each</c>: a row for each call with a token.</summary>
    public AuditedCalls Calls { get; set; } = AuditedCalls.Summed;

    /// <summary>How long rows are kept. The oldest of each chain go first.</summary>
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(400);

    /// <summary>
    /// While rows cannot be written. <c>Continue</c>: they wait in memory, and what does not fit is counted. <c>StopIssuing</c>: codes, tokens
    /// and registrations are answered only when their row is in the database, and 503 while it does not take one.
    /// </summary>
    public AuditUnavailable WhenUnavailable { get; set; } = AuditUnavailable.Continue;

    /// <summary>The node, whether it was set or not.</summary>
    internal string NodeName => Node is { Length: > 0 } node ? node : Environment.MachineName;
}

/// <summary>What of the calls that are let in is written.</summary>
internal enum AuditedCalls
{
    Summed,
    Each,
    Off,
}

/// <summary>What to do while the audit cannot be written.</summary>
internal enum AuditUnavailable
{
    Continue,
    StopIssuing,
}
