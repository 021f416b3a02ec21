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
internal sealed class AuditPruning(McpIdentityDbContext db, PreparedSql sql, AuditSeal seal, IOptions<AuditOptions> options, TimeProvider time)
{
    /// <summary>Rows of before there were chains stand under this name.</summary>
    public const string Unchained = "earlier";

    private const string MoveStart = """
        UPDATE "AuditHeads" SET "PrunedSequence" = $1, "PrunedHash" = $2, "KeyId" = $3, "Signature" = $4 WHERE "Node" = $5 AND "Signature" = $6
        """;

    private const string Delete = """
        DELETE FROM "AuditEntries" WHERE "Node" = $1 AND "Sequence" <= $2
        """;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private DateTimeOffset Forgotten => time.GetUtcNow() - options.Value.KeepFor;

    /// <summary>How many rows are older than they are kept.</summary>
    public Task<int> CountAsync(CancellationToken cancellationToken)
    {
        var forgotten = Forgotten;
        return db.AuditEntries.CountAsync(entry => entry.At < forgotten, cancellationToken);
    }

    /// <returns>How many rows were removed.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var forgotten = Forgotten;
        var count = 0;
        foreach (var head in await db.AuditHeads.AsNoTracking().ToListAsync(cancellationToken))
        {
            AuditHead? at = head;
            while (at is not null)
            {
                var (next, removed) = await StepAsync(at, forgotten, cancellationToken);
                (at, count) = (next, count + removed);
                await Task.Delay(Pause, cancellationToken);
            }

            // A node that is long gone, such as a container of another year: nothing is left of its chain.
            var gone = forgotten - options.Value.KeepFor;
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
        foreach (var head in await db.AuditHeads.AsNoTracking().Where(head => head.KeyId != current).ToListAsync(cancellationToken))
        {
            // One that is wrong stays so: to sign it would mend what somebody changed.
            count += seal.Check(head).IsRight == true && await MoveAsync(head, head.PrunedSequence, head.PrunedHash) ? 1 : 0;
        }

        return count;
    }

    // Null where there is nothing more to do, or the chain has gone on meanwhile: the next hour takes it from there.
    private async Task<(AuditHead? Head, int Removed)> StepAsync(AuditHead head, DateTimeOffset forgotten, CancellationToken cancellationToken)
    {
        var rows = await db.AuditEntries.AsNoTracking().Where(entry => entry.Node == head.Node && entry.Sequence > head.PrunedSequence).OrderBy(entry => entry.Sequence)
            .Take(AuditStore.MaxRows).Select(entry => new { entry.Sequence, entry.At, entry.Hash }).ToListAsync(cancellationToken);
        var old = rows.TakeWhile(row => row.At < forgotten).ToList();
        if (old.Count == 0)
        {
            return (null, 0);
        }

        for (var attempt = 0; attempt < 5; attempt++)
        {
            if (await MoveAsync(head, old[^1].Sequence, old[^1].Hash, (Delete, [head.Node, old[^1].Sequence])))
            {
                return (old.Count < AuditStore.MaxRows ? null : await ReadAsync(head.Node, cancellationToken), old.Count);
            }

            // Its server has written meanwhile.
            if (await ReadAsync(head.Node, cancellationToken) is not { } now || now.PrunedSequence != head.PrunedSequence)
            {
                break;
            }

            head = now;
        }

        return (null, 0);
    }

    private Task<AuditHead?> ReadAsync(string node, CancellationToken cancellationToken) =>
        db.AuditHeads.AsNoTracking().SingleOrDefaultAsync(head => head.Node == node, cancellationToken);

    private Task<bool> MoveAsync(AuditHead head, long pruned, byte[]? prunedHash, params (string Sql, object[] Values)[] more)
    {
        var before = head.Signature;
        (head.PrunedSequence, head.PrunedHash) = (pruned, prunedHash);
        seal.Sign(head);
        return sql.WriteTogetherAsync([(MoveStart, [pruned, prunedHash ?? [], head.KeyId, head.Signature, head.Node, before]), .. more]);
    }
}
