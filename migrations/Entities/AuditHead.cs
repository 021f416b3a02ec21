namespace McpIdentity.Migrations.Entities;

/// <summary>How far a node's chain of <see cref="AuditEntry"/> goes, signed: who can write to the database and has no key of ours cannot shorten or mend it unseen.</summary>
public sealed class AuditHead
{
    public required string Node { get; set; }

    /// <summary>The last entry's place.</summary>
    public long Sequence { get; set; }

    /// <summary>The last entry's hash.</summary>
    public required byte[] Hash { get; set; }

    /// <summary>Entries up to here were removed because their time was over; 0 where none was.</summary>
    public long PrunedSequence { get; set; }

    /// <summary>The hash of the last entry that was removed: what is left begins after it.</summary>
    public byte[]? PrunedHash { get; set; }

    public DateTimeOffset SignedAt { get; set; }

    /// <summary>Which encryption key its signature is made under, by its fingerprint.</summary>
    public required string KeyId { get; set; }

    /// <summary>Over everything above.</summary>
    public required byte[] Signature { get; set; }
}
