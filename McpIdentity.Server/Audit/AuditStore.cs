using System.Buffers;
using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Audit;

/// <summary>
/// Appends to the chain of this node: rows and the signed head in one transaction. The head is moved by compare-and-swap, so that
/// processes of one name (a verb beside its server) share a chain: who comes second reads on and tries again. For one caller at a time.
/// </summary>
internal sealed class AuditStore(PreparedSql sql, AuditSeal seal, IOptions<AuditOptions> options, TimeProvider time)
{
    /// <summary>How many rows a transaction takes.</summary>
    public const int MaxRows = 500;

    private const int Attempts = 20;
    private const string Columns = "\"Node\", \"Sequence\", \"At\", \"Event\", \"Level\", \"Result\", \"Actor\", \"ClientId\", \"Subject\", \"Resource\", \"Tool\", \"Flow\", \"GrantId\", \"TraceId\", \"Address\", \"Line\", \"Hash\"";

    // One parameter, however many rows: the statement is prepared once.
    private const string InsertIntoSqlite = $"""
        INSERT INTO "AuditEntries" ({Columns})
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
            value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, unhex(value ->> 16)
        FROM json_each($1) ORDER BY key
        """;

    private const string InsertIntoPostgres = $"""
        INSERT INTO "AuditEntries" ({Columns})
        SELECT value ->> 0, (value ->> 1)::bigint, (value ->> 2)::timestamptz, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
            value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, decode(value ->> 16, 'hex')
        FROM json_array_elements($1::json) WITH ORDINALITY AS item(value, place) ORDER BY place
        """;

    private const string FirstHead = """
        INSERT INTO "AuditHeads" ("Node", "Sequence", "Hash", "PrunedSequence", "SignedAt", "KeyId", "Signature") VALUES ($1, $2, $3, 0, $4, $5, $6)
        """;

    private const string MoveHead = """
        UPDATE "AuditHeads" SET "Sequence" = $1, "Hash" = $2, "SignedAt" = $3, "KeyId" = $4, "Signature" = $5 WHERE "Node" = $6 AND "Signature" = $7
        """;

    private const string SelectHead = """
        SELECT "Sequence", "Hash", "PrunedSequence", "PrunedHash", "SignedAt", "KeyId", "Signature" FROM "AuditHeads" WHERE "Node" = $1
        """;

    private const string SelectAt = """
        SELECT "Sequence", "Hash" FROM "AuditEntries" WHERE "Node" = $1 AND "Sequence" = $2
        """;

    private const string SelectLast = """
        SELECT "Sequence", "Hash" FROM "AuditEntries" WHERE "Node" = $1 ORDER BY "Sequence" DESC LIMIT 1
        """;

    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly string _node = options.Value.NodeName;
    private AuditHead? _head;
    private Link? _goesOnFrom;
    private Link? _tried;
    private bool _isKnown;

    /// <summary>Writes the events in their order, at most <see cref="MaxRows"/>. When this returns they survive a crash and a power cut.</summary>
    /// <param name="events">What happened.</param>
    /// <param name="isRepeated">The last call, with the same events, failed.</param>
    public async Task AppendAsync(IReadOnlyList<SecurityEvent> events, bool isRepeated)
    {
        if (isRepeated && await WasWrittenAsync())
        {
            return; // the answer to it was lost
        }

        var rows = events.Select(e => AuditLine.RowOf(e, _buffer)).ToList();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var broken = await FindHeadAsync();
                if (await TryAppendAsync(broken is null ? rows : [AuditLine.RowOf(broken, _buffer), .. rows]))
                {
                    return;
                }

                _isKnown = false; // another process of this name was faster
            }
            catch (DbException exception) when (IsTaken(exception) && attempt < Attempts)
            {
                _isKnown = false; // the same, seen by the index of the rows
                _tried = null;
            }
            catch
            {
                _isKnown = false; // whether it was written is not known: the head tells
                throw;
            }

