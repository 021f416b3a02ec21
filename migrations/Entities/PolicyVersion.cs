namespace McpIdentity.Migrations.Entities;

/// <summary>A policy that an operator has applied. The one with the highest number is in force; the others are there to go back to.</summary>
public sealed class PolicyVersion
{
    /// <summary>Given by the database, in the order in which they were applied.</summary>
    public long Id { get; set; }

    /// <summary>Groups and rules as JSON, as they were handed in.</summary>
    public required string Document { get; set; }

    public DateTimeOffset At { get; set; }

    /// <summary>Who applied it: the user of the operating system, and the machine.</summary>
    public required string Actor { get; set; }

    /// <summary>What they said about it.</summary>
    public string? Note { get; set; }
}
