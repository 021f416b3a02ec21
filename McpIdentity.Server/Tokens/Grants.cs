using McpIdentity.Persistence;
using McpIdentity.Persistence.Entities;
using McpIdentity.Server.Authorization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Tokens;

/// <summary>
/// The stored side of codes and refresh tokens (design 6): one row a grant, written once when a person allows a client and
/// then moved from generation to generation by compare-and-swap, so that of two requests with one token, on one node or on
/// two, exactly one spends it.
/// </summary>
internal sealed class Grants(McpIdentityDbContext db, Revocations revocations, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    public async Task StartAsync(Grant grant, CancellationToken cancellationToken)
    {
        db.Grants.Add(grant);
        await db.SaveChangesAsync(cancellationToken);
    }

    public Task<Grant?> FindAsync(byte[] id, CancellationToken cancellationToken) =>
        db.Grants.AsNoTracking().SingleOrDefaultAsync(grant => grant.Id == id, cancellationToken);

    /// <summary>
    /// Whether a spent refresh token may be answered once more, with the successor that it had: the answer to the first
    /// request may have been lost, or two tabs of one client refreshed at once (interop Q25). A code never may (RFC 6749 §4.1.2).
    /// </summary>
    public bool MayRepeat(Grant grant, int generation) =>
        generation > 0 && grant.Generation == generation + 1 &&
        time.GetUtcNow() < grant.RotatedAt.AddSeconds(options.Value.RefreshTokenReuseGraceSeconds);

    /// <summary>Moves the grant on from the code or refresh token of this generation, unless another request has.</summary>
    /// <returns>Whether this request is the one that spent it.</returns>
    public async Task<bool> SpendAsync(Grant grant, int generation, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var slides = now + options.Value.RefreshTokenLifetime;
        var ends = grant.CreatedAt + options.Value.RefreshTokenFamilyLifetime;
        var expires = slides < ends ? slides : ends;
        return await db.Grants
            .Where(row => row.Id == grant.Id && row.Generation == generation && row.RevokedAt == null)
            .ExecuteUpdateAsync(set => set
                .SetProperty(row => row.Generation, generation + 1)
                .SetProperty(row => row.RotatedAt, now)
                .SetProperty(row => row.ExpiresAt, expires), cancellationToken) == 1;
    }

    /// <summary>Ends a grant: its refresh token in the database, its access tokens on this node now and on the others within a second.</summary>
    public Task RevokeAsync(byte[] id) => revocations.RevokeGrantAsync(id);
}
