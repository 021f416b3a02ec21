namespace McpIdentity.Migrations.Entities;

/// <summary>A link that makes whoever opens it and signs in the owner, once, within its time.</summary>
public sealed class SetupLink
{
    /// <summary>SHA-256 of the 256 random bits in the link.</summary>
    public required byte[] Hash { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    public DateTimeOffset? UsedAt { get; set; }
}
