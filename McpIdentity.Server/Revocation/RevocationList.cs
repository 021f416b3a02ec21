using System.Collections.Concurrent;
using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// What has ended before its access tokens expire, in memory: validating a token costs no query (docs/decisions/0002). It holds at most
/// what was revoked within the lifetime of one access token.
/// </summary>
internal sealed class RevocationList
{
    /// <summary>By how much the clock of a node may be ahead of the one that revokes: NTP keeps far within it.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<(RevocationKind Kind, string Target), Ended> _ended = new();

    public int Count => _ended.Count;

    /// <summary>Raised for what was news, from this node or another: whoever remembers something of it forgets that.</summary>
    public event Action<RevocationKind, string>? Added;

    /// <summary>Puts it in force on this node.</summary>
    public void Add(RevocationKind kind, string target, DateTimeOffset revokedAt, DateTimeOffset expiresAt)
    {
        if (kind == RevocationKind.All)
        {
            // One entry, however many there were: the latest moment counts.
            (target, revokedAt) = ("", Revocations.ParseMoment(target));
        }

        if (_ended.TryGetValue((kind, target), out var known) && known.RevokedAt >= revokedAt)
        {
            return;
        }

        _ended.AddOrUpdate((kind, target), new Ended(revokedAt, expiresAt), (_, other) => other.RevokedAt > revokedAt ? other : new Ended(revokedAt, expiresAt));
        Added?.Invoke(kind, target);
    }

    /// <summary>Forgets what no token can ask about any more.</summary>
    public void Forget(DateTimeOffset now)
    {
        foreach (var (key, ended) in _ended)
        {
            if (ended.ExpiresAt < now)
            {
                _ended.TryRemove(KeyValuePair.Create(key, ended));
            }
        }
    }

    public bool IsRevoked(in McpTokenIdentity token) =>
        IsRevoked(RevocationKind.Token, token.TokenId) ||
        IsRevoked(RevocationKind.Grant, token.GrantId) ||
        IsRevoked(RevocationKind.Session, token.SessionId) ||
        IsRevoked(RevocationKind.Client, token.ClientId, token.IssuedAt) ||
        IsRevoked(RevocationKind.User, token.Subject, token.IssuedAt) ||
        IsRevoked(RevocationKind.All, "", token.IssuedAt);

    /// <summary>Of kinds whose identifier never comes again.</summary>
    public bool IsRevoked(RevocationKind kind, string? target) => target is not null && _ended.ContainsKey((kind, target));

    /// <summary>
    /// Of clients and users, who may come back: only what they had before. Clocks of two nodes differ by a little, so what
    /// was issued within <see cref="Skew"/> after the revocation ends too.
    /// </summary>
    public bool IsRevoked(RevocationKind kind, string? target, DateTimeOffset issuedAt) =>
        target is not null && _ended.TryGetValue((kind, target), out var ended) && issuedAt <= ended.RevokedAt + Skew;

    private readonly record struct Ended(DateTimeOffset RevokedAt, DateTimeOffset ExpiresAt);
}
