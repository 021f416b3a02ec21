using System.Globalization;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Audit;

/// <summary>What was found of one chain.</summary>
internal sealed record ChainReport(string Node)
{
    /// <summary>Rows that were looked at.</summary>
    public long Entries { get; set; }

    public DateTimeOffset? From { get; set; }

    public DateTimeOffset? To { get; set; }

    /// <summary>Rows that no chain proves: of before there were chains.</summary>
    public long Unchained { get; set; }

    public long PrunedUpTo { get; set; }

    /// <summary>The head as <c>--expect</c> takes it: the number and hash of the last row.</summary>
    public string? Head { get; set; }

    /// <summary>What is to be said of the head's signature.</summary>
    public string Signature { get; set; } = "no head";

    /// <summary>The first thing that is wrong; null where nothing is.</summary>
    public string? Problem { get; set; }

    /// <summary>The last row that a break leaves unproven: what stands behind it follows from it again. 0 where there is no break.</summary>
    public long BrokenUpTo { get; set; }

    /// <summary>Whether the end is unproven, and so all of it.</summary>
    public bool IsHeadBroken { get; set; }
}

/// <summary>Goes through each chain from its beginning to its head, some hundred rows at a time.</summary>
internal sealed class AuditVerification(McpIdentityDbContext db, AuditSeal seal)
{
    private const int PageSize = 1000;

    /// <param name="expected">Numbers and hashes that were noted elsewhere before, by node.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<ChainReport>> RunAsync(ILookup<string, (long Sequence, string Hash)> expected, CancellationToken cancellationToken)
    {
        var nodes = await db.AuditHeads.Select(head => head.Node).Union(db.AuditEntries.Select(entry => entry.Node)).ToListAsync(cancellationToken);
        var reports = new List<ChainReport>();
        foreach (var node in nodes.Union(expected.Select(one => one.Key)).Order(StringComparer.Ordinal))
        {
            reports.Add(node == AuditPruning.Unchained ? await CountAsync(node, cancellationToken) : await VerifyAsync(node, [.. expected[node]], cancellationToken));
        }

        return reports;
    }

    private async Task<ChainReport> CountAsync(string node, CancellationToken cancellationToken)
    {
        var rows = db.AuditEntries.Where(entry => entry.Node == node);
        return new ChainReport(node)
        {
            Unchained = await rows.LongCountAsync(cancellationToken),
            From = await rows.Readable().MinAsync(entry => (DateTimeOffset?)entry.At, cancellationToken),
            To = await rows.Readable().MaxAsync(entry => (DateTimeOffset?)entry.At, cancellationToken),
            Signature = "not a chain: of before there was one, or accepted as broken",
        };
    }

    private async Task<ChainReport> VerifyAsync(string node, (long Sequence, string Hash)[] expected, CancellationToken cancellationToken)
    {
        while (true)
        {
            var head = await HeadAsync(node, cancellationToken);
            var report = await VerifyAsync(node, head, expected, cancellationToken);
            // Its server may prune meanwhile, and what was the beginning is gone then.
            if (report.Problem is null || (await HeadAsync(node, cancellationToken))?.PrunedSequence == head?.PrunedSequence)
            {
                return report;
            }
        }
    }

    private Task<AuditHead?> HeadAsync(string node, CancellationToken cancellationToken) =>
        db.AuditHeads.Where(head => head.Node == node).Readable().SingleOrDefaultAsync(cancellationToken);

    private async Task<ChainReport> VerifyAsync(string node, AuditHead? head, (long Sequence, string Hash)[] expected, CancellationToken cancellationToken)
    {
        var report = new ChainReport(node) { PrunedUpTo = head?.PrunedSequence ?? 0 };
        var (isRight, says) = head is null ? (null, report.Signature) : seal.Check(head);
        report.Signature = says;
        var (sequence, hash) = head is null ? (0L, new byte[32]) : BeginningOf(head);
        var open = expected.Where(one => one.Sequence >= sequence).ToList();
        Compare();

        while (head is not null && sequence < head.Sequence)
        {
            var page = await RowsAsync(node, sequence, head.Sequence, cancellationToken);
            foreach (var row in page)
            {
                if ((FindProblem(row, sequence, hash) ?? FindAlarm(row)) is { } problem)
                {
                    report.Problem ??= problem;
                    report.BrokenUpTo = row.Sequence;
                }

                (sequence, hash) = (row.Sequence, row.Hash);
                (report.Entries, report.From, report.To) = (report.Entries + 1, report.From ?? row.At, row.At);
                Compare();
            }

            if (page.Count == 0)
            {
                report.Problem ??= $"missing: {Range(sequence + 1, head.Sequence)}, up to which the head goes";
                report.IsHeadBroken = true;
                break;
            }
        }

        report.Head = $"{node}:{sequence}:{Convert.ToHexStringLower(hash)}";
        if (await FindProblemOfHeadAsync(head, isRight, hash, cancellationToken) is { } wrong)
        {
            report.Problem ??= wrong;
            report.IsHeadBroken = true;
        }

        report.Problem ??= await FindBeforeBeginningAsync(head, cancellationToken) ?? (open.Count > 0 ? $"expected: {open[0].Sequence} is beyond the end of the chain, which was cut" : null);
        if (head is null)
        {
            report.IsHeadBroken = true;
            report.Problem ??= await db.AuditEntries.AnyAsync(entry => entry.Node == node, cancellationToken) ? "head removed: there are rows and no head" : "expected: there is no such chain";
        }

        return report;

        void Compare()
        {
            foreach (var one in open.Where(one => one.Sequence == sequence).ToList())
            {
                open.Remove(one);
                report.Problem ??= string.Equals(one.Hash, Convert.ToHexString(hash), StringComparison.OrdinalIgnoreCase) || sequence == 0 ? null : $"expected: {sequence} had another hash when it was noted; the chain was written anew";
            }
        }
    }

