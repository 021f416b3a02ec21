using System.Buffers;
using System.Data.Common;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using Microsoft.Data.Sqlite;
using Npgsql;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Audit;

/// <summary>What is written together, and under which links it may stand already: an answer that was late or lost does not say.</summary>
internal sealed class AuditBatch(IReadOnlyList<SecurityEvent> events)
{
    public IReadOnlyList<SecurityEvent> Events => events;

    /// <summary>The tries that differ: each is asked for before the next.</summary>
    public List<AuditTry> Tried { get; } = [];

    /// <summary>The first row of a chain that one of them begins, the same in each: so that a database which is away for a night leaves few tries.</summary>
    public (string Broken, AuditEntry Row)? Alarm { get; set; }
}

/// <summary>One try.</summary>
/// <param name="Link">Its last row.</param>
/// <param name="Broken">What was wrong with the chain before it, where it begins one.</param>
internal sealed record AuditTry(AuditLink Link, string? Broken)
{
    public bool IsSameAs(AuditTry other) => (Link.Chain, Link.Sequence) == (other.Link.Chain, other.Link.Sequence) && Link.Hash.AsSpan().SequenceEqual(other.Link.Hash);
}

/// <summary>One of the events cannot be a row: it is the event, not the database.</summary>
internal sealed class UnwritableRowException(Exception innerException) : DbException(innerException.Message, innerException);

/// <summary>
/// Appends to the chain of this node: rows and the signed head in one transaction. The head is moved by compare-and-swap, so that
/// processes of one name (a verb beside its server) share a chain: who comes second reads on and tries again. For one caller at a time.
/// </summary>
internal sealed partial class AuditStore(PreparedSql sql, AuditSeal seal, AuditChains chains, TimeProvider time, ILogger<AuditStore> logger)
{
    /// <summary>How many rows a transaction takes.</summary>
    public const int MaxRows = 500;

    /// <summary>The first row of a chain that was begun because the one before it is broken.</summary>
    public const string Alarm = "audit_chain_broken";

    private const int Attempts = 20;
    private const string Columns = "\"Node\", \"Sequence\", \"At\", \"Event\", \"Level\", \"Result\", \"Actor\", \"ClientId\", \"Subject\", \"Resource\", \"Tool\", \"Flow\", \"GrantId\", \"TraceId\", \"Address\", \"Line\", \"Hash\"";

    // Prepared once, whatever it is asked: a row a statement within the process, and all rows in one where each would be a round trip.
    private const string InsertIntoSqlite = $"""
        INSERT INTO "AuditEntries" ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        """;

    private const string InsertIntoPostgres = $"""
        INSERT INTO "AuditEntries" ({Columns})
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[])
        """;

    private const string FirstHead = """
        INSERT INTO "AuditHeads" ("Node", "Sequence", "Hash", "PrunedSequence", "SignedAt", "KeyId", "Signature") VALUES ($1, $2, $3, 0, $4, $5, $6)
        """;

    private const string MoveHead = """
        UPDATE "AuditHeads" SET "Sequence" = $1, "Hash" = $2, "SignedAt" = $3, "KeyId" = $4, "Signature" = $5 WHERE "Node" = $6 AND "Signature" = $7
        """;

    private readonly ArrayBufferWriter<byte> _buffer = new();
    private AuditEnd? _end;

    /// <summary>Writes the events in their order, at most <see cref="MaxRows"/>. When this returns they survive a crash and a power cut.</summary>
    /// <param name="batch">Where this failed, the same is given again: whether a try was done all the same is looked up.</param>
    public async Task AppendAsync(AuditBatch batch)
    {
        var rows = RowsOf(batch);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // In this order: a try that is still on its way when the end is read can be done no more once the end has moved.
                _end ??= await chains.FindAsync();
                if (await WasWrittenAsync(batch) || await TryAppendAsync(batch, rows, _end))
                {
                    return;
                }

                _end = null; // another process of this name was faster
            }
            catch (DbException exception) when (StorageFaults.IsTaken(exception) && attempt < Attempts)
            {
                _end = null; // the same, seen by the index of the rows
            }
            catch (Exception exception)
            {
                _end = null; // whether it was written is not known: the next try looks
                if (IsOfARow(exception))
                {
                    throw new UnwritableRowException(exception);
                }

                throw;
            }

