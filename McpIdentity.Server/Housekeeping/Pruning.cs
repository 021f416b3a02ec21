using System.Diagnostics;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Housekeeping;

/// <summary>Deletes what nobody can use any more, in small batches with pauses, so that requests find the database free.</summary>
internal sealed partial class Pruning(McpIdentityDbContext db, AuditPruning audit, TimeProvider time, IOptions<OAuthServerOptions> options, ILogger<Pruning> logger)
{
    private const int BatchSize = 500;
    private const int BatchesPerLine = 20;
    private const string TooMany = "unused registrations beyond the limit";
    private const string Lost = "records of sign-ins at providers and of accounts being connected";

    // Of sign-ins at providers, as many as a busy hour leaves; with more it is a flood.
    private const int MaxLost = 1000;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    // Clocks of nodes differ: nothing goes in the moment it expires.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    // Clients that register at every start and never come to an authorization (docs/interoperability.md, "Unused registrations").
    private static readonly TimeSpan NeverAuthorized = TimeSpan.FromHours(24);

    // An operator is away over a long weekend.
    private static readonly TimeSpan NeverApproved = TimeSpan.FromDays(7);

    /// <summary>Counts, or deletes and counts.</summary>
    /// <returns>What there was of each kind, in the order of the work.</returns>
    public async Task<IReadOnlyList<(string What, int Count)>> RunAsync(bool dryRun, CancellationToken cancellationToken)
    {
        db.AllowLongStatements();
        var expired = time.GetUtcNow() - Margin;
        var retired = time.GetUtcNow() - TimeSpan.FromDays(1);
        IReadOnlyList<(string What, int Count)> done =
        [
            await RunAsync("expired grants", db.Grants.Where(Grant.ExpiredBefore(expired)), g => g.OrderBy(grant => grant.ExpiresOn), dryRun, cancellationToken),
            await RunAsync("expired sign-in sessions", db.SignInSessions.Where(session => session.KeptUntil < expired), s => s.OrderBy(session => session.KeptUntil), dryRun, cancellationToken),
            await RunAsync(Lost, LostSignIns(), OldestFirst, dryRun, cancellationToken),
            await RunAsync("expired revocations", db.Revocations.Where(revocation => revocation.ExpiresAt < expired), r => r.OrderBy(revocation => revocation.ExpiresAt), dryRun, cancellationToken),
            await RunAsync("expired client assertions", db.UsedAssertions.Where(assertion => assertion.ExpiresAt < expired), a => a.OrderBy(assertion => assertion.ExpiresAt), dryRun, cancellationToken),
            await RunAsync("retired signing keys", db.SigningKeys.Where(key => key.RetiresAt < retired), k => k.OrderBy(key => key.Id), dryRun, cancellationToken),
            await RunAsync("answers of the admin API that nobody asks for again", db.IdempotentAnswers.Where(answer => answer.ExpiresAt < expired), a => a.OrderBy(answer => answer.ExpiresAt), dryRun, cancellationToken),
            ("old rows of the audit", dryRun ? await audit.CountAsync(cancellationToken) : await audit.RunAsync(cancellationToken)),
            await RunAsync("unused registrations", UnusedClients(), c => c.OrderBy(client => client.Id), dryRun, cancellationToken),
            await RunAsync(TooMany, NeverUsedClients(), OldestFirst, dryRun, cancellationToken, await SurplusAsync(cancellationToken)),
            await RunAsync("consents to clients that are gone", ConsentsToNobody(), c => c.OrderBy(consent => consent.Id), dryRun, cancellationToken),
        ];
        if (!dryRun && done.Any(kind => kind.Count > 0))
        {
            await db.CompactAsync(cancellationToken);
        }

        return done;
    }

    /// <summary>By how much there are more registrations that were never used than <c>OAuth:Registration:MaxUnusedClients</c>.</summary>
    public async Task<int> SurplusAsync(CancellationToken cancellationToken)
    {
        var max = options.Value.Registration.MaxUnusedClients;
        // The index alone tells whether there can be too many; only then the grants are looked at.
        return max > 0 && await WithoutStamp().CountAsync(cancellationToken) > max
            ? Math.Max(0, await NeverUsedClients().CountAsync(cancellationToken) - max)
            : 0;
    }

