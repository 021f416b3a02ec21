using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Audit;

/// <summary>
/// Removes rows whose time is over, from the beginning of each chain, so that what is left is one piece: the signed head says where
/// it begins. In steps of some hundred rows, each a short transaction.
/// </summary>
internal sealed partial class AuditPruning(McpIdentityDbContext db, PreparedSql sql, AuditSeal seal, IOptions<AuditOptions> options, TimeProvider time, ILogger<AuditPruning> logger)
{
    /// <summary>Rows that no chain proves stand under this name: of before there were chains, and those of a chain that was broken and accepted.</summary>
    public const string Unchained = "earlier";

    private const string MoveStart = """
        UPDATE "AuditHeads" SET "PrunedSequence" = $1, "PrunedHash" = $2, "KeyId" = $3, "Signature" = $4 WHERE "Node" = $5 AND "Signature" = $6
        """;

    // Of one that is wrong or not there: for an operator alone.
    private const string MendHead = """
        INSERT INTO "AuditHeads" ("Node", "Sequence", "Hash", "PrunedSequence", "PrunedHash", "SignedAt", "KeyId", "Signature") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT ("Node") DO UPDATE SET "Sequence" = $2, "Hash" = $3, "PrunedSequence" = $4, "PrunedHash" = $5, "SignedAt" = $6, "KeyId" = $7, "Signature" = $8
        """;

    private const string PutAside = $"""
        UPDATE "AuditEntries" SET "Node" = '{Unchained}', "Sequence" = -"Id" WHERE "Node" = $1 AND "Sequence" <= $2
        """;

    private const string Delete = """
        DELETE FROM "AuditEntries" WHERE "Node" = $1 AND "Sequence" <= $2
        """;

    private const string HeadIsWrong = "its head is not signed by a key of this server";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private DateTimeOffset Forgotten => time.GetUtcNow() - options.Value.KeepFor;

    /// <summary>A head that was signed before this, and has no row any more, is removed.</summary>
    public static DateTimeOffset HeadsEndAt(TimeProvider time, AuditOptions options) => time.GetUtcNow() - (2 * options.KeepFor);

    /// <summary>How many rows <see cref="RunAsync"/> would remove.</summary>
    public async Task<int> CountAsync(CancellationToken cancellationToken)
    {
        var forgotten = Forgotten;
        var count = await db.AuditEntries.CountAsync(entry => entry.Node == Unchained && entry.At < forgotten, cancellationToken);
        foreach (var head in await db.AuditHeads.Readable().ToListAsync(cancellationToken))
        {
            await OfChainAsync(head, async () =>
            {
                var isProven = seal.Proves(head);
                List<AuditEntry> old;
                do
                {
                    old = await OldRowsAsync(head, isProven, forgotten, cancellationToken);
                    count += old.Count;
                    (head.PrunedSequence, head.PrunedHash) = old is [.., var last] ? (last.Sequence, last.Hash) : (head.PrunedSequence, head.PrunedHash);
                }
                while (old.Count == AuditStore.MaxRows);
            });
        }

        return count;
    }

    /// <returns>How many rows were removed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var forgotten = Forgotten;
        var count = 0;
        foreach (var head in await db.AuditHeads.Readable().ToListAsync(cancellationToken))
        {
            await OfChainAsync(head, async () =>
            {
                AuditHead? at = head;
                while (at is not null)
                {
                    var (next, removed) = await StepAsync(at, forgotten, cancellationToken);
                    (at, count) = (next, count + removed);
                    await Task.Delay(Pause, cancellationToken);
                }
            });

            // A node that is long gone, such as a container of another year: nothing is left of its chain.
            var gone = HeadsEndAt(time, options.Value);
            await db.WriteAsync(() => db.AuditHeads.Where(row => row.Node == head.Node && row.Sequence == row.PrunedSequence && row.SignedAt < gone).ExecuteDeleteAsync(cancellationToken), cancellationToken);
        }

