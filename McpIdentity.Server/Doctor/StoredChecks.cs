using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Doctor;

/// <summary>What has been left lying in the database, or waits for an operator.</summary>
internal static class StoredChecks
{
    private static readonly Check Unused = new("clients.unused", Verdict.Note, "Is every client used, that registered itself or was read from its document?",
        "'clients list' shows when each was used; 'prune' deletes what OAuth:Registration:UnusedClientTtl says.", "docs/interoperability.md, \"Unused registrations\"");

    private static readonly Check Waiting = new("clients.waiting", Verdict.Note, "Does no client wait to be let in?", "'clients list' shows which wait: enable or delete them.", "docs/registration.md, \"Who may register\"");

    private static readonly Check Prune = new("housekeeping.prune", Verdict.Warn, "Is what has expired deleted every hour?", "A server that runs does it; without one, run 'prune'. Its log says what keeps it.", "docs/operations.md, \"Housekeeping\"");

    private static readonly TimeSpan LongUnused = TimeSpan.FromDays(30);
    private static readonly TimeSpan LongExpired = TimeSpan.FromHours(6);

    public static Examination Examination { get; } = new([Unused, Waiting, Prune], RunAsync, NeedsDatabase: true);

    private static async Task<IReadOnlyList<CheckResult>> RunAsync(Patient patient, CancellationToken cancellationToken)
    {
        var db = patient.Get<McpIdentityDbContext>();
        db.AllowLongStatements();
        var now = TimeProvider.System.GetUtcNow();
        var (unusedSince, expired) = (now - LongUnused, now - LongExpired);
        var unused = await db.Clients.CountAsync(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt) < unusedSince &&
            (EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) == null || EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) < unusedSince), cancellationToken);
        var waiting = await db.Clients.CountAsync(client => EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null, cancellationToken);
        var left = await db.Grants.CountAsync(Grant.ExpiredBefore(expired), cancellationToken) + await db.SignInSessions.CountAsync(session => session.KeptUntil < expired, cancellationToken);
        return
        [
            Unused.Judge(unused == 0, "no registration is unused for a month", $"{unused} registered clients were not used for {LongUnused.TotalDays:0} days"),
            Waiting.Judge(waiting == 0, "no client waits for an operator", $"{waiting} clients wait for an operator"),
            Prune.Judge(left == 0, "nothing is left that expired hours ago", $"{left} grants and sessions expired more than {LongExpired.TotalHours:0} hours ago and are still there"),
        ];
    }
}
