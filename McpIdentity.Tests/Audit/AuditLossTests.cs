using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Audit;

/// <summary>What may not be lost, and what is said of what is (docs/audit.md, "While the database does not take rows").</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditLossTests
{
    [Test]
    public async Task What_was_only_counted_is_written_at_the_end()
    {
        using var folder = new TemporaryFolder();
        var database = $"Data Source={folder.File("test.db")}";
        await using (var server = await TestServer.StartAsync($"Database:ConnectionString={database}", "Mcp:RateLimiting:Enabled=false"))
        {
            for (var request = 0; request < 30; request++)
            {
                await server.Http.CallToolAsync(null);
            }
        }

        await using var connection = new SqliteConnection(database);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """SELECT "Line" FROM "AuditEntries" WHERE "Event" = 'mcp_auth_failure' ORDER BY "Id" DESC LIMIT 1""";
        Assert.That(await command.ExecuteScalarAsync(), Does.Contain($"{30 - RepeatedEvents.InFull} more within"));
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task An_event_that_cannot_be_a_row_is_left_out_and_counted_and_no_other_is(string provider)
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), await AuditRows.DatabaseAsync(provider));
        await AuditRows.TamperAsync(server, provider == "SQLite"
            ? "CREATE TRIGGER \"Refuse\" BEFORE INSERT ON \"AuditEntries\" WHEN NEW.\"Subject\" = 'bad' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            : "ALTER TABLE \"AuditEntries\" ADD CONSTRAINT \"Refuse\" CHECK (\"Subject\" <> 'bad')");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        for (var e = 0; e < 10; e++)
        {
            trail.Heard(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow(), Subject = e == 7 ? "bad" : $"person-{e}" });
        }

        var rows = await AuditRows.WaitForAsync(server, "test", 9);
        Assert.That(rows.Select(row => row.Subject), Is.EqualTo(Enumerable.Range(0, 10).Where(e => e != 7).Select(e => $"person-{e}")), "in their order");
        trail.Heard(SecurityEvent.Success("more"));
        Assert.That((await AuditRows.WaitForAsync(server, "events_dropped")).Single().Line, Does.Contain("1 events were lost"));
        Assert.That(log.Lines, Has.Some.Contains("An event (test) cannot be a row of the audit"));
        Assert.That(trail.Problem, Is.Null);
        await Verbs.DoAsync(server, "audit", "verify");
    }

    [Test]
    public async Task Nothing_is_issued_whose_row_found_no_room()
    {
        await using var server = await TestServer.StartAsync("Audit:WhenUnavailable=StopIssuing");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        await trail.WriteAsync(SecurityEvent.Success("first"));
        await AuditRows.TamperAsync(server, "ALTER TABLE \"AuditEntries\" RENAME TO \"Away\"");
        var heard = 0;
        // What the writer has in hand leaves room in the queue: it must have taken some before the queue is full for good.
        await Until.TrueAsync(() => Hear() && trail.Problem is not null, "the writer has failed");
        while (Hear())
        {
        }

        Assert.That(trail.Require, Throws.TypeOf<StorageUnavailableException>());
        var refusal = await Assert.ThrowsAsync<StorageUnavailableException>(() => trail.HeardToKeepAsync(SecurityEvent.Success("kept")));
        Assert.That(refusal.Message, Does.Contain("the audit's queue is full"));
        await AuditRows.TamperAsync(server, "ALTER TABLE \"Away\" RENAME TO \"AuditEntries\"");
        await Until.TrueAsync(async () => await AuditRows.InDatabaseAsync(server, db => db.AuditEntries.CountAsync(row => row.Event == "flood")) == heard, "all that had room is written");
        Assert.That((await AuditRows.WaitForAsync(server, "events_dropped")).Single().Line, Does.Contain("2 events were lost"));

        await trail.HeardToKeepAsync(SecurityEvent.Success("kept"));
        Assert.That((await AuditRows.ReadAsync(server))[^1].Event, Is.EqualTo("kept"));

        // Among others, and as the last of many: who waits hears of its own row.
        await AuditRows.TamperAsync(server, "CREATE TRIGGER \"Refuse\" BEFORE INSERT ON \"AuditEntries\" WHEN NEW.\"Subject\" = 'bad' BEGIN SELECT RAISE(ABORT, 'not this one'); END");
        for (var e = 1; e < AuditStore.MaxRows; e++)
        {
            trail.Heard(SecurityEvent.Success("filler"));
        }

        var refused = trail.HeardToKeepAsync(SecurityEvent.Success("token_issued") with { Subject = "bad" });
        var taken = trail.HeardToKeepAsync(SecurityEvent.Success("token_issued") with { Subject = "good" });
        await Assert.ThrowsAsync<StorageUnavailableException>(() => refused);
        await taken;
        Assert.That((await AuditRows.ReadAsync(server)).Where(row => row.Event == "token_issued").Select(row => row.Subject), Is.EqualTo(["good"]));

        bool Hear()
        {
            var hasRoom = trail.Heard(SecurityEvent.Success("flood") with { Time = server.Clock.GetUtcNow() });
            heard += hasRoom ? 1 : 0;
            return hasRoom;
        }
    }

    [Test]
    public async Task A_database_that_takes_no_rows_for_long_leaves_one_try_and_a_new_chain_is_said_however_late_it_is_known()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), "Audit:Enabled=false", "Audit:Node=one");
        var store = server.Services.GetRequiredService<AuditStore>();
        await store.AppendAsync(new AuditBatch([SecurityEvent.Success("first")]));
        await AuditRows.TamperAsync(server, "UPDATE \"AuditHeads\" SET \"Signature\" = zeroblob(32)");
        await AuditRows.TamperAsync(server, "CREATE TRIGGER \"Away\" BEFORE INSERT ON \"AuditEntries\" BEGIN INSERT INTO \"nothing\" VALUES (1); END");
        var batch = new AuditBatch([SecurityEvent.Success("second")]);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Assert.ThrowsAsync<SqliteException>(() => store.AppendAsync(batch));
            server.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(batch.Tried, Has.Count.EqualTo(2), "one where the chain was, and one that begins another");
        await AuditRows.TamperAsync(server, "DROP TRIGGER \"Away\"");
        await store.AppendAsync(batch);
        Assert.That(Critical(), Is.EqualTo(1));
        await store.AppendAsync(batch); // as where the answer of the transaction was lost
        Assert.That(Critical(), Is.EqualTo(2));
        Assert.That((await AuditRows.ReadAsync(server)).Select(row => (row.Node, row.Event)), Is.EqualTo([("one", "first"), ("one#2", "audit_chain_broken"), ("one#2", "second")]));

        int Critical() => log.Lines.Count(line => line.StartsWith("Critical", StringComparison.Ordinal));
    }

    [Test]
    public async Task A_row_whose_place_is_taken_each_time_is_not_called_unwritable()
    {
        await using var server = await TestServer.StartAsync("Audit:Enabled=false");
        var store = server.Services.GetRequiredService<AuditStore>();
        await AuditRows.TamperAsync(server, "CREATE TABLE \"Taken\" (\"Id\" INTEGER PRIMARY KEY)");
        await AuditRows.TamperAsync(server, "CREATE TRIGGER \"Take\" BEFORE INSERT ON \"AuditEntries\" BEGIN INSERT INTO \"Taken\" VALUES (1); INSERT INTO \"Taken\" VALUES (1); END");

        await Assert.ThrowsAsync<SqliteException>(() => store.AppendAsync(new AuditBatch([SecurityEvent.Success("test")])));
    }
}
