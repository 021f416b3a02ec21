using McpIdentity.Mcp;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The stored side of codes and refresh tokens (docs/decisions/0002): one row a grant, written once when a person allows a client and
/// then moved from generation to generation by compare-and-swap, so that of two requests with one token, on one node or on
/// two, exactly one spends it.
/// </summary>
internal sealed partial class Grants : IDisposable
{
    private const string Insert = """
        INSERT INTO "Grants" ("Id", "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "ExpiresOn", "CreatedAt", "ProtectedClaims")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """;

    private const string Select = """
        SELECT "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "RevokedAt", "ProtectedClaims"
        FROM "Grants" WHERE "Id" = $1
        """;

    // From the generation that the row is known or taken to have; where it has another, nothing happens. No index has a column that
    // changes at each refresh (ExpiresOn changes by the day).
    private const string Spend = """
        UPDATE "Grants" SET "Generation" = $1, "RotatedAt" = $2, "ExpiresAt" = $3, "ExpiresOn" = $4
        WHERE "Id" = $5 AND "Generation" = $6 AND "RevokedAt" IS NULL
        """;

    private const int MaxKnown = 4_000;
    private const double Turns = 4.25;

    // Rows as this node wrote them last. Never changed: a request may hold one.
    private readonly MemoryCache _known;
    private readonly PreparedSql _sql;
    private readonly TimeProvider _time;
    private readonly OAuthServerOptions _options;
    private readonly ILogger<Grants> _logger;

    public Grants(PreparedSql sql, RevocationList revocations, TimeProvider time, IOptions<OAuthServerOptions> options, ILogger<Grants> logger)
    {
        (_sql, _time, _options, _logger, _known) = (sql, time, options.Value, logger, BoundedCache.Of(MaxKnown, time));
        revocations.Added += (kind, target) =>
        {
            if (kind == RevocationKind.Grant)
            {
                _known.Remove(target);
            }
            else
            {
                ForgetAll(); // whose grants they are is not looked up
            }
        };
    }

    public async Task StartAsync(Grant grant)
    {
        await _sql.WriteAsync(
            Insert, grant.Id, grant.UserId, grant.ClientId, grant.SessionId, grant.Generation, grant.RotatedAt, grant.ExpiresAt, grant.ExpiresOn, grant.CreatedAt,
            grant.ProtectedClaims);
        Remember(grant);
    }

    /// <summary>
    /// The grant of a token that is to be spent. What this node wrote last of it will do, whichever node has moved the row on since: what
    /// it began with stays, and by its MAC the token is one that a row was moved on to. The spending moves the row on from there or not at
    /// all, and then the row is read, whoever has moved or ended it meanwhile.
    /// </summary>
    public ValueTask<Grant?> FindToSpendAsync(byte[] id, int generation, CancellationToken cancellationToken)
    {
        if (!_known.TryGetValue(Grant.NameOf(id), out Grant? known) || known!.Generation > generation)
        {
            return FindAsync(id, cancellationToken);
        }

        // The row was moved on to a refresh token later than what is known of it, and so is its end.
        var taken = known.Generation == generation ? known : MovedOn(known, generation, known.RotatedAt, EndOf(known, known.RotatedAt + _options.RefreshTokenLifetime));
        return taken.ExpiresAt > _time.GetUtcNow() ? new(taken) : FindAsync(id, cancellationToken);
    }

    public ValueTask<Grant?> FindAsync(byte[] id, CancellationToken cancellationToken) => _sql.ReadAsync(Select, [id], row => new Grant
    {
        Id = id,
        UserId = row.GetString(0),
        ClientId = row.GetString(1),
        SessionId = row.GetString(2),
        Generation = row.GetInt32(3),
        RotatedAt = _sql.Moment(row, 4),
        ExpiresAt = _sql.Moment(row, 5),
        CreatedAt = _sql.Moment(row, 6),
        RevokedAt = row.IsDBNull(7) ? null : _sql.Moment(row, 7),
        ProtectedClaims = row.GetString(8),
    }, cancellationToken);

