namespace McpIdentity.Migrations.Entities;

/// <summary>A server that runs: what the others have to know of it, and the row that it writes to see whether it can write.</summary>
public sealed class Node
{
    /// <summary>Random, of one run; on SQLite the same for every run.</summary>
    public required string Id { get; set; }

    /// <summary>Fingerprints of the encryption keys that it reads, the one that it writes under first, separated by spaces; empty where it uses none.</summary>
    public required string Keys { get; set; }

    /// <summary>By its own clock: others look whether it changes, and compare it with no clock of theirs.</summary>
    public DateTimeOffset SeenAt { get; set; }
}
