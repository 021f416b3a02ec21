namespace McpIdentity.Migrations.Entities;

/// <summary>
/// Something that ended before its access tokens expire. The rows are the feed that every node reads; they go when no token
/// can ask about them any more.
/// </summary>
public sealed class Revocation
{
    public long Id { get; set; }

    public RevocationKind Kind { get; set; }

    /// <summary>The identifier as it stands in tokens: <c>jti</c>, <c>oi_au_id</c>, <c>sid</c>, <c>client_id</c> or <c>sub</c>; of <see cref="RevocationKind.All"/>, a moment.</summary>
    public required string Target { get; set; }

    public DateTimeOffset RevokedAt { get; set; }

    /// <summary>When the last access token that it ended has expired by itself.</summary>
    public DateTimeOffset ExpiresAt { get; set; }
}

/// <summary>What a <see cref="Revocation"/> ended.</summary>
public enum RevocationKind
{
    /// <summary>One access token (<c>jti</c>).</summary>
    Token,

    /// <summary>One authorization with all its tokens (<c>oi_au_id</c>).</summary>
    Grant,

    /// <summary>One sign-in session with all its grants (<c>sid</c>).</summary>
    Session,

    /// <summary>Everything that one client holds (<c>client_id</c>) from before that moment.</summary>
    Client,

    /// <summary>Everything that one person allowed (<c>sub</c>) before that moment.</summary>
    User,

    /// <summary>Everything that was issued to anybody before the moment that stands in <see cref="Revocation.Target"/>.</summary>
    All,
}
