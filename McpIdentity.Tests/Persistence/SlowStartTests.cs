using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>A server that starts while PostgreSQL is busy: docs/operations.md, "When the database or Redis is away".</summary>
[Category("Storage"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class SlowStartTests
{
    // Each table belongs to another step of the start.
    [TestCase("__EFMigrationsHistory"), TestCase("Nodes"), TestCase("SigningKeys"), TestCase("DataProtectionKeys"), TestCase("Revocations")]
    public async Task A_start_waits_for_a_database_that_does_not_answer_in_time(string table)
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var start = new ServerStart { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) } };
        await using (await ServerProcess.StartAsync(start))
        {
            // The tables are there.
        }

        await using var busy = new NpgsqlConnection(database + ";Pooling=false");
        await busy.OpenAsync();
        await using var transaction = await busy.BeginTransactionAsync();
        await using (var locking = new NpgsqlCommand($"LOCK TABLE \"{table}\" IN ACCESS EXCLUSIVE MODE", busy, transaction))
        {
            await locking.ExecuteNonQueryAsync();
        }

        await using var server = ServerProcess.Launch(start);
        await Until.TrueAsync(() => server.Output.Contains("This step of the start is tried again", StringComparison.Ordinal), "it says what it waits for");
        await transaction.RollbackAsync();

        await server.WaitUntilReadyAsync();
    }
}
