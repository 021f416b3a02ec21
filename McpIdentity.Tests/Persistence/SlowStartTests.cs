using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>A server that starts while PostgreSQL is busy: docs/operations.md, "When the database or Redis is away".</summary>
[Category("Storage"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class SlowStartTests
{
    private PostgresServer _postgres = null!;
    private string _migrated = null!;

    /// <summary>A database that has its tables already.</summary>
    [OneTimeSetUp]
    public async Task MigrateAsync()
    {
        _postgres = await PostgresServer.SharedAsync();
        _migrated = await _postgres.CreateDatabaseAsync();
        await using var server = await ServerProcess.StartAsync(StartAt(_migrated));
    }

    [Test]
    public async Task Without_its_database_a_start_ends_after_half_a_minute_and_says_once_what_it_waits_for()
    {
        string[] hosts = ["127.0.0.1", "not-there-yet.invalid"];

        await Task.WhenAll(hosts.Select(async host =>
        {
            var start = new ServerStart { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = $"postgres://id:the-password@{host}:{Ports.Next()}/identity" } };
            await using var server = ServerProcess.Launch(start);

            Assert.That(await server.WaitForExitAsync(), Is.EqualTo(ExitCode.Unavailable), host);
            Assert.That(server.Output.Split("tried again for 30 seconds"), Has.Length.EqualTo(2), server.Output);
            Assert.That(server.Output, Does.Contain("cannot be used").And.Contain("DATABASE_URL").And.Not.Contain("the-password").And.Not.Contain("   at "));
        }));
    }

    [Test]
    public async Task A_start_waits_for_a_database_that_does_not_answer_in_time()
    {
        // Each table belongs to another step of the start. Some are waited for at once, and not all: each server that starts is at work.
        foreach (var tables in ((string[])["__EFMigrationsHistory", "Nodes", "SigningKeys", "DataProtectionKeys", "Revocations"]).Chunk(3))
        {
            await Task.WhenAll(tables.Select(WaitsForAsync));
        }
    }

    [Test]
    public async Task A_step_that_was_half_done_is_done_again()
    {
        var database = await _postgres.CreateDatabaseAsync(copyOf: _migrated);
        await using var operators = new NpgsqlConnection(database + ";Pooling=false");
        await operators.OpenAsync();
        // The server writes its row, and gets no answer when it says for the first time that it lives.
        await ExecuteAsync("""
            CREATE FUNCTION wait_long() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END' LANGUAGE plpgsql;
            CREATE TRIGGER slow BEFORE UPDATE ON "Nodes" FOR EACH ROW EXECUTE FUNCTION wait_long();
            """);

        await using var server = ServerProcess.Launch(StartAt(database));
        await Until.TrueAsync(() => server.Output.Contains("This step of the start is tried again", StringComparison.Ordinal), "it says what it waits for");
        await ExecuteAsync("DROP TRIGGER slow ON \"Nodes\"");

        await server.WaitUntilReadyAsync();

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, operators) { CommandTimeout = 120 };
            await command.ExecuteNonQueryAsync();
        }
    }

    private async Task WaitsForAsync(string table)
    {
        var database = await _postgres.CreateDatabaseAsync(copyOf: _migrated);
        await using var busy = new NpgsqlConnection(database + ";Pooling=false");
        await busy.OpenAsync();
        await using var transaction = await busy.BeginTransactionAsync();
        await using (var locking = new NpgsqlCommand($"LOCK TABLE \"{table}\" IN ACCESS EXCLUSIVE MODE", busy, transaction))
        {
            await locking.ExecuteNonQueryAsync();
        }

        await using var server = ServerProcess.Launch(StartAt(database));
        await Until.TrueAsync(() => server.Output.Contains("This step of the start is tried again", StringComparison.Ordinal), $"it says that it waits for {table}");
        await transaction.RollbackAsync();

        await server.WaitUntilReadyAsync();
    }

    private static ServerStart StartAt(string database) => new() { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) } };
}
