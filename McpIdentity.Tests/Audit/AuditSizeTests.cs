using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Tests.Audit;

/// <summary>However many rows there are, reading them needs no more memory: a process with little of it exports and searches many times as much.</summary>
[Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditSizeTests
{
    private const int Rows = 300_000; // 150 MB of lines

    // 64 MB of objects, for everything; hexadecimal, as .NET reads it.
    private static readonly Dictionary<string, string?> Little = new() { ["DOTNET_GCHeapHardLimit"] = "4000000" };

    [Test]
    public async Task Many_rows_are_exported_and_searched_with_little_memory()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-many-");
        try
        {
            var database = $"Data Source={Path.Combine(folder.FullName, "many.db")}";
            await RunAsync("migrate");
            await SeedAsync(database);

            await RunAsync("audit", "export", "--format", "ndjson", "--to", "all.ndjson");
            await RunAsync("audit", "export", "--format", "csv", "--client", "client-7", "--to", "some.csv");
            var found = await RunAsync("audit", "search", "--id", "flow-299999", "-o", "json");

            Assert.That(File.ReadLines(Path.Combine(folder.FullName, "all.ndjson")).Count(), Is.EqualTo(Rows + 1), "and that the database was migrated");
            Assert.That(File.ReadLines(Path.Combine(folder.FullName, "some.csv")).Count(), Is.EqualTo((Rows / 1000) + 1));
            Assert.That(JsonDocument.Parse(found[found.IndexOf('[', StringComparison.Ordinal)..(found.LastIndexOf(']') + 1)]).RootElement.GetArrayLength(), Is.EqualTo(1));

            async Task<string> RunAsync(params string[] verb)
            {
                var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.FullName, Environment = Little, Arguments = [.. verb, $"--Database:ConnectionString={database}"] });
                Assert.That(exitCode, Is.Zero, $"{string.Join(' ', verb)}: {output}");
                return output;
            }
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    private static async Task SeedAsync(string database)
    {
        await using var connection = new SqliteConnection(database);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandTimeout = 300;
        command.CommandText = $"""
            WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {Rows})
            INSERT INTO "AuditEntries" ("Node", "Sequence", "At", "Event", "Level", "Result", "ClientId", "Flow", "Line", "Hash")
            SELECT 'seeded', n + 1, 638000000000000000 + n * 10000000, 'token_issued', 'info', 'success', 'client-' || (n % 1000), 'flow-' || n,
                json_object('time', '2026-11-24T12:00:00.000Z', 'level', 'info', 'event', 'token_issued', 'result', 'success', 'client_id', 'client-' || (n % 1000), 'reason', printf('%.400c', 'x')), X'00'
            FROM number
            """;
        await command.ExecuteNonQueryAsync();
    }
}