            if (attempt == Attempts)
            {
                throw new StorageUnavailableException($"the audit chain of '{_node}' is moved on by another process each time; give each server an Audit:Node of its own");
            }
        }
    }

    private async Task<bool> WasWrittenAsync()
    {
        if (_tried is not { } tried)
        {
            return false;
        }

        var there = await sql.ReadAsync(SelectAt, [_node, tried.Sequence], LinkOf, CancellationToken.None);
        _tried = null;
        return there is not null && there.Hash.AsSpan().SequenceEqual(tried.Hash);
    }

    // Where the chain was cut, it goes on all the same, and says so: what is there can then be told from what was taken.
    private async Task<SecurityEvent?> FindHeadAsync()
    {
        if (_isKnown)
        {
            return null;
        }

        _head = await sql.ReadAsync(SelectHead, [_node], row => new AuditHead
        {
            Node = _node,
            Sequence = row.GetInt64(0),
            Hash = row.GetFieldValue<byte[]>(1),
            PrunedSequence = row.GetInt64(2),
            PrunedHash = row.IsDBNull(3) ? null : row.GetFieldValue<byte[]>(3),
            SignedAt = sql.Moment(row, 4),
            KeyId = row.GetString(5),
            Signature = row.GetFieldValue<byte[]>(6),
        }, CancellationToken.None);
        var last = await sql.ReadAsync(SelectLast, [_node], LinkOf, CancellationToken.None);
        _isKnown = true;
        if (_head is not null && seal.KeyId != AuditSeal.NoKey && seal.Check(_head).IsRight == false)
        {
            return Broken("the signature of the head is wrong", last);
        }

        if (last is null ? _head is null || _head.Sequence == _head.PrunedSequence : _head is not null && last.Sequence == _head.Sequence && last.Hash.AsSpan().SequenceEqual(_head.Hash))
        {
            return null;
        }

        return Broken(_head is null ? "there is no head" : $"the head says {_head.Sequence}", last);
    }

    private SecurityEvent Broken(string said, Link? last)
    {
        if (last is not null && last.Sequence > (_head?.Sequence ?? 0))
        {
            // Beyond what the head says stand rows: they stay where they are.
            _goesOnFrom = last;
        }

        return SecurityEvent.Alarm("audit_chain_broken", $"{said}, and the last row is {last?.Sequence.ToString(CultureInfo.InvariantCulture) ?? "gone"}") with { Time = time.GetUtcNow() };
    }

    private async Task<bool> TryAppendAsync(IReadOnlyList<AuditEntry> rows)
    {
        var (sequence, hash) = _goesOnFrom is { } on ? (on.Sequence, on.Hash) : (_head?.Sequence ?? 0, _head?.Hash ?? new byte[32]);
        _goesOnFrom = null;
        foreach (var row in rows)
        {
            (row.Node, row.Sequence) = (_node, ++sequence);
            row.Hash = hash = AuditLine.HashOf(row, hash);
        }

        var head = new AuditHead
        {
            Node = _node,
            Sequence = sequence,
            Hash = hash,
            PrunedSequence = _head?.PrunedSequence ?? 0,
            PrunedHash = _head?.PrunedHash,
            SignedAt = new DateTimeOffset(time.GetUtcNow().UtcTicks / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond, TimeSpan.Zero),
            KeyId = "",
            Signature = [],
        };
        seal.Sign(head);
        var move = _head is null
            ? (FirstHead, new object[] { _node, sequence, hash, head.SignedAt, head.KeyId, head.Signature })
            : (MoveHead, [sequence, hash, head.SignedAt, head.KeyId, head.Signature, _node, _head.Signature]);
        _tried = new Link(sequence, hash);
        var isDone = await sql.WriteTogetherAsync(move, (sql.IsPostgres ? InsertIntoPostgres : InsertIntoSqlite, [Json(rows, sql.IsPostgres)]));
        _tried = null;
        _head = isDone ? head : null;
        return isDone;
    }

    // Of a head or a row there is one already.
    private static bool IsTaken(DbException exception) =>
        exception is SqliteException { SqliteErrorCode: SQLITE_CONSTRAINT } or PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    private static Link LinkOf(DbDataReader row) => new(row.GetInt64(0), row.GetFieldValue<byte[]>(1));

    private static string Json(IReadOnlyList<AuditEntry> rows, bool isPostgres)
    {
        var buffer = new ArrayBufferWriter<byte>(rows.Count * 512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var row in rows)
            {
                json.WriteStartArray();
                json.WriteStringValue(row.Node);
                json.WriteNumberValue(row.Sequence);
                if (isPostgres)
                {
                    json.WriteStringValue(row.At);
                }
                else
                {
                    json.WriteNumberValue(row.At.UtcTicks); // as EF Core keeps a moment there
                }

                foreach (var text in (string?[])[row.Event, row.Level, row.Result, row.Actor, row.ClientId, row.Subject, row.Resource, row.Tool, row.Flow, row.GrantId, row.TraceId, row.Address, row.Line])
                {
                    json.WriteStringValue(text);
                }

                json.WriteStringValue(Convert.ToHexString(row.Hash));
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private sealed record Link(long Sequence, byte[] Hash);
}