    private async Task<string?> FindProblemOfHeadAsync(AuditHead? head, bool? isRight, byte[] hash, CancellationToken cancellationToken)
    {
        if (head is null)
        {
            return null;
        }

        return isRight == false ? "head replaced: its signature is wrong"
            : isRight is null && seal.KeyId != AuditSeal.NoKey && !AuditSeal.IsUnsigned(head.Node) ? "head unproven: it is not signed under a key that is configured (OAuth:PreviousEncryptionKeys)"
            : !hash.AsSpan().SequenceEqual(head.Hash) && head.Sequence > head.PrunedSequence ? $"head replaced: it names another hash for {head.Sequence} than that row has"
            // In one query with the head as it is now: its server goes on writing.
            : await db.AuditEntries.Where(entry => entry.Node == head.Node && entry.Sequence > db.AuditHeads.Where(now => now.Node == head.Node).Max(now => now.Sequence))
                .Select(entry => (long?)entry.Sequence).FirstOrDefaultAsync(cancellationToken) is { } beyond ? $"inserted: {beyond} is beyond the head, or the head was put back"
            : null;
    }

    // Rows that would look as if they belonged to what was pruned.
    private async Task<string?> FindBeforeBeginningAsync(AuditHead? head, CancellationToken cancellationToken) => head is not null &&
        await db.AuditEntries.Where(entry => entry.Node == head.Node && entry.Sequence <= head.PrunedSequence).OrderBy(entry => entry.Sequence).Select(entry => (long?)entry.Sequence).FirstOrDefaultAsync(cancellationToken) is { } before
            ? $"inserted: {before} is before the beginning of the chain"
            : null;

    /// <summary>The number and hash that the first row of the chain follows from.</summary>
    public static (long Sequence, byte[] Hash) BeginningOf(AuditHead head) => (head.PrunedSequence, head.PrunedSequence > 0 ? head.PrunedHash ?? [] : new byte[32]);

    // What this node found when it wrote: it stays to be said until an operator has looked at it (--accept).
    private static string? FindAlarm(AuditEntry row)
    {
        if (row.Event != AuditStore.Alarm)
        {
            return null;
        }

        return $"alarm: {row.Sequence} of {row.At.UtcDateTime:u} ({AuditStore.Alarm}): {new TraceStep(row).Reason}";
    }

    /// <summary>Why a row does not follow from the one before it, or does not say what its columns say; null where all is right.</summary>
    public static string? FindProblem(AuditEntry row, long sequence, byte[] hash) =>
        row.Sequence > sequence + 1 ? $"missing: {Range(sequence + 1, row.Sequence - 1)}"
        : !AuditLine.HashOf(row, hash).AsSpan().SequenceEqual(row.Hash) ? $"changed: {row.Sequence} of {row.At.UtcDateTime:u} ({row.Event}) does not follow from the row before it: it was changed, put in between, or moved here"
        : AuditLine.FindForgedColumn(row) is { } column ? $"changed: {row.Sequence} of {row.At.UtcDateTime:u} ({row.Event}): the column {column} does not say what the line says"
        : null;

    private Task<List<AuditEntry>> RowsAsync(string node, long after, long upTo, CancellationToken cancellationToken) => db.AuditEntries
        .Where(entry => entry.Node == node && entry.Sequence > after && entry.Sequence <= upTo).OrderBy(entry => entry.Sequence).Take(PageSize).Readable().ToListAsync(cancellationToken);

    private static string Range(long from, long to) => from == to ? from.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{from} to {to}");
}
