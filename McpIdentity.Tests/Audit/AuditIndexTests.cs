using System.Data.Common;
using System.Text.RegularExpressions;
using McpIdentity.Migrations;
using McpIdentity.Server.Audit;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace McpIdentity.Tests.Audit;

/// <summary>What an operator looks for in an audit of many rows is found by an index, by what the database itself says of each query.</summary>
[Category("Storage"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class AuditIndexTests
{
    private const int Rows = 100_000;

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task What_operators_look_for_is_found_by_an_index(string provider)
    {
        using var folder = new TemporaryFolder();
        var plans = new Plans();
        await using McpIdentityDbContext db = provider == "SQLite"
            ? new SqliteMcpIdentityDbContext(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>().UseSqlite($"Data Source={folder.File("test.db")};Pooling=False").AddInterceptors(plans).Options)
            : new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()).AddInterceptors(plans).Options);
        await db.Database.MigrateAsync();
        await SeedAsync(db);
        plans.IsOn = true;

        var search = new AuditSearch(db);
        await FindAsync("audit list", () => search.PageAsync(new AuditFilter { OnlyActs = true }, 100, null, default));
        await FindAsync("the next page of it", () => search.PageAsync(new AuditFilter { OnlyActs = true }, 100, 99_000, default));
        await FindAsync("search --actor", () => search.PageAsync(new AuditFilter { Actor = "anna" }, 100, null, default));
        await FindAsync("search --event", () => search.PageAsync(new AuditFilter { Events = ["user_disabled"] }, 100, null, default));
        await FindAsync("search --client", () => search.PageAsync(new AuditFilter { Clients = ["client-7"] }, 100, null, default));
        await FindAsync("search --user", () => search.PageAsync(new AuditFilter { Subjects = ["person-7"] }, 100, null, default));
        await FindAsync("search --id", () => search.PageAsync(new AuditFilter { Id = "flow-707" }, 100, null, default));
        await FindAsync("search by address", () => search.PageAsync(new AuditFilter { Address = "198.51.100.7" }, 100, null, default));
        var trace = new FlowTrace(db);
        await FindAsync("trace of a person", () => trace.OfAsync(["person-7"], [], default));
        await FindAsync("trace of a client that everybody shares", () => trace.OfAsync([], ["everybody"], default));
        if (provider == "SQLite") // PostgreSQL goes by how many rows there are
        {
            Assert.That(plans.Found.Count(plan => plan.Says.Contains("IX_AuditEntries_ClientId_Event_At", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(3), "what is seldom of a client has an index of its own");
        }

        await FindAsync("trace of a flow", () => trace.OfIdAsync("flow-707", default));
        await FindAsync("trace of a stranger", () => trace.OfStrangerAsync("mallory@example.com", default));

        async Task FindAsync<T>(string what, Func<Task<T>> find)
            where T : System.Collections.IEnumerable
        {
            plans.Found.Clear();
            Assert.That(await find(), what.EndsWith("of a stranger", StringComparison.Ordinal) ? Is.Empty : Is.Not.Empty, what);
            Assert.That(plans.Found, Is.Not.Empty, what);
            Assert.That(plans.Found.Where(plan => WholeTable().IsMatch(plan.Says)).Select(plan => $"{what}: {plan.Says}\n{plan.Sql}"), Is.Empty);
        }
    }

    // All rows of the table, or all from its end until enough are found.
    [GeneratedRegex("^SCAN (?!.* USING )|Seq Scan on \"AuditEntries\"|PK_AuditEntries", RegexOptions.Multiline)]
    private static partial Regex WholeTable();

    // Calls above all, half of them of a client that everybody shares; now and then an authorization, and seldom an act of an operator.
    private static async Task SeedAsync(McpIdentityDbContext db)
    {
        db.Database.SetCommandTimeout(TimeSpan.FromMinutes(2));
        var isSqlite = db.Database.IsSqlite();
        var (numbers, at, line, hash) = isSqlite
            ? ($"(WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {Rows}) SELECT n FROM number)", "639000000000000000 + n * 10000000", "json_object()", "X'00'")
            : ($"generate_series(0, {Rows - 1}) AS number(n)", "timestamptz '2026-01-01' + n * interval '1 second'", "json_build_object()::text", "''::bytea");
        var sql = $$"""
            INSERT INTO "AuditEntries" ("Node", "Sequence", "At", "Event", "Level", "Result", "Actor", "ClientId", "Subject", "Flow", "GrantId", "Address", "Line", "Hash")
            SELECT 'seeded', n + 1, {{at}}, CASE WHEN n % 10000 = 0 THEN 'user_disabled' WHEN n % 100 IN (7, 8) THEN 'token_issued' ELSE 'mcp_auth_success' END, 'info', 'success',
                CASE WHEN n % 10000 = 0 THEN 'anna' END, CASE WHEN n % 2 = 0 THEN 'everybody' ELSE 'client-' || (n % 1000) END, 'person-' || (n % 1000),
                CASE WHEN n % 100 IN (7, 8) THEN 'flow-' || n END, 'grant-' || (n / 100), '198.51.100.' || (n % 200), {{line}}, {{hash}}
            FROM {{numbers}}
            """;
        await db.Database.ExecuteSqlRawAsync(sql);
        await db.Database.ExecuteSqlRawAsync(isSqlite ? "SELECT 1" : "ANALYZE \"AuditEntries\"");
    }

    // Asks before each query how it will be done.
    private sealed class Plans : DbCommandInterceptor
    {
        public bool IsOn { get; set; }

        public List<(string Sql, string Says)> Found { get; } = [];

        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            if (!IsOn)
            {
                return result;
            }

            var text = command.CommandText;
            command.CommandText = (command is Microsoft.Data.Sqlite.SqliteCommand ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + text;
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                var says = new List<string?>();
                while (await reader.ReadAsync(cancellationToken))
                {
                    says.Add(reader.GetValue(reader.FieldCount - 1).ToString());
                }

                Found.Add((text, string.Join('\n', says)));
            }

            command.CommandText = text;
            return result;
        }
    }
}