    /// <summary>
    /// Moves the grant on from a code or refresh token: the one place that decides whether a token is good once more. Of two
    /// requests with one token, on one node or on two, one is told <see cref="Spending.Spent"/>. One that is newer than its row
    /// is no reuse: a token is written only after its row was moved on to it, so that our database has forgotten it (it was restored from a
    /// backup, or a standby that was behind was promoted: docs/backup.md, "Backup and restore"), and nobody is accused of that. The row
    /// catches up, and falls behind no token that it has passed.
    /// </summary>
    /// <param name="presented">Of a request in which everything else is right.</param>
    /// <param name="goesOn">A refresh token follows; else the grant is over when the access token is.</param>
    /// <param name="cancellationToken">Ends the reading; what is written is not called back.</param>
    public async Task<Spending> SpendAsync(PresentedToken presented, bool goesOn, CancellationToken cancellationToken)
    {
        var generation = presented.Generation;
        // Another request may have been faster; then the row says what it left.
        for (Grant? grant = presented.Grant; grant is { RevokedAt: null }; grant = await FindAsync(grant.Id, cancellationToken))
        {
            if (grant.Generation > generation)
            {
                return Judge(grant, generation);
            }

            if (await TrySpendAsync(grant, generation, goesOn))
            {
                if (grant.Generation < generation)
                {
                    RowMovedOn(Grant.NameOf(grant.Id), generation, grant.Generation);
                }

                return Spending.Spent;
            }
        }

        return Spending.Ended;
    }

    // The answer to the first request may have been lost, or two tabs of one client refreshed at once
    // (docs/interoperability.md, "Two refreshes at once"). A code is never answered twice (RFC 6749 §4.1.2). Where there is no
    // grace the moments are not asked: the node that moved the row may have a clock that is ahead of this one's.
    private Spending Judge(Grant grant, int generation) =>
        generation > 0 && grant.Generation == generation + 1 && _options.RefreshTokenReuseGraceSeconds > 0 &&
        _time.GetUtcNow() < grant.RotatedAt.AddSeconds(_options.RefreshTokenReuseGraceSeconds)
            ? Spending.Repeated
            : Spending.Reused;

    private async Task<bool> TrySpendAsync(Grant grant, int generation, bool goesOn)
    {
        _known.Remove(Grant.NameOf(grant.Id)); // until it is known what became of it
        var now = _time.GetUtcNow();
        var until = EndOf(grant, now + (goesOn ? _options.RefreshTokenLifetime : _options.AccessTokenLifetime));
        if (await _sql.WriteAsync(Spend, generation + 1, now, until, Grant.DayOf(until), grant.Id, grant.Generation) != 1)
        {
            return false;
        }

        if (goesOn)
        {
            Remember(MovedOn(grant, generation + 1, now, until));
        }

        return true;
    }

    private DateTimeOffset EndOf(Grant grant, DateTimeOffset slides)
    {
        var ends = grant.CreatedAt + _options.RefreshTokenFamilyLifetime;
        return slides < ends ? slides : ends;
    }

    private static Grant MovedOn(Grant grant, int generation, DateTimeOffset rotated, DateTimeOffset expires) => new()
    {
        Id = grant.Id,
        UserId = grant.UserId,
        ClientId = grant.ClientId,
        SessionId = grant.SessionId,
        Generation = generation,
        RotatedAt = rotated,
        ExpiresAt = expires,
        CreatedAt = grant.CreatedAt,
        ProtectedClaims = grant.ProtectedClaims,
    };

    /// <summary>As a new process begins: with nothing in memory.</summary>
    internal void ForgetAll() => _known.Clear();

    public void Dispose() => _known.Dispose();

    // Its client comes again when its access token is over, to any of the nodes.
    private void Remember(Grant grant) =>
        _known.Set(Grant.NameOf(grant.Id), grant, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = _options.AccessTokenLifetime * Turns });

    [LoggerMessage(1205, LogLevel.Warning, "Grant {GrantId} goes on from its token number {Generation}: the database knew of number {Known} only, as after a restore.")]
    private partial void RowMovedOn(string grantId, int generation, int known);
}
