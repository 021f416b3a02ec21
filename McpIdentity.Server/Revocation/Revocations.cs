using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Revocation;

/// <summary>
/// Ends tokens, grants, sessions, clients and users: in the database, on this node when the call returns, on every other
/// within a second; with grants the consent that they came from, so that the person is asked before the client gets more.
/// None of it can be cancelled: whoever replays a stolen code could hang up before its grant has ended.
/// </summary>
internal sealed class Revocations(
    IServiceScopeFactory scopes, RevocationList list, RevocationSignals signals, TimeProvider time, IOptions<OAuthServerOptions> options)
{
    /// <summary>Beyond a token's lifetime, for the clock skew that validation allows and for clocks of nodes that differ by minutes.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(10);

    /// <summary>One access token, by its <c>jti</c>.</summary>
    public Task RevokeTokenAsync(string tokenId, DateTimeOffset expiresAt) =>
        RevokeAsync(RevocationKind.Token, tokenId, (_, _) => Task.CompletedTask, expiresAt + Overlap);

    /// <summary>One grant: its code or refresh token, and its access tokens.</summary>
    public Task RevokeGrantAsync(byte[] id) =>
        RevokeAsync(RevocationKind.Grant, Grant.NameOf(id), (db, now) => EndWithConsentsAsync(db, db.Grants.Where(grant => grant.Id == id), now));

    /// <summary>All that was granted in one sign-in session (<c>sid</c>). The session's own row is the session store's to remove.</summary>
    public Task RevokeSessionAsync(string sessionId) =>
        RevokeAsync(RevocationKind.Session, sessionId, (db, now) => EndWithConsentsAsync(db, db.Grants.Where(grant => grant.SessionId == sessionId), now));

    /// <summary>All that a client holds now. What it may get afterwards is decided by whether it still exists.</summary>
    public Task RevokeClientAsync(string clientId) =>
        RevokeAsync(RevocationKind.Client, clientId, async (db, now) =>
        {
            await EndGrantsAsync(db.Grants.Where(grant => grant.ClientId == clientId), now);
            await db.Consents.Where(consent => consent.ClientId == clientId).ExecuteDeleteAsync();
            await db.Database.ExecuteSqlAsync($"""DELETE FROM "Consents" WHERE "ClientId" = {clientId}"""); // as a server of 0.1.0 beside this one reads them
        });

    /// <summary>All that a person has allowed. Their sign-in sessions are the session store's to remove.</summary>
    public Task RevokeUserAsync(string userId) =>
        RevokeAsync(RevocationKind.User, userId, async (db, now) =>
        {
            await EndGrantsAsync(db.Grants.Where(grant => grant.UserId == userId), now);
            await db.Consents.Where(consent => consent.UserId == userId).ExecuteDeleteAsync();
            await db.Database.ExecuteSqlAsync($"""DELETE FROM "Consents" WHERE "UserId" = {userId}""");
        });

    /// <summary>
    /// What a person has connected: their grants to these clients, codes that wait to be redeemed among them, and the consents, so that
    /// each client has to ask anew. Each grant is told to the nodes by its own name, not <see cref="RevocationKind.User"/>, which also ends what
    /// somebody gets within the next two seconds: who disconnects an app to connect it again does that at once.
    /// </summary>
    /// <param name="userId">Whose.</param>
    /// <param name="clientIds">To which clients; null: to all.</param>
    public Task DisconnectAsync(string userId, IReadOnlyCollection<string>? clientIds) =>
        WriteAsync(isLong: true, async (db, now) =>
        {
            var grants = db.Grants.Where(grant => grant.UserId == userId && (clientIds == null || clientIds.Contains(grant.ClientId)));
            await EndGrantsAsync(grants, now);
            await db.Consents.Where(consent => consent.UserId == userId && (clientIds == null || clientIds.Contains(consent.ClientId))).ExecuteDeleteAsync();
            foreach (var clientId in clientIds ?? [])
            {
                await db.Database.ExecuteSqlAsync($"""DELETE FROM "Consents" WHERE "UserId" = {userId} AND "ClientId" = {clientId}""");
            }

            if (clientIds is null)
            {
                await db.Database.ExecuteSqlAsync($"""DELETE FROM "Consents" WHERE "UserId" = {userId}""");
            }

            // After they have ended: one that was made between a look and the update would live on at /mcp. And those of another act
            // of the same moment, which does no harm.
            var names = await grants.Where(grant => grant.RevokedAt == now).Select(grant => grant.Id).ToListAsync();
            return names.ConvertAll(id => (RevocationKind.Grant, Grant.NameOf(id)));
        });

    /// <summary>
    /// Everything that was issued before a moment: in a database that was put back, what was revoked in the time that is lost
    /// stands as good (docs/backup.md, "Backup and restore"). With it go the sign-in sessions of the database, and what people
    /// had allowed, of which some was taken back.
    /// </summary>
    /// <returns>How many of each there were.</returns>
    public async Task<(int Grants, int Sessions, int Consents)> RevokeAllAsync(DateTimeOffset before)
    {
        var (grants, sessions, consents) = (0, 0, 0);
        await RevokeAsync(RevocationKind.All, before.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture), async (db, now) =>
        {
            consents = await db.Consents.Where(consent => consent.GrantedAt <= before).ExecuteDeleteAsync();
            grants = await EndGrantsAsync(db.Grants.Where(grant => grant.CreatedAt <= before), now);
            sessions = await db.SignInSessions.Where(session => session.EndedAt == null && session.CreatedAt <= before)
                .ExecuteUpdateAsync(set => set.SetProperty(session => session.EndedAt, now).SetProperty(session => session.ProtectedTokens, ""));
        });
        return (grants, sessions, consents);
    }

    /// <summary>The moment of a <see cref="RevocationKind.All"/>, as it is stored.</summary>
    public static DateTimeOffset ParseMoment(string target) => DateTimeOffset.ParseExact(target, "O", CultureInfo.InvariantCulture);

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

    private static Task<int> EndGrantsAsync(IQueryable<Grant> grants, DateTimeOffset now) =>
        grants.Where(grant => grant.RevokedAt == null).ExecuteUpdateAsync(set => set.SetProperty(grant => grant.RevokedAt, now));

    // Without the consent that it came from, the client would have the next grant and nobody would have been asked. The pairs
    // first, which are few: a condition over two tables makes SQLite look at every consent.
    private static async Task EndWithConsentsAsync(McpIdentityDbContext db, IQueryable<Grant> grants, DateTimeOffset now)
    {
        var living = await grants.Where(grant => grant.RevokedAt == null).Select(grant => new { grant.UserId, grant.ClientId }).Distinct().ToListAsync();
        await EndGrantsAsync(grants, now);
        foreach (var pair in living)
        {
            await db.Consents.Where(consent => consent.UserId == pair.UserId && consent.ClientId == pair.ClientId).ExecuteDeleteAsync();
        }
    }

    private Task RevokeAsync(RevocationKind kind, string target, Func<McpIdentityDbContext, DateTimeOffset, Task> endRows, DateTimeOffset? until = null) =>
        WriteAsync(
            isLong: kind is RevocationKind.Client or RevocationKind.User or RevocationKind.All, // any number of grants
            async (db, now) =>
            {
                await endRows(db, now);
                return [(kind, target)];
            },
            until);

    // In one transaction: the rows that end, and what the other nodes are told.
    private async Task WriteAsync(
        bool isLong, Func<McpIdentityDbContext, DateTimeOffset, Task<IReadOnlyList<(RevocationKind Kind, string Target)>>> endRows, DateTimeOffset? until = null)
    {
        var now = time.GetUtcNow();
        var expiresAt = until ?? now + options.Value.AccessTokenLifetime + Overlap;
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        if (isLong)
        {
            db.AllowLongStatements();
        }

        var ended = await db.WriteAsync(
            async () =>
            {
                await using var transaction = await db.Database.BeginTransactionAsync();
                var targets = await endRows(db, now);
                db.Revocations.AddRange(targets.Select(one => new Migrations.Entities.Revocation { Kind = one.Kind, Target = one.Target, RevokedAt = now, ExpiresAt = expiresAt }));
                await db.SaveChangesAsync();
                await transaction.CommitAsync();
                return targets;
            },
            CancellationToken.None);

        foreach (var (kind, target) in ended)
        {
            list.Add(kind, target, now, expiresAt);
        }

        if (ended.Count > 0)
        {
            await signals.SendAsync(db);
        }
    }
}
