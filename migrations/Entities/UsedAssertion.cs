namespace McpIdentity.Migrations.Entities;

/// <summary>
/// A client assertion that was accepted (RFC 7523 §3): a second one with its <c>jti</c> is refused, on whichever node. The
/// row's key decides between two that come at once. It goes when the assertion has expired.
/// </summary>
public sealed class UsedAssertion
{
    /// <summary>The SHA-256 hash of the client's id and the <c>jti</c>, in base64url: both may be long, and neither is anybody's to read.</summary>
    public required string Id { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }
}
