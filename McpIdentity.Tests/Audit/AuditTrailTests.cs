using System.Net;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Audit;

/// <summary>The audit in the database: what is written, what is summed, and how it is read (docs/audit.md).</summary>
[Category("SEED-061")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditTrailTests
{
    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task A_connection_is_written_down_though_no_log_is_and_verifies(string provider)
    {
        await using var server = await TestServer.StartAsync([.. await AuditRows.DatabaseAsync(provider), "Mcp:SecurityLogging:Enabled=false"]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        await server.Http.CallToolAsync(tokens.Text("access_token"));
        await server.Http.CallToolAsync(null);
        var call = (await AuditRows.WaitForAsync(server, "mcp_auth_success")).Single();
        await AuditRows.WaitForAsync(server, "mcp_auth_failure");

        var rows = await AuditRows.ReadAsync(server);
        Assert.That(rows.Select(row => row.Event), Is.SupersetOf(["client_registered", "login_success", "consent_granted", "code_issued", "token_issued"]));
        Assert.That(rows.Select(row => row.Sequence), Is.EqualTo(Enumerable.Range(1, rows.Count)), "the order of the rows is that of the chain");
        Assert.That((call.ClientId, call.Resource, call.GrantId is not null), Is.EqualTo((client.ClientId, server.McpUrl, true)));
        var text = string.Concat(rows.Select(row => row.Line));
        Assert.That(text, Does.Not.Contain(tokens.Text("access_token")).And.Not.Contain(tokens.Text("refresh_token")).And.Not.Contain(client.Verifier));

        var report = JsonDocument.Parse(await Verbs.DoAsync(server, "audit", "verify", "-o", "json")).RootElement[0];
        Assert.That((report.GetProperty("entries").GetInt64(), report.Text("signature"), report.Text("problem")), Is.EqualTo(((long)rows.Count, "signature right", (string?)null)));
        var subject = rows.First(row => row.Event == "token_issued").Subject!;
        var found = JsonDocument.Parse(await Verbs.DoAsync(server, "audit", "search", "--user", subject, "--event", "token_issued", "--client", "Test client", "-o", "json")).RootElement;
        Assert.That(found.EnumerateArray().Select(row => row.Text("client_id")), Is.EqualTo([client.ClientId]));
        Assert.That((await Verbs.DoAsync(server, "audit", "search", "--result", "failure", "--since", "2020-01-01", "--until", "2020-01-02", "-o", "json")).Trim(), Is.EqualTo("[]"));

        // By the hour, for charts: a row that stands for several counts as what it stands for.
        await server.Services.GetRequiredService<AuditTrail>().WriteAsync(SecurityEvent.Success("gateway_call") with { Count = 41, Reason = "40 more", Tool = "x\0y\"count\":7,", Time = call.At.AddHours(3).AddMinutes(59) });
        var hours = await AuditRows.InDatabaseAsync(server, db => AuditHours.CountAsync(db, call.At, CancellationToken.None));
        Assert.That(hours, Does.Contain(new AuditHour(0, "mcp_auth_success", "success", 1)).And.Contain(new AuditHour(3, "gateway_call", "success", 41)));
    }

    [Test]
    public async Task Calls_of_one_kind_are_one_row_and_their_number()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("access_token");
        for (var call = 0; call < 7; call++)
        {
            Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
        }

        await AuditRows.WaitForAsync(server, "mcp_auth_success");
        server.Clock.Advance(TimeSpan.FromSeconds(70));

        var rows = await AuditRows.WaitForAsync(server, "mcp_auth_success", 2);
        Assert.That(rows, Has.Count.EqualTo(2));
        Assert.That(JsonDocument.Parse(rows[1].Line).RootElement.GetProperty("count").GetInt64(), Is.EqualTo(6));
        Assert.That((rows[1].ClientId, rows[1].Subject, rows[1].GrantId, rows[1].Tool), Is.EqualTo((rows[0].ClientId, rows[0].Subject, rows[0].GrantId, rows[0].Tool)));
    }

    [Test]
    public async Task Each_call_is_a_row_where_the_operator_wants_it_so_and_none_where_not()
    {
        await using var each = await TestServer.StartAsync("Audit:Calls=Each", "Audit:Node=a-name");
        await using var off = await TestServer.StartAsync("Audit:Calls=Off");
        foreach (var server in (TestServer[])[each, off])
        {
            var client = await OAuthClient.RegisterPublicAsync(server);
            using var alice = new Person(server);
            var token = (await client.ConnectAsync(alice)).Text("access_token");
            await server.Http.CallToolAsync(token);
            await server.Http.CallToolAsync(token);
            await server.Http.CallToolAsync("no token");
            await AuditRows.WaitForAsync(server, "mcp_auth_failure");
        }

        Assert.That((await AuditRows.WaitForAsync(each, "mcp_auth_success", 2)).Select(row => row.Node), Is.EqualTo(["a-name", "a-name"]));
        Assert.That((await AuditRows.ReadAsync(off)).Select(row => row.Event), Has.None.EqualTo("mcp_auth_success"));
    }

    [Test]
    public async Task Switched_off_it_has_what_operators_do_and_nothing_else()
    {
        await using var server = await TestServer.StartAsync("Audit:Enabled=false");
        var client = await OAuthClient.RegisterPublicAsync(server);
        await Verbs.DoAsync(server, "clients", "disable", client.ClientId);

        var row = (await AuditRows.ReadAsync(server)).Single();
        Assert.That((row.Event, row.ClientId, row.Actor is not null), Is.EqualTo(("client_disabled", client.ClientId, true)));
    }

    [Test]
    public async Task A_verb_beside_its_server_goes_on_with_the_same_chain()
    {
        await using var server = await TestServer.StartAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            var client = await OAuthClient.RegisterPublicAsync(server);
            await AuditRows.WaitForAsync(server, "client_registered", turn + 1);
            await Verbs.DoAsync(server, "clients", "disable", client.ClientId);
        }

        var rows = await AuditRows.ReadAsync(server);
        Assert.That(rows.Select(row => row.Event), Is.EqualTo((string[])["client_registered", "client_disabled", "client_registered", "client_disabled", "client_registered", "client_disabled"]));
        await Verbs.DoAsync(server, "audit", "verify");
    }

    [Test]
    public async Task An_export_is_lines_a_table_that_runs_no_formula_or_events_of_ocsf()
    {
        await using var server = await TestServer.StartAsync();
        await OAuthClient.RegisterAsync(server, new { client_name = "=HYPERLINK(1), \"two\"", redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" });
        using var alice = new Person(server);
        await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice);
        await AuditRows.WaitForAsync(server, "token_issued");
        var folder = Directory.CreateTempSubdirectory("mcpidentity-export-");
        try
        {
            var count = (await AuditRows.ReadAsync(server)).Count;
            Assert.That(LogLines.Parse(await ExportAsync("ndjson")), Has.Count.EqualTo(count));
            Assert.That((await Verbs.RunAsync(server, "audit", "export", "--to", Path.Combine(folder.FullName, "ndjson"))).ExitCode, Is.EqualTo(ExitCode.Conflict), "what is there stays");
            Assert.That(folder.GetFiles().Select(file => file.Name), Is.EqualTo(["ndjson"]));

            var csv = await ExportAsync("csv");
            Assert.That(csv.Split("\r\n"), Has.Length.EqualTo(count + 2));
            Assert.That(csv, Does.Contain("\"'=HYPERLINK(1), \"\"two\"\"\""));

            foreach (var e in LogLines.Parse(await ExportAsync("ocsf")))
            {
                Assert.That(e.GetProperty("type_uid").GetInt32(), Is.EqualTo((e.GetProperty("class_uid").GetInt32() * 100) + e.GetProperty("activity_id").GetInt32()));
                Assert.That(e.GetProperty("class_uid").GetInt32() / 1000, Is.EqualTo(e.GetProperty("category_uid").GetInt32()));
                string[] mandatory = e.GetProperty("class_uid").GetInt32() switch { 3002 => ["user", "service"], 3003 => ["user", "privileges"], 3001 => ["user"], _ => ["api", "src_endpoint", "actor"] };
                Assert.That(e.EnumerateObject().Select(member => member.Name), Is.SupersetOf([.. mandatory, "time", "severity_id", "metadata"]), e.GetRawText());
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        async Task<string> ExportAsync(string format)
        {
            var path = Path.Combine(folder.FullName, format);
            await Verbs.DoAsync(server, "audit", "export", "--format", format, "--to", path);
            return await File.ReadAllTextAsync(path);
        }
    }

    [Test]
    public async Task An_export_is_whole_where_a_row_was_made_no_json_and_calls_no_network_an_address()
    {
        await using var server = await TestServer.StartAsync();
        var trail = server.Services.GetRequiredService<AuditTrail>();
        foreach (var address in (string[])["198.51.100.7", "2001:db8::/64", "others"])
        {
            await trail.WriteAsync(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow(), Address = address });
        }

        await AuditRows.TamperAsync(server, "UPDATE \"AuditEntries\" SET \"Line\" = 'no json' WHERE \"Sequence\" = 2");
        using var folder = new TemporaryFolder();
        await Verbs.DoAsync(server, "audit", "export", "--format", "csv", "--to", folder.File("csv"));
        await Verbs.DoAsync(server, "audit", "export", "--format", "ocsf", "--to", folder.File("ocsf"));

        Assert.That(File.ReadLines(folder.File("csv")).Count(), Is.EqualTo(4));
        var events = LogLines.Parse(await File.ReadAllTextAsync(folder.File("ocsf"))).ToList();
        Assert.That(events.Select(e => e.GetProperty("src_endpoint").EnumerateObject().Single().Name), Is.EqualTo(["ip", "name", "name"]));
        Assert.That(events[1].GetProperty("unmapped").Text("not_json"), Is.EqualTo("no json"));
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task A_client_that_is_a_long_address_is_found_by_it_and_what_is_no_address_is_cut(string provider)
    {
        await using var server = await TestServer.StartAsync(await AuditRows.DatabaseAsync(provider));
        var random = new Random(7);
        var address = "https://client.example/" + new string([.. Enumerable.Range(0, 2000).Select(_ => (char)random.Next('!', '~'))]);
        var text = new string([.. Enumerable.Range(0, 2000).Select(_ => (char)random.Next(0x4E00, 0x9FFF))]);
        var trail = server.Services.GetRequiredService<AuditTrail>();
        await trail.WriteAsync(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow(), ClientId = address, Resource = address });
        await trail.WriteAsync(SecurityEvent.Success("test") with { Time = server.Clock.GetUtcNow(), ClientId = text });

        var rows = await AuditRows.InDatabaseAsync(server, db => new AuditSearch(db).PageAsync(new AuditFilter { Clients = [address] }, 10, null, default));
        Assert.That((rows.Single().ClientId, rows[0].Resource), Is.EqualTo((address, address)));
        Assert.That((await AuditRows.ReadAsync(server))[1].ClientId, Is.EqualTo(text[..256]));
        await Verbs.DoAsync(server, "audit", "verify");
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task Rows_whose_time_is_over_go_from_the_beginning_and_what_is_left_verifies(string provider)
    {
        await using var server = await TestServer.StartAsync([.. await AuditRows.DatabaseAsync(provider), "Audit:KeepFor=10.00:00:00"]);
        for (var old = 1; old <= 3; old++)
        {
            await OAuthClient.RegisterPublicAsync(server);
        }

        await AuditRows.WaitForAsync(server, "client_registered", 3);
        server.Clock.Advance(TimeSpan.FromDays(11));
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered", 1, row => row.Sequence == 4);
        // The clock has moved, so that the server prunes by itself too.
        await Until.TrueAsync(async () =>
        {
            await using var scope = server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<AuditPruning>().RunAsync(CancellationToken.None);
            return (await AuditRows.ReadAsync(server))[0].Sequence == 4;
        }, "the first three are gone");

        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered", 2);
        var report = JsonDocument.Parse(await Verbs.DoAsync(server, "audit", "verify", "-o", "json")).RootElement[0];
        Assert.That((report.GetProperty("pruned_up_to").GetInt64(), report.GetProperty("entries").GetInt64() >= 2), Is.EqualTo((3L, true)));
    }
}
