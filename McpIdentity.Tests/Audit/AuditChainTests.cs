using System.Text.Json;
using McpIdentity.Tests.Support;

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
    }

    [Test]
    public async Task A_chain_that_was_broken_goes_on_and_says_so()
    {
        await using var server = await TestServer.StartAsync();
        await OAuthClient.RegisterPublicAsync(server);
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered", 2);

        await AuditRows.TamperAsync(server, "DELETE FROM \"AuditEntries\" WHERE \"Sequence\" = 2; DELETE FROM \"AuditHeads\"");
        await OAuthClient.RegisterPublicAsync(server);

        var row = (await AuditRows.WaitForAsync(server, "audit_chain_broken")).Single();
        Assert.That((row.Level, row.Sequence), Is.EqualTo(("error", 2L)));
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
