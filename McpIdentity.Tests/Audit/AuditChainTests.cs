using System.Globalization;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Audit;

/// <summary>What somebody does to the rows who can write to the database and has no key of ours, <c>audit verify</c> finds (docs/audit.md, "What a chain proves").</summary>
[Category("SEED-061")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditChainTests
{
    private const int Rows = 6;

    private static readonly (string Name, string Sql, string Finds)[] Tamperings =
    [
        ("a line is changed", "UPDATE \"AuditEntries\" SET \"Line\" = replace(\"Line\", 'success', 'failure') WHERE \"Sequence\" = 3", "changed: 3 "),
        ("a column is changed", "UPDATE \"AuditEntries\" SET \"Subject\" = 'somebody else' WHERE \"Sequence\" = 4", "the column Subject does not say"),
        ("the moment is changed", "UPDATE \"AuditEntries\" SET \"At\" = (SELECT \"SignedAt\" FROM \"AuditHeads\") WHERE \"Sequence\" = 2", "changed: 2 "),
        ("a row is deleted", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" = 3", "missing: 3"),
        ("the beginning is deleted", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" < 3", "missing: 1 to 2"),
        ("the end is deleted", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" > 4", "missing: 5 to 6, up to which the head goes"),
        ("all are deleted", "DELETE FROM \"AuditEntries\"", "missing: 1 to 6"),
        ("the end is deleted and the head mended", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" > 4; UPDATE \"AuditHeads\" SET \"Sequence\" = 4, \"Hash\" = (SELECT \"Hash\" FROM \"AuditEntries\" WHERE \"Sequence\" = 4)", "head replaced: its signature is wrong"),
        ("the end is deleted and the head removed", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" > 4; DELETE FROM \"AuditHeads\"", "head removed"),
        ("two rows change places", "UPDATE \"AuditEntries\" SET \"Sequence\" = 100 WHERE \"Sequence\" = 2; UPDATE \"AuditEntries\" SET \"Sequence\" = 2 WHERE \"Sequence\" = 3; UPDATE \"AuditEntries\" SET \"Sequence\" = 3 WHERE \"Sequence\" = 100", "changed: 2 "),
        ("a row is put behind the last", $"INSERT INTO \"AuditEntries\" ({Columns}) SELECT {Columns.Replace("\"Sequence\"", "7", StringComparison.Ordinal)} FROM \"AuditEntries\" WHERE \"Sequence\" = 6", "inserted: 7 is beyond the head"),
        ("a row is written over by another node's", $"UPDATE \"AuditEntries\" SET \"Line\" = (SELECT e.\"Line\" FROM \"AuditEntries\" e WHERE e.\"Sequence\" = 1), \"Hash\" = (SELECT e.\"Hash\" FROM \"AuditEntries\" e WHERE e.\"Sequence\" = 1) WHERE \"Sequence\" = 5", "changed: 5 "),
        ("the head says that more was pruned", "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" < 3; UPDATE \"AuditHeads\" SET \"PrunedSequence\" = 2", "changed: 3 "),
    ];

    private const string Columns = "\"Node\", \"Sequence\", \"At\", \"Event\", \"Level\", \"Result\", \"Actor\", \"ClientId\", \"Subject\", \"Line\", \"Hash\"";

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task What_was_tampered_with_is_found(string provider)
    {
        await using var server = await TestServer.StartAsync(await AuditRows.DatabaseAsync(provider));
        for (var row = 0; row < Rows; row++)
        {
            await OAuthClient.RegisterPublicAsync(server);
            server.Clock.Advance(TimeSpan.FromSeconds(1)); // each at a moment of its own
        }

        await AuditRows.WaitForAsync(server, "client_registered", Rows);
        await AuditRows.TamperAsync(server, "CREATE TABLE \"KeptEntries\" AS SELECT * FROM \"AuditEntries\"");
        await AuditRows.TamperAsync(server, "CREATE TABLE \"KeptHeads\" AS SELECT * FROM \"AuditHeads\"");
        Assert.That(await VerifyAsync(server), Is.Null, "before anything was done");

        foreach (var (name, sql, finds) in Tamperings)
        {
            await AuditRows.TamperAsync(server, sql);
            Assert.That(await VerifyAsync(server), Does.Contain(finds), name);
            await RestoreAsync(server);
            Assert.That(await VerifyAsync(server), Is.Null, "put back as it was");
        }
    }

    [Test]
    public async Task A_chain_that_was_cut_with_its_old_head_put_back_is_found_by_a_head_that_was_noted()
    {
        await using var server = await TestServer.StartAsync();
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered");
        await AuditRows.TamperAsync(server, "CREATE TABLE \"Old\" AS SELECT * FROM \"AuditHeads\"");
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered", 2);
        var noted = JsonDocument.Parse(await Verbs.DoAsync(server, "audit", "verify", "-o", "json")).RootElement[0].Text("head")!;
        await Verbs.DoAsync(server, "audit", "verify", "--expect", noted);

        await AuditRows.TamperAsync(server, "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" > 1; DELETE FROM \"AuditHeads\"; INSERT INTO \"AuditHeads\" SELECT * FROM \"Old\"");

        Assert.That(await VerifyAsync(server), Is.Null, "nothing in the database tells");
        var (exitCode, output) = await Verbs.RunAsync(server, "audit", "verify", "--expect", noted);
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("expected: 2 is beyond the end"));
        Assert.That((await Verbs.RunAsync(server, "audit", "verify", "--expect", noted, "--accept")).ExitCode, Is.EqualTo(2), "what was noted cannot be accepted away");
        Assert.That((await AuditRows.ReadAsync(server)).Select(row => row.Event), Has.None.EqualTo("audit_break_accepted"));
    }

    // Of the chain @c, whose last row is the number @n, and after which that with the number @m would come.
    private static readonly (string Name, string Sql)[] Unproven =
    [
        ("the end is cut, and the head mended without a key", "DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n; UPDATE \"AuditHeads\" SET \"Sequence\" = @n - 1, \"Hash\" = (SELECT \"Hash\" FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n - 1), \"Signature\" = zeroblob(32) WHERE \"Node\" = '@c'"),
        ("the head is signed under a key that nobody has", "UPDATE \"AuditHeads\" SET \"KeyId\" = 'x', \"Signature\" = zeroblob(32) WHERE \"Node\" = '@c'"),
        ("the head is signed by nobody", "UPDATE \"AuditHeads\" SET \"KeyId\" = 'none', \"Signature\" = zeroblob(32) WHERE \"Node\" = '@c'"),
        ("the beginning is cut, and the head says that it was pruned", "DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" < @n; UPDATE \"AuditHeads\" SET \"PrunedSequence\" = @n - 1, \"PrunedHash\" = zeroblob(32), \"Signature\" = zeroblob(32) WHERE \"Node\" = '@c'"),
        ("a row is put behind the last", $"INSERT INTO \"AuditEntries\" ({Columns}) SELECT {Columns.Replace("\"Sequence\"", "@n + 1", StringComparison.Ordinal)} FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n"),
        ("the end is cut and the head removed", "DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n; DELETE FROM \"AuditHeads\" WHERE \"Node\" = '@c'"),
        ("the chain is removed with its head", "DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c'; DELETE FROM \"AuditHeads\" WHERE \"Node\" = '@c'"),
        ("a name that looks like a later one is put there, and the chain removed", "INSERT INTO \"AuditHeads\" (\"Node\", \"Sequence\", \"Hash\", \"PrunedSequence\", \"SignedAt\", \"KeyId\", \"Signature\") VALUES ('one#000099', 0, zeroblob(1), 0, 0, 'x', zeroblob(1)), ('one#99x', 0, zeroblob(1), 0, 0, 'x', zeroblob(1)); DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c'; DELETE FROM \"AuditHeads\" WHERE \"Node\" = '@c'"),
        ("an earlier state is put back, rows and head", "DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n; DELETE FROM \"AuditHeads\" WHERE \"Node\" = '@c'; INSERT INTO \"AuditHeads\" SELECT * FROM \"OldHeads\" WHERE \"Node\" = '@c'"),
        ("the chain is removed, and a row put where the next one would begin", $"INSERT INTO \"AuditEntries\" ({Columns}) SELECT {Columns.Replace("\"Node\"", "'one#@m'", StringComparison.Ordinal).Replace("\"Sequence\"", "1", StringComparison.Ordinal)} FROM \"AuditEntries\" WHERE \"Node\" = '@c' AND \"Sequence\" = @n; DELETE FROM \"AuditEntries\" WHERE \"Node\" = '@c'; DELETE FROM \"AuditHeads\" WHERE \"Node\" = '@c'"),
    ];

    [Test]
    public async Task What_a_server_cannot_prove_it_does_not_write_on_and_verify_stays_red_until_an_operator_accepts_it()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), "Audit:Node=one");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        var chain = "one";
        foreach (var (name, sql) in Unproven)
        {
            await WriteAsync("before");
            await AuditRows.TamperAsync(server, "DROP TABLE IF EXISTS \"OldHeads\"");
            await AuditRows.TamperAsync(server, "CREATE TABLE \"OldHeads\" AS SELECT * FROM \"AuditHeads\"");
            await WriteAsync("before");
            var last = (await AuditRows.ReadAsync(server)).Where(row => row.Node == chain).Max(row => row.Sequence);
            Assert.That((await Verbs.RunAsync(server, "audit", "verify")).ExitCode, Is.Zero, $"before {name}");

            await AuditRows.TamperAsync(server, sql.Replace("@c", chain, StringComparison.Ordinal).Replace("@n", last.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal).Replace("@m", $"{Array.IndexOf(Unproven, (name, sql)) + 2}", StringComparison.Ordinal));
            await WriteAsync("after");

            chain = $"one#{Array.IndexOf(Unproven, (name, sql)) + (sql.Contains("@m", StringComparison.Ordinal) ? 3 : 2)}";
            Assert.That((await AuditRows.ReadAsync(server)).Where(row => row.Node == chain).Select(row => (row.Sequence, row.Event)), Is.EqualTo([(1L, "audit_chain_broken"), (2L, "after")]), name);
            await WriteAsync("more");
            var (exitCode, output) = await Verbs.RunAsync(server, "audit", "verify", "-o", "json");
            Assert.That((exitCode, output.Contains("alarm: 1 of", StringComparison.Ordinal)), Is.EqualTo((1, true)), $"{name}: {output}");

            var (acceptedCode, accepted) = await Verbs.RunAsync(server, "audit", "verify", "--accept");
            Assert.That(acceptedCode, Is.Zero, $"{name}: {accepted}");
            var rows = await AuditRows.ReadAsync(server);
            Assert.That(rows.Where(row => row.Event == "audit_break_accepted" && row.Node == chain).Select(row => row.Actor), Has.Some.Not.Null, name);
            Assert.That(rows.Count(row => row.Node == "earlier" && row.Event == "audit_chain_broken"), Is.EqualTo(Array.IndexOf(Unproven, (name, sql)) + 1), "it is kept, and nothing proves it");
        }

        Assert.That(log.Lines.Count(line => line.StartsWith("Critical", StringComparison.Ordinal)), Is.EqualTo(Unproven.Length));

        Task WriteAsync(string e) => trail.WriteAsync(SecurityEvent.Success(e) with { Time = server.Clock.GetUtcNow() });
    }

    [Test]
    public async Task A_break_in_the_middle_is_accepted_and_what_stands_behind_it_is_still_proven()
    {
        await using var server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");
        for (var row = 0; row < Rows; row++)
        {
            await OAuthClient.RegisterPublicAsync(server);
        }

        await AuditRows.WaitForAsync(server, "client_registered", Rows);
        await AuditRows.TamperAsync(server, "UPDATE \"AuditEntries\" SET \"Subject\" = 'somebody else' WHERE \"Sequence\" = 3");
        Assert.That(await VerifyAsync(server), Does.Contain("the column Subject"));

        await AuditRows.TamperAsync(server, "CREATE TRIGGER \"Refuse\" BEFORE INSERT ON \"AuditEntries\" WHEN NEW.\"Event\" = 'audit_break_accepted' BEGIN SELECT RAISE(ABORT, 'not this one'); END");
        Assert.That((await Verbs.RunAsync(server, "audit", "verify", "--accept")).ExitCode, Is.EqualTo(1));
        Assert.That((await AuditRows.ReadAsync(server)).Select(row => row.Node), Has.None.EqualTo("earlier"), "nothing is accepted that is not written down");
        await AuditRows.TamperAsync(server, "DROP TRIGGER \"Refuse\"");

        await Verbs.DoAsync(server, "audit", "verify", "--accept");
        Assert.That((await AuditRows.ReadAsync(server)).Count(row => row.Node == "earlier"), Is.EqualTo(3));
        await AuditRows.TamperAsync(server, "UPDATE \"AuditEntries\" SET \"Subject\" = 'somebody else' WHERE \"Sequence\" = 5");
        Assert.That((await Verbs.RunAsync(server, "audit", "verify", "-o", "json")).Output, Does.Contain("changed: 5 "));
    }

    [Test]
    public async Task Pruning_takes_away_and_signs_nothing_that_is_not_proven()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), "Audit:KeepFor=10.00:00:00", "Mcp:RateLimiting:Enabled=false");
        for (var row = 0; row < Rows; row++)
        {
            await OAuthClient.RegisterPublicAsync(server);
        }

        await AuditRows.WaitForAsync(server, "client_registered", Rows);
        await AuditRows.TamperAsync(server, "UPDATE \"AuditEntries\" SET \"At\" = 1 WHERE \"Sequence\" <= 2"); // to be rid of them
        await using (var scope = server.Services.CreateAsyncScope())
        {
            var pruning = scope.ServiceProvider.GetRequiredService<AuditPruning>();
            Assert.That(await pruning.CountAsync(CancellationToken.None), Is.Zero, "nor says that it would");
            await pruning.RunAsync(CancellationToken.None);
        }

        Assert.That((await AuditRows.ReadAsync(server)).Select(row => row.Sequence), Is.EqualTo([1L, 2, 3, 4, 5, 6]));
        Assert.That(log.Lines, Has.Some.Contains("are not removed, because they are not proven: changed: 1"));
        Assert.That(await VerifyAsync(server), Does.Contain("changed: 1 "));
    }

    [Test]
    public async Task Without_an_encryption_key_a_chain_is_called_unsigned_and_stands_beside_the_signed_one()
    {
        await using var server = await TestServer.StartAsync("Audit:Node=one");
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered");
        var database = server.Settings.Single(setting => setting.StartsWith("--Database:ConnectionString", StringComparison.Ordinal))[2..];
        await using var without = await TestServer.StartAsync("Audit:Node=one", database, "OAuth:Enabled=false", "Mcp:Auth:AuthType=jwt", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service");
        await without.Services.GetRequiredService<AuditTrail>().WriteAsync(SecurityEvent.Success("test"));
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered", 2);

        Assert.That((await AuditRows.ReadAsync(server)).Where(row => row.Event is "test" or "client_registered").Select(row => row.Node), Is.EqualTo(["one", "one#unsigned", "one"]));
        Assert.That(await Verbs.DoAsync(server, "audit", "verify"), Does.Contain("unsigned"));

        await AuditRows.TamperAsync(server, "DELETE FROM \"AuditEntries\" WHERE \"Node\" = 'one' AND \"Sequence\" = 1");
        Assert.That((await Verbs.RunAsync(without, "audit", "verify", "--accept")).ExitCode, Is.EqualTo(1), "who has no key signs nothing");
        Assert.That(await AuditRows.InDatabaseAsync(server, db => db.AuditHeads.Where(head => head.Node == "one").Select(head => head.KeyId).SingleAsync()), Is.Not.EqualTo("none"));
    }

    [Test]
    public async Task A_line_that_is_no_line_of_ours_ends_neither_proof_nor_export_nor_pruning()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), "Audit:KeepFor=10.00:00:00");
        var trail = server.Services.GetRequiredService<AuditTrail>();
        string[] lines = ["1", "{\"time\":1}", "{\"reason\":\"\\ud800\"}", "{\"\\ud800\":1}", "{\"count\":", "[]"];
        for (var row = 0; row <= lines.Length; row++)
        {
            await trail.WriteAsync(SecurityEvent.Failure("login_failure", "test") with { Time = server.Clock.GetUtcNow().AddDays(-11), Flow = "a-flow" });
        }

        await trail.WriteAsync(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow(), Flow = "a-flow" });
        await AuditRows.InDatabaseAsync(server, async db =>
        {
            var before = new byte[32];
            foreach (var row in await db.AuditEntries.OrderBy(row => row.Sequence).ToListAsync())
            {
                row.Line = row.Sequence <= lines.Length ? lines[row.Sequence - 1] : row.Line;
                row.Hash = before = AuditLine.HashOf(row, before); // for which nobody needs a key
            }

            return await db.SaveChangesAsync();
        });
        await AuditRows.TamperAsync(server, "UPDATE \"AuditEntries\" SET \"At\" = 9223372036854775807 WHERE \"Sequence\" = 7");

        Assert.That(await VerifyAsync(server), Does.StartWith("changed: 1 ").And.Contains("the column Line"));
        foreach (var format in (string[])["ndjson", "csv", "ocsf"])
        {
            await Verbs.DoAsync(server, "audit", "export", "--format", format);
        }

        await Verbs.DoAsync(server, "trace", "a-flow");
        Assert.That(await AuditRows.InDatabaseAsync(server, db => AuditHours.CountAsync(db, server.Clock.GetUtcNow().AddDays(-12), CancellationToken.None)), Is.Not.Empty);
        await using (var scope = server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<AuditPruning>().RunAsync(CancellationToken.None);
        }

        Assert.That(log.Lines, Has.Some.Contains("are not removed, because they are not proven: changed: 1"));
        await Verbs.DoAsync(server, "audit", "verify", "--accept");
    }

    [Test, Category("Postgres")]
    public async Task A_moment_that_only_PostgreSQL_has_is_found_and_hides_no_row()
    {
        await using var server = await TestServer.StartAsync([.. await AuditRows.DatabaseAsync("PostgreSQL"), "Audit:Node=one"]);
        var trail = server.Services.GetRequiredService<AuditTrail>();
        for (var row = 0; row < 3; row++)
        {
            await trail.WriteAsync(SecurityEvent.Failure("login_failure", "test") with { Time = server.Clock.GetUtcNow(), Flow = "a-flow" });
        }

        await AuditRows.TamperAsync(server, "CREATE TABLE \"KeptEntries\" AS SELECT * FROM \"AuditEntries\"");
        await AuditRows.TamperAsync(server, "CREATE TABLE \"KeptHeads\" AS SELECT * FROM \"AuditHeads\"");
        foreach (var moment in (string[])["infinity", "-infinity", "294276-12-31", "10000-01-01", "4713-01-01 BC"])
        {
            await AuditRows.TamperAsync(server, $"UPDATE \"AuditEntries\" SET \"At\" = '{moment}' WHERE \"Sequence\" = 2");
            Assert.That(await VerifyAsync(server), Does.StartWith("changed: 2 of"), moment);
            var (rows, hours, flows) = await AuditRows.InDatabaseAsync(server, async db => (
                await new AuditSearch(db).PageAsync(new AuditFilter(), 10, null, default), await AuditHours.CountAsync(db, server.Clock.GetUtcNow().AddDays(-1), default), await new FlowTrace(db).OfIdAsync("a-flow", default)));
            Assert.That((rows.Count, hours.Where(hour => hour.Hour == 24).Sum(hour => hour.Count), flows.Single().Steps.Count), Is.EqualTo((3, 2L, 3)), moment);
            await RestoreAsync(server);
        }

        await AuditRows.TamperAsync(server, "UPDATE \"AuditHeads\" SET \"SignedAt\" = '294276-12-31'");
        Assert.That(await VerifyAsync(server), Does.Contain("head replaced: its signature is wrong"));
        Assert.That((await server.Services.GetRequiredService<AuditChains>().FindAsync()).Broken, Does.StartWith("one: its head is not signed"), "nor does it end the writing");
    }

    [Test]
    [Category("SEED-033")]
    public async Task After_a_change_of_the_encryption_key_the_chain_goes_on_and_the_heads_of_nodes_that_are_gone_are_signed_anew()
    {
        const string Next = "another test key of more than thirty-two characters";
        using var folder = new TemporaryFolder();
        var database = $"Database:ConnectionString=Data Source={folder.File("test.db")}";
        await using (var before = await TestServer.StartAsync(database, "Audit:Node=gone"))
        {
            await before.Services.GetRequiredService<AuditTrail>().WriteAsync(SecurityEvent.Success("before"));
            Assert.That(await EntryPoint.Main(["servers", "add", "notes", "--url", "http://127.0.0.1:9/mcp", .. before.Settings, "--Audit:Node=one"]), Is.Zero);
        }

        await using var after = await TestServer.StartAsync(database, "Audit:Node=one", $"OAuth:EncryptionKey={Next}", "OAuth:PreviousEncryptionKeys:0=a test key of more than thirty-two characters");
        await after.Services.GetRequiredService<AuditTrail>().WriteAsync(SecurityEvent.Success("after"));
        await Until.TrueAsync(async () => (await AuditRows.InDatabaseAsync(after, db => db.AuditHeads.Select(head => head.KeyId).Distinct().ToListAsync())).Count == 1, "both heads are signed under the new key");

        Assert.That((await AuditRows.ReadAsync(after)).Select(row => row.Node).Distinct(), Is.EquivalentTo(["one", "gone"]), "no chain was begun");
        await Verbs.DoAsync(after, "audit", "verify");
    }

    [Test]
    public async Task A_row_of_the_future_holds_no_other_back_and_one_of_the_past_takes_none_along()
    {
        await using var server = await TestServer.StartAsync("Audit:KeepFor=10.00:00:00", "Mcp:RateLimiting:Enabled=false");
        var days = new[] { 0, 0, 300, 0, 0, 0, 0, 0, 11, 11, -300, -300, 11 }; // by the clock of the node
        var trail = server.Services.GetRequiredService<AuditTrail>();
        var now = server.Clock.GetUtcNow();
        foreach (var day in days)
        {
            await trail.WriteAsync(SecurityEvent.Success("test") with { Time = now.AddDays(day) });
        }

        server.Clock.Advance(TimeSpan.FromDays(12));
        await Until.TrueAsync(async () =>
        {
            await using var scope = server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<AuditPruning>().RunAsync(CancellationToken.None);
            return (await AuditRows.ReadAsync(server)).All(row => row.Sequence > 8);
        }, "the first eight are gone");

        Assert.That((await AuditRows.ReadAsync(server)).Where(row => row.Event == "test").Select(row => row.Sequence), Is.EqualTo([9L, 10, 11, 12, 13]));
        Assert.That((await Verbs.RunAsync(server, "audit", "verify")).ExitCode, Is.Zero);
    }

    private static async Task<string?> VerifyAsync(TestServer server)
    {
        var (exitCode, output) = await Verbs.RunAsync(server, "audit", "verify", "-o", "json");
        var problem = JsonDocument.Parse(output[..(output.LastIndexOf(']') + 1)]).RootElement[0].Text("problem");
        Assert.That(exitCode, Is.EqualTo(problem is null ? 0 : 1));
        return problem;
    }

    private static Task<int> RestoreAsync(TestServer server) => AuditRows.TamperAsync(server,
        "DELETE FROM \"AuditEntries\"; DELETE FROM \"AuditHeads\"; INSERT INTO \"AuditEntries\" SELECT * FROM \"KeptEntries\"; INSERT INTO \"AuditHeads\" SELECT * FROM \"KeptHeads\"");
}