    /// <summary>Whether there is something of what anybody can make much of, without an account: it does not wait for its hour.</summary>
    public async Task<bool> IsPressingAsync(CancellationToken cancellationToken) =>
        await SurplusAsync(cancellationToken) > 0 || await OldestFirst(LostSignIns()).Skip(MaxLost).AnyAsync(cancellationToken);

    /// <summary>Deletes what is pressing: a flood must not fill the disk within an hour.</summary>
    public async Task RunPressingAsync(CancellationToken cancellationToken)
    {
        var lost = await RunAsync(Lost, LostSignIns(), OldestFirst, dryRun: false, cancellationToken);
        var surplus = await RunAsync(TooMany, NeverUsedClients(), OldestFirst, dryRun: false, cancellationToken, await SurplusAsync(cancellationToken));
        if (lost.Count + surplus.Count > 0)
        {
            await db.CompactAsync(cancellationToken);
        }
    }

    private IQueryable<OpenIddictEntityFrameworkCoreApplication> WithoutStamp() => db.Clients.Where(client =>
        EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null && EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) != null);

    // The stamp of the first use is written within seconds; until then its grant tells.
    private IQueryable<OpenIddictEntityFrameworkCoreApplication> NeverUsedClients() => WithoutStamp()
        .Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) == null && !db.Grants.Any(grant => grant.ClientId == client.ClientId));

    private static IOrderedQueryable<OpenIddictEntityFrameworkCoreApplication> OldestFirst(IQueryable<OpenIddictEntityFrameworkCoreApplication> clients) =>
        clients.OrderBy(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt));

    private IQueryable<UpstreamState> LostSignIns()
    {
        var expired = time.GetUtcNow() - Margin;
        return db.UpstreamStates.Where(state => state.ExpiresAt < expired);
    }

    private static IOrderedQueryable<UpstreamState> OldestFirst(IQueryable<UpstreamState> states) => states.OrderBy(state => state.ExpiresAt);

    /// <summary>
    /// Clients that registered themselves (an operator's have no such date and stay for ever) and were never authorised
    /// within a day, or for long had neither use nor a live grant.
    /// </summary>
    private IQueryable<OpenIddictEntityFrameworkCoreApplication> UnusedClients()
    {
        var now = time.GetUtcNow();
        var ttl = options.Value.Registration.UnusedClientTtl;
        var (neverUsed, neverApproved, idle) = (now - NeverAuthorized, now - NeverApproved, ttl > TimeSpan.Zero ? now - ttl : DateTimeOffset.MinValue);
        return db.Clients
            .Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null
                ? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) < neverUsed &&
                    (EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) == null || EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) < neverApproved)
                : EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) != null && EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) < idle)
            .Where(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) == null)
            .Where(client => !db.Grants.Any(grant => grant.ClientId == client.ClientId && grant.RevokedAt == null && grant.ExpiresAt > now));
    }

    private IQueryable<Consent> ConsentsToNobody() =>
        db.Consents.Where(consent => !db.Clients.Any(client => client.ClientId == consent.ClientId));

    private async Task<(string What, int Count)> RunAsync<T>(
        string what, IQueryable<T> rows, Func<IQueryable<T>, IOrderedQueryable<T>> order, bool dryRun, CancellationToken cancellationToken,
        int atMost = int.MaxValue)
        where T : class
    {
        if (dryRun)
        {
            return (what, Math.Min(atMost, await rows.CountAsync(cancellationToken)));
        }

        var (total, batches) = (0, 0);
        while (total < atMost)
        {
            var size = Math.Min(BatchSize, atMost - total);
            var started = Stopwatch.GetTimestamp();
            var deleted = await db.WriteAsync(() => order(rows).Take(size).ExecuteDeleteAsync(cancellationToken), cancellationToken);
            total += deleted;
            if (deleted < size)
            {
                break;
            }

            if (++batches % BatchesPerLine == 0)
            {
                Progress(total, what);
            }

            // At least as long as the batch took: requests have half of the time to themselves.
            var took = Stopwatch.GetElapsedTime(started);
            await Task.Delay(took > Pause ? took : Pause, cancellationToken);
        }

        if (total > 0)
        {
            Done(total, what);
        }

        return (what, total);
    }

    [LoggerMessage(1801, LogLevel.Information, "{Count} {What} deleted so far.")]
    private partial void Progress(int count, string what);

    [LoggerMessage(1802, LogLevel.Information, "{Count} {What} deleted.")]
    private partial void Done(int count, string what);
}
