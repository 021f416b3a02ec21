namespace McpIdentity.Migrations.Entities;

/// <summary>What one person has allowed one client to do at one resource, until withdrawn.</summary>
/// <remarks>
/// Kept apart from <see cref="Grant"/>: each of those is one code and its tokens, so that the replay of one does not end
/// the person's other devices. See docs/decisions/0001.
/// </remarks>
public sealed class Consent
{
    public required string UserId { get; set; }

    public required string ClientId { get; set; }

    /// <summary>The audience that the access tokens will carry.</summary>
    public required string Resource { get; set; }

    /// <summary>Space-separated, as on the wire.</summary>
    public required string Scopes { get; set; }

    public DateTimeOffset GrantedAt { get; set; }
}
