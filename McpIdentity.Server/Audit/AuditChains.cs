using System.Data.Common;
using System.Globalization;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Audit;

/// <summary>A row's place in a chain.</summary>
internal sealed record AuditLink(string Chain, long Sequence, byte[] Hash);

/// <summary>Where the rows of this node go on.</summary>
/// <param name="Chain">Its name.</param>
/// <param name="Head">The proven end; null where the chain begins.</param>
/// <param name="Broken">What is wrong with the chain before it: the first row says so.</param>
internal sealed record AuditEnd(string Chain, AuditHead? Head, string? Broken);

/// <summary>
/// Finds the chain of this node, and writes on none that it cannot prove: where the head is not signed by a key of this server, where the last
/// row is not the one that it names, or where this process knows that there was more, a new chain is begun, and the broken one left as it is.
/// </summary>
internal sealed class AuditChains(PreparedSql sql, AuditSeal seal, IOptions<AuditOptions> options, TimeProvider time)
{
    private const string SelectHead = """
        SELECT "Sequence", "Hash", "PrunedSequence", "PrunedHash", "SignedAt", "KeyId", "Signature" FROM "AuditHeads" WHERE "Node" = $1
        """;

    private const string SelectAt = """
        SELECT "Sequence", "Hash" FROM "AuditEntries" WHERE "Node" = $1 AND "Sequence" = $2
        """;

    private const string SelectLast = """
        SELECT "Sequence", "Hash" FROM "AuditEntries" WHERE "Node" = $1 ORDER BY "Sequence" DESC LIMIT 1
        """;

    // Names that go on with a number as this process writes it, and nothing else: that with the most digits, and among them the last.
    private const string SelectNewest = """
        SELECT "Node" FROM "AuditHeads" WHERE substr("Node", 1, $2) = $1 AND length("Node") BETWEEN $2 + 1 AND $2 + 18
            AND ltrim(substr("Node", $2 + 1), '0123456789') = '' AND substr("Node", $2 + 1, 1) <> '0' ORDER BY length("Node") DESC, "Node" DESC LIMIT 1
        """;

    private const string SelectName = """
        SELECT "Node" FROM "AuditHeads" WHERE "Node" = $1 UNION ALL SELECT "Node" FROM "AuditEntries" WHERE "Node" = $1 LIMIT 1
        """;

    // The last end that this process has proven or written.
    private AuditHead? _known;
    private long _number = 1;

    public async Task<AuditEnd> FindAsync()
    {
        var more = NameOf(0)[..^1];
        var newest = await ReadAsync(SelectNewest, row => row.GetString(0), more, more.Length);
        // Never behind what this process has written: that it is gone is what is to be found.
        var number = Math.Max(newest is null ? 1 : NumberOf(newest), _number);
        while (await ReadAsync(SelectName, row => row.GetString(0), NameOf(number + 1)) is not null)
        {
            number++;
        }

        // Emptied by pruning, and its head removed at last, while this process had nothing to write.
        if (_known is not null && _known.SignedAt < AuditPruning.HeadsEndAt(time, options.Value))
        {
            _known = null;
        }

        var chain = NameOf(number);
        var (head, problem) = await LookAsync(chain);
        if (_known is not null && problem is null && head is null && number > _number)
        {
            problem = "it was there a moment ago, and is gone";
        }

        if (problem is not null)
        {
            return new AuditEnd(NameOf(number + 1), null, $"{chain}: {problem}");
        }

        (_known, _number) = (head ?? _known, number);
        return new AuditEnd(chain, head, null);
    }

    /// <summary>Remembers how far this process has written.</summary>
    public void Wrote(AuditHead head)
    {
        _known = head;
        _number = NumberOf(head.Node);
    }

    public async Task<bool> HasAsync(AuditLink link) =>
        await ReadAsync(SelectAt, row => LinkOf(link.Chain, row), link.Chain, link.Sequence) is { } there && there.Hash.AsSpan().SequenceEqual(link.Hash);

    private static long NumberOf(string chain) =>
        long.TryParse(chain.AsSpan(chain.LastIndexOf(AuditSeal.Separator) + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && chain.Contains(AuditSeal.Separator, StringComparison.Ordinal) ? number : 1;

    private string NameOf(long number) => number == 1
        ? seal.ChainOf(options.Value.NodeName)
        : string.Create(CultureInfo.InvariantCulture, $"{seal.ChainOf(options.Value.NodeName)}{AuditSeal.Separator}{number}");

    private async Task<(AuditHead? Head, string? Problem)> LookAsync(string chain)
    {
        while (true)
        {
            var head = await HeadAsync(chain);
            var last = await ReadAsync(SelectLast, row => LinkOf(chain, row), chain);
            // The two are of one moment where the head is still the same: another process of this name may write on.
            if ((await HeadAsync(chain))?.Signature is var after && (after ?? []).AsSpan().SequenceEqual(head?.Signature ?? []))
            {
                return (head, await FindProblemAsync(chain, head, last));
            }
        }
    }

    private async Task<string?> FindProblemAsync(string chain, AuditHead? head, AuditLink? last)
    {
        var known = _known?.Node == chain ? _known : null;
        if (head is null)
        {
            return last is not null ? $"there is no head, and the last row is {last.Sequence}"
                : known is not null ? $"all of it is gone; it went up to {known.Sequence}"
                : null;
        }

        return !seal.Proves(head) ? "its head is not signed by a key of this server"
            : (last is null ? head.Sequence != head.PrunedSequence : last.Sequence != head.Sequence || !last.Hash.AsSpan().SequenceEqual(head.Hash))
                ? $"the head says {head.Sequence}, and the last row is {last?.Sequence.ToString(CultureInfo.InvariantCulture) ?? "gone"}"
            : known is null ? null
            : head.Sequence < known.Sequence ? $"it was put back to {head.Sequence}, and went up to {known.Sequence}"
            : head.PrunedSequence < known.Sequence && !await HasAsync(new AuditLink(chain, known.Sequence, known.Hash)) ? $"it was written anew: {known.Sequence} is another row than this server wrote"
            : null;
    }

    private Task<AuditHead?> HeadAsync(string chain) => ReadAsync(SelectHead, row => new AuditHead
    {
        Node = chain,
        Sequence = row.GetInt64(0),
        Hash = row.GetFieldValue<byte[]>(1),
        PrunedSequence = row.GetInt64(2),
        PrunedHash = row.IsDBNull(3) ? null : row.GetFieldValue<byte[]>(3),
        SignedAt = sql.Moment(row, 4),
        KeyId = row.GetString(5),
        Signature = row.GetFieldValue<byte[]>(6),
    }, chain);

    private Task<T?> ReadAsync<T>(string text, Func<DbDataReader, T> read, params object[] values)
        where T : class => sql.ReadAsync(text, values, read, CancellationToken.None).AsTask();

    private static AuditLink LinkOf(string chain, DbDataReader row) => new(chain, row.GetInt64(0), row.GetFieldValue<byte[]>(1));
}
