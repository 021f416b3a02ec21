using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace McpIdentity.Tests.Audit;

/// <summary>A commit whose answer is late: the rows stand there once, whoever writes meanwhile (docs/audit.md, "What is written").</summary>
[Category("Storage"), Category("Postgres")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditAnswerTests
{
    private const string Waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

    // The server hears that a statement was given up, and it is done all the same when the row is free.
    [TestCase(false), TestCase(true)]
    [Category("Slow")]
    public async Task Rows_whose_answer_is_late_are_written_once_and_what_an_operator_does_meanwhile_too(bool isOperatorThere)
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        // A commit cannot be called back; here a statement is not, so that it is still on its way when the server has given it up.
        await using var server = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database};Command Timeout=30");
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        Task act;
        await using var watch = new NpgsqlConnection(database); // what a transaction sees of the activity is that of its first look
        await watch.OpenAsync();
        await using (var connection = new NpgsqlConnection(database))
        {
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await ExecuteAsync(connection, "SELECT 1 FROM \"AuditHeads\" FOR UPDATE");
            for (var e = 0; e < 3; e++)
            {
                trail.Heard(Event("late"));
            }

            await Until.TrueAsync(() => trail.Problem is not null, "the first try is given up");
            act = isOperatorThere ? trail.WriteAsync(Event("act")) : Task.CompletedTask;
            await Until.TrueAsync(async () => await ExecuteAsync(watch, Waiting) >= 2, "another waits behind it");
            await transaction.CommitAsync();
        }

        await act;
        await Until.TrueAsync(() => trail.Problem is null, "it is written");
        await trail.WriteAsync(Event("last"));
        var rows = await AuditRows.ReadAsync(server);
        Assert.That((rows.Count(row => row.Event == "late"), rows.Count(row => row.Event == "act"), rows[^1].Event), Is.EqualTo((3, isOperatorThere ? 1 : 0, "last")));
        await Verbs.DoAsync(server, "audit", "verify");

        SecurityEvent Event(string name) => SecurityEvent.Success(name) with { Time = server.Clock.GetUtcNow() };
    }

    [Test]
    public async Task Pruning_does_not_sign_a_head_that_was_forged_while_it_waited()
    {
        using var log = new RecordedLog();
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), $"Database:Url={PostgresServer.UrlOf(database)}", "Audit:KeepFor=10.00:00:00", "Audit:Node=one");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        for (var row = 0; row < 6; row++)
        {
            await trail.WriteAsync(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow().AddDays(row < 3 ? -11 : 0) });
        }

        await using var watch = new NpgsqlConnection(database);
        await watch.OpenAsync();
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, """
            DELETE FROM "AuditEntries" WHERE "Sequence" > 4;
            UPDATE "AuditHeads" SET "Sequence" = 4, "Hash" = (SELECT "Hash" FROM "AuditEntries" WHERE "Sequence" = 4), "Signature" = '\x00';
            """);
        await using var scope = server.Services.CreateAsyncScope();
        var pruning = scope.ServiceProvider.GetRequiredService<AuditPruning>().RunAsync(CancellationToken.None);
        await Until.TrueAsync(async () => await ExecuteAsync(watch, Waiting) > 0, "it waits");
        await transaction.CommitAsync();

        Assert.That(await pruning, Is.Zero);
        Assert.That(log.Lines, Has.Some.Contains("Rows of the audit chain one are older"));
        Assert.That((await Verbs.RunAsync(server, "audit", "verify")).Output, Does.Contain("head replaced: its signature is wrong"));
    }

    [Test]
    public async Task A_database_that_does_not_answer_does_not_hold_up_the_end_and_what_is_lost_is_counted()
    {
        using var log = new RecordedLog();
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using (var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), $"Database:Url={PostgresServer.UrlOf(database)}"))
        {
            var trail = server.Services.GetRequiredService<AuditTrail>();
            await trail.WriteAsync(SecurityEvent.Success("first"));
            trail.EndsWithin = TimeSpan.FromMilliseconds(300);
            await using var watch = new NpgsqlConnection(database);
            await watch.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await ExecuteAsync(connection, "SELECT 1 FROM \"AuditHeads\" FOR UPDATE");
            trail.Heard(SecurityEvent.Success("one"));
            trail.Heard(SecurityEvent.Success("two"));
            await Until.TrueAsync(async () => await ExecuteAsync(watch, Waiting) > 0, "it waits");
            var began = Environment.TickCount64;
            await trail.DisposeAsync();
            Assert.That(Environment.TickCount64 - began, Is.LessThan(2500), "less than a statement is waited for");
        }

        Assert.That(log.Lines, Has.Some.Contains("2 events could not be written to the audit before this server ended"));
    }

    private static async Task<long> ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
