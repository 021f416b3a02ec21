using System.Collections.Concurrent;
using McpIdentity.Mcp;
using McpIdentity.Persistence;
using McpIdentity.Server.Authorization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The grants that have ended before their access tokens expire, in memory: validating a token costs no query. The
/// database keeps the truth; a start reads it, and <see cref="FollowRevocations"/> reads what other nodes add.
/// </summary>
internal sealed class RevokedGrants(TimeProvider time, IOptions<OAuthServerOptions> options) : IMcpSessionStore
{
    // Clocks of nodes differ: what was revoked shortly before the newest known revocation is read again.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _ended = new(StringComparer.Ordinal);
    private DateTimeOffset _newest = DateTimeOffset.MinValue;

    public bool Contains(string? id) => id is not null && _ended.ContainsKey(id);

    /// <summary>Remembers a grant or a sign-in session that has ended, for as long as one of its access tokens can live.</summary>
    public void Add(string id, DateTimeOffset endedAt) => _ended.TryAdd(id, endedAt);

    public ValueTask<bool> IsAliveAsync(string sessionId, string? grantId, string? tokenId, CancellationToken cancellationToken) =>
        new(!Contains(sessionId) && !Contains(grantId));

    /// <summary>Reads what was revoked since the last time, and forgets what no token can ask about any more.</summary>
    public async Task LoadAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        // A minute more than a token's lifetime, for the clock skew that validation allows.
        var oldest = time.GetUtcNow() - options.Value.AccessTokenLifetime - Overlap;
        var from = _newest > oldest + Overlap ? _newest - Overlap : oldest;
        var revoked = db.Grants.AsNoTracking().Where(grant => grant.RevokedAt >= from).Select(grant => new { grant.Id, grant.RevokedAt });
        await foreach (var grant in revoked.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            Add(GrantTokens.Name(grant.Id), grant.RevokedAt!.Value);
            _newest = grant.RevokedAt > _newest ? grant.RevokedAt.Value : _newest;
        }

        foreach (var (id, endedAt) in _ended)
        {
            if (endedAt < oldest)
            {
                _ended.TryRemove(id, out _);
            }
        }
    }
}
