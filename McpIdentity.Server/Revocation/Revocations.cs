using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// Ends tokens, grants, sessions, clients and users: in the database, on this node when the call returns, on every other
/// within a second. None of it can be cancelled: whoever replays a stolen code could hang up before its grant has ended.
/// </summary>
internal sealed class Revocations(
    IServiceScopeFactory scopes, RevocationList list, RevocationSignals signals, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    /// <summary>Beyond a token's lifetime, for the clock skew that validation allows and for clocks of nodes that differ by minutes.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(10);

    /// <summary>One access token, by its <c>jti</c>.</summary>
    public Task RevokeTokenAsync(string tokenId, DateTimeOffset expiresAt) =>
        RevokeAsync(RevocationKind.Token, tokenId, grants: null, expiresAt + Overlap);

    /// <summary>One grant: its code or refresh token, and its access tokens.</summary>
    public Task RevokeGrantAsync(byte[] id) =>
        RevokeAsync(RevocationKind.Grant, Grant.NameOf(id), db => db.Grants.Where(grant => grant.Id == id));

    /// <summary>All that was granted in one sign-in session (<c>sid</c>). The session's own row is the session store's to remove.</summary>
    public Task RevokeSessionAsync(string sessionId) =>
        RevokeAsync(RevocationKind.Session, sessionId, db => db.Grants.Where(grant => grant.SessionId == sessionId));

    /// <summary>All that a client holds now. What it may get afterwards is decided by whether it still exists.</summary>
    public Task RevokeClientAsync(string clientId) =>
        RevokeAsync(RevocationKind.Client, clientId, db => db.Grants.Where(grant => grant.ClientId == clientId));

    /// <summary>All that a person has allowed. Their sign-in sessions are the session store's to remove.</summary>
    public Task RevokeUserAsync(string userId) =>
        RevokeAsync(RevocationKind.User, userId, db => db.Grants.Where(grant => grant.UserId == userId));

    /// <summary>
    /// Before a client or a person is let in again: waits, three seconds at most, until what they get anew is told from what
    /// was revoked (<see cref="RevocationList.Skew"/>; a token's <c>iat</c> is cut to whole seconds).
    /// </summary>
    public async Task SettleAsync(RevocationKind kind, string target, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var allowance = RevocationList.Skew + TimeSpan.FromSeconds(1);
        var since = time.GetUtcNow() - allowance;
        if (await db.Revocations.AnyAsync(revocation => revocation.Kind == kind && revocation.Target == target && revocation.RevokedAt >= since, cancellationToken))
        {
            await Task.Delay(allowance, time, cancellationToken);
        }
    }

    private async Task RevokeAsync(RevocationKind kind, string target, Func<McpIdentityDbContext, IQueryable<Grant>>? grants, DateTimeOffset? until = null)
    {
        var now = time.GetUtcNow();
        var revocation = new Migrations.Entities.Revocation
        {
            Kind = kind,
            Target = target,
            RevokedAt = now,
            ExpiresAt = until ?? now + options.Value.AccessTokenLifetime + Overlap,
        };
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        if (kind is RevocationKind.Client or RevocationKind.User)
        {
            db.AllowLongStatements(); // any number of grants
        }

        await db.WriteAsync(
            async () =>
            {
                await using var transaction = await db.Database.BeginTransactionAsync();
                if (grants is not null)
                {
                    await grants(db).Where(grant => grant.RevokedAt == null)
                        .ExecuteUpdateAsync(set => set.SetProperty(grant => grant.RevokedAt, now));
                }

                db.Revocations.Add(revocation);
                await db.SaveChangesAsync();
                await transaction.CommitAsync();
                return true;
            },
            CancellationToken.None);

        list.Add(kind, target, now, revocation.ExpiresAt);
        await signals.SendAsync(db);
    }
}
