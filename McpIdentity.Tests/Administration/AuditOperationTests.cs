using System.Net;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Operations;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Administration;

/// <summary>What the admin API tells of the audit, of ways that failed, and of the server itself: docs/administration.md.</summary>
[Category("Administration")]
[Parallelizable(ParallelScope.Self)]
internal sealed class AuditOperationTests
{
    private AdminScene _scene = null!;
    private AdminScript _owner = null!;
    private OAuthClient _app = null!;
    private string _emil = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync();
        _owner = new AdminScript(await _scene.ClientAsync(isFresh: false));
        _app = await OAuthClient.RegisterPublicAsync(_scene.Server);
        using var emil = _scene.Person("emil");
        var tokens = await _app.ConnectAsync(emil);
        _emil = new JsonWebToken(tokens.Text("access_token")).Subject;
        await _scene.Server.Http.CallToolAsync(tokens.Text("access_token"));
        using var made = await _owner.Client.PostAsync("/clients", new { kind = "service", client_id = "reports", name = "Berichte für alle" });
        using var disabled = await _owner.Client.PostAsync("/clients/reports/disable");
        Assert.That((made.StatusCode, disabled.StatusCode), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.OK)));
        await AuditRows.WaitForAsync(_scene.Server, "token_issued", condition: row => row.Subject == _emil);
        await AuditRows.WaitForAsync(_scene.Server, "mcp_auth_success", condition: row => row.Subject == _emil);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    private static IEnumerable<TestCaseData> Filters()
    {
        yield return new TestCaseData("user=emil@example.com&event=token_issued", (string[])["token_issued"]);
        yield return new TestCaseData("actor=olga@example.com&event=client_created,client_disabled", (string[])["client_disabled", "client_created"]);
        yield return new TestCaseData("only_acts=true&client_id=reports&event=client_created,client_disabled", (string[])["client_disabled", "client_created"]);
        yield return new TestCaseData("only_acts=true&event=token_issued,client_disabled", (string[])["client_disabled"]);
        yield return new TestCaseData("client_id=reports&result=failure", Array.Empty<string>());
        yield return new TestCaseData("text=by the admin API&event=client_created", (string[])["client_created"]);
        yield return new TestCaseData("actor=olga@example.com&until=2001-01-01", Array.Empty<string>());
        yield return new TestCaseData("actor=olga@example.com&since=2001-01-01T00:00:00Z&text=client_disabled", (string[])["client_disabled"]);
        yield return new TestCaseData("actor=olga@example.com&address=203.0.113.9", Array.Empty<string>());
        yield return new TestCaseData("event=client_created&tool=nothing", Array.Empty<string>());
        yield return new TestCaseData("event=client_created&resource=https://nothing.example/mcp", Array.Empty<string>());
    }

    [TestCaseSource(nameof(Filters))]
    public async Task Rows_are_found_by_what_is_known_of_them(string query, string[] events)
    {
        var found = await _owner.DoAsync("list_audit", "/audit?" + query.Replace(" ", "%20", StringComparison.Ordinal));

        Assert.That(found.GetProperty("items").EnumerateArray().Select(row => row.Text("event")), Is.EqualTo(events));
    }

    [Test]
    public async Task A_flow_is_found_by_its_identifier_and_all_of_it_page_by_page()
    {
        var flow = (await _owner.DoAsync("list_audit", "/audit?user=emil@example.com&event=token_issued")).GetProperty("items")[0].Text("flow")!;
        var all = (await _owner.DoAsync("list_audit", $"/audit?id={flow}")).GetProperty("items").EnumerateArray().Select(row => row.GetProperty("id").GetInt64()).ToList();
        var paged = new List<long>();
        for (var cursor = ""; cursor is not null;)
        {
            var page = await _owner.DoAsync("list_audit", $"/audit?id={flow}&limit=2&cursor={Uri.EscapeDataString(cursor)}");
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(row => row.GetProperty("id").GetInt64()));
            cursor = page.Text("next");
        }

        Assert.That(all, Has.Count.GreaterThan(4).And.Ordered.Descending);
        Assert.That(paged, Is.EqualTo(all));
    }

    [Test]
    public async Task What_is_looked_for_in_a_line_may_have_any_letters()
    {
        using var made = await _owner.Client.PostAsync("/initial-access-tokens", new { name = "Größe \"XL\"" });
        Assert.That(made.StatusCode, Is.EqualTo(HttpStatusCode.Created));

        var found = await _owner.DoAsync("list_audit", $"/audit?text={Uri.EscapeDataString("Größe \"XL\"")}");

        Assert.That(found.GetProperty("items").EnumerateArray().Select(row => row.Text("event")), Is.EqualTo((string[])["initial_access_token_created"]));
    }

    [TestCase("", "application/x-ndjson"), TestCase("format=ndjson&", "application/x-ndjson"), TestCase("format=csv&", "text/csv"), TestCase("format=ocsf&", "application/x-ndjson")]
    public async Task An_export_has_the_same_rows_the_oldest_first(string format, string type)
    {
        using var response = await _owner.Client.GetAsync($"/audit/export?{format}actor=olga@example.com&event=client_created,client_disabled");
        var text = await response.Content.ReadAsStringAsync();
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That((response.StatusCode, response.Content.Headers.ContentType!.MediaType, response.Headers.CacheControl!.NoStore), Is.EqualTo((HttpStatusCode.OK, type, true)));
        Assert.That(response.Content.Headers.ContentDisposition!.DispositionType, Is.EqualTo("attachment"));
        var rows = type == "text/csv" ? lines.Skip(1).ToArray() : lines;
        Assert.That(rows, Has.Length.EqualTo(2));
        Assert.That(rows[0], Does.Contain("client_created").And.Contain("reports"));
        Assert.That(rows[1], Does.Contain("client_disabled"));
        if (type != "text/csv")
        {
            Assert.That(rows.Select(row => JsonElement.Parse(row).TryGetProperty("class_uid", out _)), Is.All.EqualTo(format.Contains("ocsf", StringComparison.Ordinal)));
        }
    }

    // Who may read the audit needs nothing else, and who may read all else does not get it.
    [TestCase("anna", "audit:read", "/audit", 200), TestCase("anna", "audit:read", "/audit/export", 200), TestCase("anna", "audit:read", "/audit/verify", 200), TestCase("anna", "audit:read", "/trace?of=x", 403)]
    [TestCase("anna", "admin:read", "/audit", 403), TestCase("anna", "admin:read", "/audit/export", 403), TestCase("anna", "admin:read", "/doctor?check=database", 200), TestCase("hugo", "admin:read", "/doctor", 403), TestCase("hugo", "admin:read", "/trace?of=emil@example.com", 200)]
    public async Task The_scope_opens_the_audit_and_nothing_else(string name, string scope, string path, int status)
    {
        using var response = await (await _scene.ClientAsync(name, scope, isFresh: false)).GetAsync(path);

        Assert.That((int)response.StatusCode, Is.EqualTo(status), await response.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_proof_says_how_much_was_read_and_finds_what_was_cut_off()
    {
        var proof = await _owner.DoAsync("verify_audit", "/audit/verify");
        var chain = proof.GetProperty("chains").EnumerateArray().Single(one => one.GetProperty("entries").GetInt64() > 0);
        var head = chain.Text("head")!;
        Assert.That((proof.GetProperty("is_whole").GetBoolean(), proof.GetProperty("rows").GetInt64() > 5, chain.Text("problem")), Is.EqualTo((true, true, (string?)null)));

        Assert.That((await _owner.DoAsync("verify_audit", $"/audit/verify?expect={head}")).GetProperty("is_whole").GetBoolean(), Is.True);
        var parts = head.Split(':');
        var cut = await _owner.DoAsync("verify_audit", $"/audit/verify?expect={parts[0]}:999999:{parts[2]}");
        Assert.That((cut.GetProperty("is_whole").GetBoolean(), cut.GetProperty("chains").EnumerateArray().Single(one => one.Text("node") == parts[0]).Text("problem")), Is.EqualTo((false, "expected: 999999 is beyond the end of the chain, which was cut")));
        await _owner.RefusedAsync("verify_audit", "/audit/verify?expect=nothing", 400, "invalid_parameter");
    }

    [Test]
    public async Task A_way_is_told_with_what_is_wrong_and_what_to_do()
    {
        var works = await _owner.DoAsync("trace", "/trace?of=emil@example.com");
        Assert.That((works.GetProperty("known").GetInt32(), works.GetProperty("faulty").GetInt32(), works.GetProperty("flows")[0].Text("diagnosis")), Is.EqualTo((1, 0, "works")));
        Assert.That(works.GetProperty("flows")[0].GetProperty("steps").EnumerateArray().Select(step => step.Text("event")), Is.SupersetOf((string[])["authorize_started", "code_issued", "token_issued", "mcp_auth_success"]));
        Assert.That((await _owner.DoAsync("trace", $"/trace?of={_app.ClientId}&all=true")).GetProperty("flows").GetArrayLength(), Is.EqualTo(1));

        var never = await OAuthClient.RegisterPublicAsync(_scene.Server);
        var alone = (await _owner.DoAsync("trace", $"/trace?of={never.ClientId}")).GetProperty("flows")[0];
        Assert.That((alone.Text("diagnosis"), alone.Text("cure")?.Length > 0), Is.EqualTo(("never_authorized", true)).Or.EqualTo(("never_came", true)));
        var twice = await OAuthClient.RegisterPublicAsync(_scene.Server);
        using var hugo = _scene.Person("hugo");
        await twice.ConnectAsync(hugo);
        await twice.ConnectAsync(hugo);
        await Until.TrueAsync(async () => (await _owner.DoAsync("trace", $"/trace?of={twice.ClientId}")).GetProperty("known").GetInt32() == 2, "both ways are known");
        Assert.That((await _owner.DoAsync("trace", $"/trace?of={twice.ClientId}")).GetProperty("flows").GetArrayLength(), Is.EqualTo(1), "one that tells");
        Assert.That((await _owner.DoAsync("trace", $"/trace?of={twice.ClientId}&all=true")).GetProperty("flows").GetArrayLength(), Is.EqualTo(2));
        await _owner.RefusedAsync("trace", "/trace?of=nobody@example.com", 404, "trace_not_found");
        await _owner.RefusedAsync("trace", "/trace", 400, "invalid_parameter");
    }

    [Test]
    public async Task The_doctor_says_of_each_check_how_it_is()
    {
        var database = (await _owner.DoAsync("get_doctor", "/doctor?check=database")).GetProperty("answers").EnumerateArray().ToList();

        Assert.That(database.Select(answer => answer.Text("id")), Has.Member("database.migrations").And.All.StartsWith("database."));
        Assert.That(database.Single(answer => answer.Text("id") == "database.write").Text("verdict"), Is.EqualTo("PASS"));
        await _owner.RefusedAsync("get_doctor", "/doctor?check=weather", 404, "check_not_found");
        await _owner.RefusedAsync("get_doctor", "/doctor?check=registration.dry-run", 404, "check_not_found"); // of the verb alone
        // It asks servers of others: whoever calls often hears the same for a while.
        var kept = _scene.Server.Services.GetRequiredService<Kept<IReadOnlyList<CheckResult>>>();
        var found = kept.Last;
        await _owner.DoAsync("get_doctor", "/doctor");
        Assert.That(kept.Last, Is.SameAs(found).And.Not.Null);
    }
}
