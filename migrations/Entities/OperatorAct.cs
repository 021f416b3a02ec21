namespace McpIdentity.Migrations.Entities;

/// <summary>What an operator did by the command line: who, when and to whom. Kept beside the data that it changed, wherever that was done.</summary>
public sealed class OperatorAct
{
    public long Id { get; set; }

    public DateTimeOffset At { get; set; }

    /// <summary>The user of the operating system, and the machine.</summary>
    public required string Actor { get; set; }

    /// <summary>In the words of the security log: <c>user_removed</c>, <c>token_minted</c>.</summary>
    public required string Event { get; set; }

    /// <summary>The line of the security log. It names identifiers, and no token or secret.</summary>
    public required string Line { get; set; }
}