        return count + await db.WriteAsync(() => db.AuditEntries.Where(entry => entry.Node == Unchained && entry.At < forgotten).ExecuteDeleteAsync(cancellationToken), cancellationToken);
    }

    /// <summary>Signs heads anew that were signed under a previous encryption key.</summary>
    /// <returns>How many.</returns>
    public async Task<int> SignAnewAsync(CancellationToken cancellationToken)
    {
        var count = 0;
        var current = seal.KeyId;
        foreach (var head in await db.AuditHeads.Where(head => head.KeyId != current).Readable().ToListAsync(cancellationToken))
        {
            // One that is wrong stays so: to sign it would mend what somebody changed.
            count += seal.Check(head).IsRight == true && await MoveAsync(head, head.PrunedSequence, head.PrunedHash) ? 1 : 0;
        }

        return count;
    }

    /// <summary>
    /// Makes of a chain what can be proven of it, because an operator has looked at it: the rows up to the last break are put aside among those
    /// that nothing proves, and the chain begins behind them.
    /// </summary>
    /// <returns>Why it was not done, or not all of it; null where it was.</returns>
    public async Task<string?> AcceptAsync(ChainReport report, CancellationToken cancellationToken)
    {
        if (seal.KeyId == AuditSeal.NoKey && !AuditSeal.IsUnsigned(report.Node))
        {
            return "this process has no encryption key (OAuth:Enabled), and cannot sign it; accept it where its server runs";
        }

        var head = await ReadAsync(report.Node, cancellationToken);
        if (head is null || report.IsHeadBroken)
        {
            var last = await db.AuditEntries.Where(entry => entry.Node == report.Node).OrderByDescending(entry => entry.Sequence).Readable().FirstOrDefaultAsync(cancellationToken);
            if (head is null && last is null)
            {
                return "there is no such chain any more";
            }

            var (end, hash) = last is not null ? (last.Sequence, last.Hash) : (head?.Sequence ?? 0, head?.Hash ?? new byte[32]);
            head = new AuditHead { Node = report.Node, Sequence = end, Hash = hash, SignedAt = AuditSeal.MomentOf(time), KeyId = "", Signature = [] };
            (head.PrunedSequence, head.PrunedHash) = last is null ? (end, hash) : (0, new byte[32]);
            seal.Sign(head);
            await sql.WriteAsync(MendHead, head.Node, end, hash, head.PrunedSequence, head.PrunedHash, head.SignedAt, head.KeyId, head.Signature);
            report.BrokenUpTo = end;
        }

        for (var isFirst = true; head is not null; isFirst = false)
        {
            // What was looked at is what is signed: one that has come into its place since is another break.
            if (!seal.Proves(head))
            {
                return "its head was changed meanwhile; look at it again";
            }

            if (isFirst)
            {
                await sql.WriteAsync(PutAside, head.Node, head.PrunedSequence); // rows before the beginning
            }

            if (head.PrunedSequence >= report.BrokenUpTo || await RowsAsync(head, report.BrokenUpTo, cancellationToken) is not { Count: > 0 } rows)
            {
                return null;
            }

            // Its server may write meanwhile: then from the head as it is now.
            await MoveAsync(head, rows[^1].Sequence, rows[^1].Hash, (PutAside, [head.Node, rows[^1].Sequence]));
            head = await ReadAsync(head.Node, cancellationToken);
        }

        return "its head was removed meanwhile; look at it again";
    }

    // One chain that cannot even be read holds up neither the others nor what else is removed.
    private async Task OfChainAsync(AuditHead head, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception exception) when (exception is InvalidOperationException or InvalidCastException or ArgumentException or FormatException or OverflowException)
        {
            NotPruned(head.Node, $"it cannot be read: {exception.Message}");
        }
    }

    // Null where there is nothing more to do, or the chain has gone on meanwhile: the next hour takes it from there.
    private async Task<(AuditHead? Head, int Removed)> StepAsync(AuditHead head, DateTimeOffset forgotten, CancellationToken cancellationToken)
    {
        var pruned = head.PrunedSequence;
        var old = await OldRowsAsync(head, seal.Proves(head), forgotten, cancellationToken);
        for (var attempt = 0; attempt < 5 && old.Count > 0; attempt++)
        {
            if (await MoveAsync(head, old[^1].Sequence, old[^1].Hash, (Delete, [head.Node, old[^1].Sequence])))
            {
                return (old.Count < AuditStore.MaxRows ? null : await ReadAsync(head.Node, cancellationToken), old.Count);
            }

            // Its server has written meanwhile, or somebody else, whose head is not proven by the one before it.
            if (await ReadAsync(head.Node, cancellationToken) is not { } now || now.PrunedSequence != pruned)
            {
                break;
            }

            if (!seal.Proves(now))
            {
                NotPruned(head.Node, HeadIsWrong);
                break;
            }

            head = now;
        }

        return (null, 0);
    }

    private Task<List<AuditEntry>> RowsAsync(AuditHead head, long upTo, CancellationToken cancellationToken) => db.AuditEntries
        .Where(entry => entry.Node == head.Node && entry.Sequence > head.PrunedSequence && entry.Sequence <= upTo).OrderBy(entry => entry.Sequence).Take(AuditStore.MaxRows).Readable().ToListAsync(cancellationToken);

    // How many are old, from the first on. Some that are not are passed over where many times as many old ones follow: a clock that was ahead for a while holds
    // nothing back, and a few rows of one that was behind take nothing along.
    private static int OldOnesOf(List<AuditEntry> rows, DateTimeOffset forgotten)
    {
        var (count, others, old) = (0, 0, 0);
        for (var row = 0; row < rows.Count; row++)
        {
            (others, old) = rows[row].At < forgotten ? (others, old + 1) : (others + old + 1, 0);
            if (old > 0 && old >= others * 5)
            {
                (count, others, old) = (row + 1, 0, 0);
            }
        }

        return count;
    }

    // What is not proven is not removed: to sign a new beginning would mend what somebody changed, or help them to be rid of rows.
    private async Task<List<AuditEntry>> OldRowsAsync(AuditHead head, bool isProven, DateTimeOffset forgotten, CancellationToken cancellationToken)
    {
        var rows = await RowsAsync(head, head.Sequence, cancellationToken);
        var old = rows[..OldOnesOf(rows, forgotten)];
        if (old.Count > 0 && (isProven ? FindProblem(head, old) : HeadIsWrong) is { } problem)
        {
            NotPruned(head.Node, problem);
            return [];
        }

        return old;
    }

    private static string? FindProblem(AuditHead head, List<AuditEntry> rows)
    {
        var (sequence, hash) = AuditVerification.BeginningOf(head);
        foreach (var row in rows)
        {
            if (AuditVerification.FindProblem(row, sequence, hash) is { } problem)
            {
                return problem;
            }

            (sequence, hash) = (row.Sequence, row.Hash);
        }

        return null;
    }

    private Task<AuditHead?> ReadAsync(string node, CancellationToken cancellationToken) =>
        db.AuditHeads.Where(head => head.Node == node).Readable().SingleOrDefaultAsync(cancellationToken);

    private Task<bool> MoveAsync(AuditHead head, long pruned, byte[]? prunedHash, params (string Sql, object?[] Values)[] more)
    {
        var before = head.Signature;
        (head.PrunedSequence, head.PrunedHash) = (pruned, prunedHash);
        seal.Sign(head);
        return sql.WriteTogetherAsync([(MoveStart, [pruned, prunedHash ?? [], head.KeyId, head.Signature, head.Node, before]), .. more]);
    }

    [LoggerMessage(2005, LogLevel.Error, "Rows of the audit chain {Chain} are older than Audit:KeepFor and are not removed, because they are not proven: {Problem}. Run 'audit verify', and see docs/audit.md.")]
    private partial void NotPruned(string chain, string problem);
}
