using McpIdentity.Migrations.Entities;

namespace McpIdentity.Server.Audit;

/// <summary>
/// What the database holds as .NET can read it. PostgreSQL has moments up to the year 294276, which nobody of us writes: to read one that somebody has put
/// there would fail, and hide all rows beside it. It is read as the first or the last moment that there is here, and so does not prove.
/// </summary>
internal static class ReadableRows
{
    // Less than .NET has: its own ends stand for PostgreSQL's infinity.
    private static readonly DateTimeOffset First = DateTimeOffset.MinValue.AddMicroseconds(1);
    private static readonly DateTimeOffset Last = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Said last of a query: what stands before it is found by the indexes.</summary>
    public static IQueryable<AuditEntry> Readable(this IQueryable<AuditEntry> rows) => rows.Select(row => new AuditEntry
    {
        Id = row.Id,
        Node = row.Node,
        Sequence = row.Sequence,
        At = row.At < First ? DateTimeOffset.MinValue : row.At > Last ? Last : row.At,
        Event = row.Event,
        Level = row.Level,
        Result = row.Result,
        Actor = row.Actor,
        ClientId = row.ClientId,
        Subject = row.Subject,
        Resource = row.Resource,
        Tool = row.Tool,
        Flow = row.Flow,
        GrantId = row.GrantId,
        TraceId = row.TraceId,
        Address = row.Address,
        Line = row.Line,
        Hash = row.Hash,
    });

    /// <inheritdoc cref="Readable(IQueryable{AuditEntry})"/>
    public static IQueryable<AuditHead> Readable(this IQueryable<AuditHead> heads) => heads.Select(head => new AuditHead
    {
        Node = head.Node,
        Sequence = head.Sequence,
        Hash = head.Hash,
        PrunedSequence = head.PrunedSequence,
        PrunedHash = head.PrunedHash,
        SignedAt = head.SignedAt < First ? DateTimeOffset.MinValue : head.SignedAt > Last ? Last : head.SignedAt,
        KeyId = head.KeyId,
        Signature = head.Signature,
    });
}
