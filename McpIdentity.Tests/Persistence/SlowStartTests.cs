using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>A server that starts while PostgreSQL is busy: docs/operations.md, "When the database or Redis is away".</summary>
[Category("Storage"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class SlowStartTests
{
    [TestCase("127.0.0.1"), TestCase("not-there-yet.invalid")]
    public async Task Without_its_database_a_start_ends_after_half_a_minute_and_says_once_what_it_waits_for(string host)
    {
        var start = new ServerStart { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = $"postgres://id:the-password@{host}:{Ports.Next()}/identity" } };
        await using var server = ServerProcess.Launch(start);

        Assert.That(await server.WaitForExitAsync(), Is.EqualTo(1));
        Assert.That(server.Output.Split("tried again for 30 seconds"), Has.Length.EqualTo(2), server.Output);
        Assert.That(server.Output, Does.Contain("cannot be used").And.Contain("DATABASE_URL").And.Not.Contain("the-password").And.Not.Contain("   at "));
    }

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

    [Test]
    public async Task A_step_that_was_half_done_is_done_again()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        var start = new ServerStart { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) } };
        await using (await ServerProcess.StartAsync(start))
        {
            // The tables are there.
        }

        await using var operators = new NpgsqlConnection(database + ";Pooling=false");
        await operators.OpenAsync();
        // The server writes its row, and gets no answer when it says for the first time that it lives.
        await ExecuteAsync("""
            CREATE FUNCTION wait_long() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END' LANGUAGE plpgsql;
            CREATE TRIGGER slow BEFORE UPDATE ON "Nodes" FOR EACH ROW EXECUTE FUNCTION wait_long();
            """);

        await using var server = ServerProcess.Launch(start);
        await Until.TrueAsync(() => server.Output.Contains("This step of the start is tried again", StringComparison.Ordinal), "it says what it waits for");
        await ExecuteAsync("DROP TRIGGER slow ON \"Nodes\"");

        await server.WaitUntilReadyAsync();

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, operators) { CommandTimeout = 120 };
            await command.ExecuteNonQueryAsync();
        }
    }
}
