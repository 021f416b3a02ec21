using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The stored side of codes and refresh tokens (design 6): one row a grant, written once when a person allows a client and
/// then moved from generation to generation by compare-and-swap, so that of two requests with one token, on one node or on
/// two, exactly one spends it.
/// </summary>
internal sealed class Grants(PreparedSql sql, Revocations revocations, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    private const string Insert = """
        INSERT INTO "Grants" ("Id", "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "ProtectedClaims")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """;

    private const string Select = """
        SELECT "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "RevokedAt", "ProtectedClaims"
        FROM "Grants" WHERE "Id" = $1
        """;

    private const string Spend = """
        UPDATE "Grants" SET "Generation" = $1, "RotatedAt" = $2, "ExpiresAt" = $3
        WHERE "Id" = $4 AND "Generation" = $5 AND "RevokedAt" IS NULL
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
    /// Whether a spent refresh token may be answered once more, with the successor that it had: the answer to the first
    /// request may have been lost, or two tabs of one client refreshed at once (interop Q25). A code never may (RFC 6749 §4.1.2).
    /// </summary>
    public bool MayRepeat(Grant grant, int generation) =>
        generation > 0 && grant.Generation == generation + 1 &&
        time.GetUtcNow() < grant.RotatedAt.AddSeconds(options.Value.RefreshTokenReuseGraceSeconds);

    /// <summary>Moves the grant on from the code or refresh token of this generation, unless another request has.</summary>
    /// <returns>Whether this request is the one that spent it.</returns>
    public async Task<bool> SpendAsync(Grant grant, int generation)
    {
        var now = time.GetUtcNow();
        var slides = now + options.Value.RefreshTokenLifetime;
        var ends = grant.CreatedAt + options.Value.RefreshTokenFamilyLifetime;
        return await sql.WriteAsync(Spend, generation + 1, now, slides < ends ? slides : ends, grant.Id, generation) == 1;
    }

    /// <summary>Ends a grant: its refresh token in the database, its access tokens on this node now and on the others within a second.</summary>
    public Task RevokeAsync(byte[] id) => revocations.RevokeGrantAsync(id);
}
