using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The stored side of codes and refresh tokens (docs/decisions/0002): one row a grant, written once when a person allows a client and
/// then moved from generation to generation by compare-and-swap, so that of two requests with one token, on one node or on
/// two, exactly one spends it.
/// </summary>
internal sealed class Grants(PreparedSql sql, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    private const string Insert = """
        INSERT INTO "Grants" ("Id", "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "ProtectedClaims")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """;

    private const string Select = """
        SELECT "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "RevokedAt", "ProtectedClaims"
        FROM "Grants" WHERE "Id" = $1
        """;

    // A token is written only after its row was moved on to it, so that a row is never behind a token, unless the database was
    // put back to an earlier state: then "<=" lets the row catch up. It falls behind no token that it has passed.
    private const string Spend = """
        UPDATE "Grants" SET "Generation" = $1, "RotatedAt" = $2, "ExpiresAt" = $3
        WHERE "Id" = $4 AND "Generation" <= $5 AND "RevokedAt" IS NULL
        """;

    public Task StartAsync(Grant grant) => sql.WriteAsync(
        Insert, grant.Id, grant.UserId, grant.ClientId, grant.SessionId, grant.Generation, grant.RotatedAt, grant.ExpiresAt, grant.CreatedAt, grant.ProtectedClaims);

    public ValueTask<Grant?> FindAsync(byte[] id, CancellationToken cancellationToken) => sql.ReadAsync(Select, [id], row => new Grant
    {
        Id = id,
        UserId = row.GetString(0),
        ClientId = row.GetString(1),
        SessionId = row.GetString(2),
        Generation = row.GetInt32(3),
        RotatedAt = sql.Moment(row, 4),
        ExpiresAt = sql.Moment(row, 5),
        CreatedAt = sql.Moment(row, 6),
        RevokedAt = row.IsDBNull(7) ? null : sql.Moment(row, 7),
        ProtectedClaims = row.GetString(8),
    }, cancellationToken);

    /// <summary>
    /// Moves the grant on from a code or refresh token: the one place that decides whether a token is good once more. Of two
    /// requests with one token, on one node or on two, one is told <see cref="Spending.Spent"/>. One that is newer than its row
    /// (<see cref="PresentedToken.IsAheadOfRow"/>) is no reuse: nobody is accused of what our database has forgotten.
    /// </summary>
    /// <param name="presented">Of a request in which everything else is right.</param>
    /// <param name="goesOn">A refresh token follows; else the grant is over when the access token is.</param>
    /// <param name="cancellationToken">Ends the reading; what is written is not called back.</param>
    public async Task<Spending> SpendAsync(PresentedToken presented, bool goesOn, CancellationToken cancellationToken)
    {
        var (grant, generation) = presented;
        if (grant.Generation > generation)
        {
            return Judge(grant, generation);
        }

        // Another request may have been faster; then the row says what it left.
        return await TrySpendAsync(grant, generation, goesOn) ? Spending.Spent
            : await FindAsync(grant.Id, cancellationToken) is { RevokedAt: null } now ? Judge(now, generation)
            : Spending.Ended;
    }

    // The answer to the first request may have been lost, or two tabs of one client refreshed at once
    // (docs/interoperability.md, "Two refreshes at once"). A code is never answered twice (RFC 6749 §4.1.2). Where there is no
    // grace the moments are not asked: the node that moved the row may have a clock that is ahead of this one's.
    private Spending Judge(Grant grant, int generation) =>
        generation > 0 && grant.Generation == generation + 1 && options.Value.RefreshTokenReuseGraceSeconds > 0 &&
        time.GetUtcNow() < grant.RotatedAt.AddSeconds(options.Value.RefreshTokenReuseGraceSeconds)
            ? Spending.Repeated
            : Spending.Reused;

    private async Task<bool> TrySpendAsync(Grant grant, int generation, bool goesOn)
    {
        var now = time.GetUtcNow();
        var slides = now + (goesOn ? options.Value.RefreshTokenLifetime : options.Value.AccessTokenLifetime);
        var ends = grant.CreatedAt + options.Value.RefreshTokenFamilyLifetime;
        return await sql.WriteAsync(Spend, generation + 1, now, slides < ends ? slides : ends, grant.Id, generation) == 1;
    }
}