            if (attempt == Attempts)
            {
                throw new StorageUnavailableException("the audit chain of this node is moved on by another process each time; give each server an Audit:Node of its own");
            }
        }
    }

    private List<AuditEntry> RowsOf(AuditBatch batch)
    {
        try
        {
            return [.. batch.Events.Select(e => AuditLine.RowOf(e, _buffer))];
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or JsonException)
        {
            throw new UnwritableRowException(exception);
        }
    }

    private async Task<bool> WasWrittenAsync(AuditBatch batch)
    {
        foreach (var one in batch.Tried)
        {
            if (await chains.HasAsync(one.Link))
            {
                Say(one);
                return true;
            }
        }

        return false;
    }

    private async Task<bool> TryAppendAsync(AuditBatch batch, IReadOnlyList<AuditEntry> rows, AuditEnd end)
    {
        if (end.Broken is not null)
        {
            var alarm = batch.Alarm is { } before && before.Broken == end.Broken ? before.Row : AuditLine.RowOf(SecurityEvent.Alarm(Alarm, end.Broken) with { Time = time.GetUtcNow() }, _buffer);
            batch.Alarm = (end.Broken, alarm);
            rows = [alarm, .. rows];
        }

        var (sequence, hash) = (end.Head?.Sequence ?? 0, end.Head?.Hash ?? new byte[32]);
        foreach (var row in rows)
        {
            (row.Node, row.Sequence) = (end.Chain, ++sequence);
            row.Hash = hash = AuditLine.HashOf(row, hash);
        }

        var head = new AuditHead
        {
            Node = end.Chain,
            Sequence = sequence,
            Hash = hash,
            PrunedSequence = end.Head?.PrunedSequence ?? 0,
            PrunedHash = end.Head?.PrunedHash,
            SignedAt = AuditSeal.MomentOf(time),
            KeyId = "",
            Signature = [],
        };
        seal.Sign(head);
        var move = end.Head is null
            ? (FirstHead, new object[] { head.Node, sequence, hash, head.SignedAt, head.KeyId, head.Signature })
            : (MoveHead, [sequence, hash, head.SignedAt, head.KeyId, head.Signature, head.Node, end.Head.Signature]);
        var now = new AuditTry(new AuditLink(end.Chain, sequence, hash), end.Broken);
        if (!batch.Tried.Exists(now.IsSameAs))
        {
            batch.Tried.Add(now);
        }

        if (!await sql.WriteTogetherAsync([move, .. sql.IsPostgres ? [(InsertIntoPostgres, ColumnsOf(rows))] : rows.Select(row => (InsertIntoSqlite, ValuesOf(row)))]))
        {
            return false;
        }

        chains.Wrote(head);
        _end = new AuditEnd(end.Chain, head, null);
        Say(now);
        return true;
    }

    // That it was done is known now, whether by its answer or by its rows.
    private void Say(AuditTry done)
    {
        if (done.Broken is not null)
        {
            ChainBroken(done.Broken, done.Link.Chain);
        }
    }

    // What the database says of the values and not of itself (PostgreSQL, "Error Codes": 22 data, 23 constraints, 54 limits). To try again would not help.
    private static bool IsOfARow(Exception exception) => exception is DbException && !StorageFaults.IsTaken(exception) &&
        (exception is SqliteException { SqliteErrorCode: SQLITE_CONSTRAINT or SQLITE_TOOBIG or SQLITE_MISMATCH } ||
        (exception is PostgresException { SqlState: var state } && (state.StartsWith("22", StringComparison.Ordinal) || state.StartsWith("23", StringComparison.Ordinal) || state.StartsWith("54", StringComparison.Ordinal))));

    private static object?[] ValuesOf(AuditEntry row) =>
    [
        row.Node, row.Sequence, row.At, row.Event, row.Level, row.Result, row.Actor, row.ClientId, row.Subject, row.Resource,
        row.Tool, row.Flow, row.GrantId, row.TraceId, row.Address, row.Line, row.Hash,
    ];

    // The same, a column at a time.
    private static object[] ColumnsOf(IReadOnlyList<AuditEntry> rows)
    {
        return
        [
            All(row => row.Node), All(row => row.Sequence), All(row => row.At.ToUniversalTime()), All(row => row.Event), All(row => row.Level), All(row => row.Result),
            All(row => row.Actor), All(row => row.ClientId), All(row => row.Subject), All(row => row.Resource), All(row => row.Tool), All(row => row.Flow),
            All(row => row.GrantId), All(row => row.TraceId), All(row => row.Address), All(row => row.Line), All(row => row.Hash),
        ];

        T[] All<T>(Func<AuditEntry, T> column) => [.. rows.Select(column)];
    }

    [LoggerMessage(2003, LogLevel.Critical, "The audit chain {Problem}. It is left as it is, and {Chain} begins with an alarm (audit_chain_broken). Somebody may have changed the database: run 'audit verify', and see docs/audit.md.")]
    private partial void ChainBroken(string problem, string chain);
}
