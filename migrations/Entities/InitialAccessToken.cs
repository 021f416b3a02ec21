namespace McpIdentity.Migrations.Entities;

/// <summary>A token that an operator hands to those who may register clients (RFC 7591 §3). It is kept as a hash.</summary>
public sealed class InitialAccessToken
{
    /// <summary>The SHA-256 hash of the token, in base64url.</summary>
    public required string Id { get; set; }

    /// <summary>Whom it was given to, in the operator's words. No two have the same.</summary>
    public required string Name { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>From when on it registers nothing more; null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>How many clients it may register; null: any number.</summary>
    public int? MaxUses { get; set; }

    /// <summary>How many it has registered. Counted with the registration, in one transaction.</summary>
    public int Uses { get; set; }

    public DateTimeOffset? LastUsedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}
