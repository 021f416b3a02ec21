using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Audit;

/// <summary>How often something happened in an hour, rows that stand for several counted as what they stand for.</summary>
/// <param name="Hour">Which, from the first.</param>
/// <param name="Event">What, in the words of the security log.</param>
/// <param name="Result">How it ended.</param>
/// <param name="Count">How often.</param>
internal sealed record AuditHour(long Hour, string Event, string Result, long Count);

/// <summary>Counts the audit by the hour, for charts: one query over the index of its moments, which the database sums.</summary>
internal static class AuditHours
{
    // A moment is ticks in SQLite, as EF Core keeps it there. The number is read as text: what callers make up is valid JSON that PostgreSQL does not take (\u0000),
    // and what somebody has changed may be none. In a line no text has a quote that is not escaped, so that the member is found and nothing else.
    private const string OfSqlite = """
        SELECT ("At" - {0}) / 36000000000 AS "Hour", "Event", "Result", SUM(CASE instr("Line", '"count":') WHEN 0 THEN 1 ELSE CAST(substr("Line", instr("Line", '"count":') + 8, 9) AS INTEGER) END) AS "Count"
        FROM "AuditEntries" WHERE "At" >= {0} GROUP BY 1, 2, 3
        """;

    private const string OfPostgres = """
        SELECT CAST(floor(extract(epoch FROM "At" - {0}) / 3600) AS bigint) AS "Hour", "Event", "Result", CAST(SUM(CASE strpos("Line", '"count":') WHEN 0 THEN 1 ELSE COALESCE(CAST(substring("Line" from '"count":([0-9]{{1,9}})') AS bigint), 1) END) AS bigint) AS "Count"
        FROM "AuditEntries" WHERE "At" >= {0} AND isfinite("At") GROUP BY 1, 2, 3
        """;

    /// <param name="db">Where the audit is.</param>
    /// <param name="from">When the first hour begins.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    public static Task<List<AuditHour>> CountAsync(McpIdentityDbContext db, DateTimeOffset from, CancellationToken cancellationToken) =>
        (db.Database.IsNpgsql() ? db.Database.SqlQueryRaw<AuditHour>(OfPostgres, from.ToUniversalTime()) : db.Database.SqlQueryRaw<AuditHour>(OfSqlite, from.UtcTicks)).ToListAsync(cancellationToken);
}
