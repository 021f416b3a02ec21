namespace McpIdentity.Migrations.Entities;

/// <summary>
/// One browser signed in by one person, and all that was granted from it: tokens carry its <see cref="Id"/> as <c>sid</c>.
/// Also what the stores outside the database hold, encrypted. See docs/decisions/0004.
/// </summary>
public sealed record SignInSession
{
    /// <summary>A hash of the secret in the browser's cookie: it appears in tokens and opens no session.</summary>
    public required string Id { get; init; }

    public required string UserId { get; init; }

    /// <summary>Who vouched for the person this time, as named in our configuration.</summary>
    public required string Provider { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the person signed in at the provider, which may be long before; null where it does not say.</summary>
    public DateTimeOffset? AuthenticatedAt { get; init; }

    /// <summary>When the browser was last here, to within a few minutes.</summary>
    public DateTimeOffset LastSeenAt { get; init; }

    /// <summary>Until when the browser is signed in. What it granted may live longer.</summary>
    public DateTimeOffset SignedInUntil { get; init; }

    /// <summary>Until when tokens of this session may exist: at least <see cref="SignedInUntil"/>, moved on with each refresh.</summary>
    public DateTimeOffset KeptUntil { get; init; }

    /// <summary>When it was ended early: signed out, revoked, or its person removed. The database keeps such a row until it is pruned.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The browser's User-Agent header, cut to 200 characters: lets a person recognise a session.</summary>
    public string? DeviceHint { get; init; }

    /// <summary>
    /// The network that the browser was in when it signed in, not its address: <c>203.0.113.0/24</c>, <c>2001:db8:1::/48</c>. Lets a
    /// person recognise a session; null in one of an earlier release.
    /// </summary>
    public string? Network { get; init; }

    /// <summary>
    /// The provider's own tokens, encrypted under the encryption key. Written even when there are none: a session whose
    /// key is gone is known by it.
    /// </summary>
    public required string ProtectedTokens { get; init; }
}
