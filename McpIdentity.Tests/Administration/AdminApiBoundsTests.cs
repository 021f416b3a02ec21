using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Policy;
using McpIdentity.Tests.AdminPages;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Policy;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Administration;

/// <summary>What one request may cost at most, what two at once do, and what is known after an error.</summary>
[Category("Administration")]
[Parallelizable(ParallelScope.Self)]
internal sealed class AdminApiBoundsTests
{
    private AdminScene _scene = null!;
    private AdminClient _owner = null!;
    private Person? _olga;

    [OneTimeSetUp]
    public async Task StartAsync() => _scene = await AdminScene.StartAsync("Audit:WhenUnavailable=StopIssuing");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _olga?.Dispose();
        await _scene.DisposeAsync();
    }

    [SetUp]
    public async Task SignInAsync() => _owner = await _scene.ClientAsync();

    // The client is there, and the record of it was not taken: whoever sends the same again must not make a second.
    [Test]
    public async Task After_an_error_nothing_is_done_again_under_the_same_key()
    {
        await AuditRows.TamperAsync(_scene.Server, """CREATE TRIGGER no_audit BEFORE INSERT ON "AuditEntries" BEGIN SELECT RAISE(ABORT, 'full'); END""");
        using var failed = await _owner.PostAsync("/clients", new { kind = "service", name = "made once" }, ("Idempotency-Key", "an error"));
        await AuditRows.TamperAsync(_scene.Server, "DROP TRIGGER no_audit");
        HttpResponseMessage again = null!;
        await Until.TrueAsync(async () => (again = await _owner.PostAsync("/clients", new { kind = "service", name = "made once" }, ("Idempotency-Key", "an error"))).StatusCode != HttpStatusCode.ServiceUnavailable, "the audit is written again");

        Assert.That(((int)failed.StatusCode, await again.ProblemAsync()), Is.EqualTo((503, "request_in_progress")));
        using var list = await _owner.GetAsync("/clients?q=made%20once");
        Assert.That((await list.JsonAsync()).GetProperty("items").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public async Task Of_eight_who_make_one_client_at_once_one_does()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _owner.PostAsync("/clients", new { kind = "service", client_id = "the-only-one" })));

        Assert.That(answers.Select(answer => (int)answer.StatusCode).Order(), Is.EqualTo(new[] { 201, 409, 409, 409, 409, 409, 409, 409 }));
        Assert.That(await answers.First(answer => (int)answer.StatusCode == 409).ProblemAsync(), Is.EqualTo("client_exists"));
    }

    // RFC 9110 §8.8.3, §13.1.1.
    [Test]
    public async Task A_client_that_is_used_meanwhile_is_still_as_it_was_seen()
    {
        using var made = await _owner.PostAsync("/clients", new { kind = "service", client_id = "busy" });
        using var seen = await _owner.GetAsync("/clients/busy");
        var tag = seen.Headers.ETag!.ToString();
        await AuditRows.InDatabaseAsync(_scene.Server, db => db.Clients.Where(client => client.ClientId == "busy")
            .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt), _scene.Server.Clock.GetUtcNow())));

        using var read = await _owner.GetAsync("/clients/busy", ("If-None-Match", tag));
        using var changed = await _owner.PatchAsync("/clients/busy", new { name = "Busy" }, ("If-Match", tag));
        using var again = await _owner.PatchAsync("/clients/busy", new { name = "Busier" }, ("If-Match", tag));

        Assert.That(read.StatusCode, Is.EqualTo(HttpStatusCode.OK), "what is said of it is not the same");
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        Assert.That(await again.ProblemAsync(), Is.EqualTo("changed_meanwhile"));
    }

    [Test]
    public async Task What_a_policy_would_change_is_told_up_to_a_bound()
    {
        for (var i = 0; i < 60; i++)
        {
            await AdminSeeds.UserAsync(_scene);
        }

        var tools = Enumerable.Range(0, 100).Select(i => $"tool-{i}");
        using var response = await _owner.PostAsync("/policy/diff", new { document = new { Rules = new[] { new { Servers = "notes", Effect = "allow" } } }, servers = new[] { "notes" }, tools });
        var told = await response.JsonAsync();

        Assert.That((told.GetProperty("changes").GetArrayLength(), told.GetProperty("has_more").GetBoolean()), Is.EqualTo((5000, true)));
        using var few = await _owner.PostAsync("/policy/diff", new { document = new { Rules = new[] { new { Servers = "notes", Effect = "allow" } } }, users = new[] { "olga@example.com" }, tools });
        Assert.That((await few.JsonAsync()).GetProperty("has_more").GetBoolean(), Is.False);
    }

    // The work is a product: of what is proposed, and of the people, clients and servers that there are.
    [Test]
    public async Task A_comparison_that_would_take_too_long_says_of_how_many_it_was_made()
    {
        var now = _scene.Server.Clock.GetUtcNow();
        await StoreAsync(Enumerable.Range(0, 1001).Select(i => new User { Id = $"many-{i}", Provider = "google", ProviderSubject = $"many-{i}", Email = $"many-{i}@example.com", Name = "many", CreatedAt = now, LastSignInAt = now }));
        var users = Enumerable.Range(0, 9900).Select(i => $"u{i}@x.example");
        var document = new { Rules = new[] { new { Servers = "nowhere", Users = users, Clients = Enumerable.Range(0, 40).Select(i => $"client-{i}"), Effect = "allow" } } };
        using var all = await _owner.PostAsync("/policy/diff", new { document, servers = Enumerable.Range(0, 100).Select(i => $"server-{i}") });
        using var one = await _owner.PostAsync("/policy/diff", new { document, users = new[] { "olga@example.com" } });
        using var nothing = await CompareAsync(CancellationToken.None);

        var (partial, whole, everybody) = (await all.JsonAsync(), await one.JsonAsync(), await nothing.JsonAsync());
        Assert.That(partial.GetProperty("has_more").GetBoolean(), Is.True, "nobody knows what was not compared");
        Assert.That(partial.GetProperty("compared").GetInt32(), Is.GreaterThan(0).And.LessThan(partial.GetProperty("callers").GetInt32()));
        Assert.That((whole.GetProperty("has_more").GetBoolean(), whole.GetProperty("compared").GetInt32()), Is.EqualTo((false, whole.GetProperty("callers").GetInt32())));
        Assert.That(everybody.GetProperty("compared").GetInt32(), Is.GreaterThan(1001).And.EqualTo(everybody.GetProperty("callers").GetInt32()));
        var console = await ConsoleAsync();
        await console.OpenAsync("/admin/policy");
        await console.SendAsync("diff", ("document", """{ "Rules": [ { "Servers": "notes", "Effect": "allow" } ] }"""));
        Assert.That(await console.TextAsync(), Does.Match(@"These are the first 500 changes\. \d+ of \d+ people and services were compared to the end: there may be more\."));
    }

    [TestCase("policy"), TestCase("audit")]
    public async Task What_takes_long_is_done_for_one_after_the_other_and_who_has_gone_waits_no_more(string what)
    {
        var work = _scene.Server.Services.GetRequiredService<LongWork>();
        var turn = what == "policy" ? work.PolicyDiff : work.AuditProof;
        Task<HttpResponseMessage> AskAsync(CancellationToken cancellationToken) => what == "policy" ? CompareAsync(cancellationToken) : SendAsync(new HttpRequestMessage(HttpMethod.Get, AdminClient.Prefix + "/audit/verify"), cancellationToken);
        using var gone = new CancellationTokenSource();
        List<Task<HttpResponseMessage>> waiting;
        using (await turn.TakeAsync(CancellationToken.None))
        {
            waiting = [.. Enumerable.Range(0, 3).Select(_ => AskAsync(gone.Token))];
            await Until.TrueAsync(() => turn.Waiting == 3, "three wait");

            using var fourth = await AskAsync(CancellationToken.None);
            Assert.That((await fourth.ProblemAsync(), fourth.Headers.RetryAfter?.ToString()), Is.EqualTo(("too_many_requests", "10")));

            await gone.CancelAsync();
            await Until.TrueAsync(() => turn.Waiting == 0, "who has gone waits no more");
        }

        foreach (var ended in waiting)
        {
            await Assert.ThrowsAsync<TaskCanceledException>(() => ended);
        }

        using var next = await AskAsync(CancellationToken.None);
        Assert.That(next.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_console_says_so_when_too_many_wait_for_a_proof_of_the_audit()
    {
        var turn = _scene.Server.Services.GetRequiredService<LongWork>().AuditProof;
        var console = await ConsoleAsync();
        await console.OpenAsync("/admin/audit");
        using var end = new CancellationTokenSource();
        using (await turn.TakeAsync(CancellationToken.None))
        {
            _ = Enumerable.Range(0, 3).Select(_ => turn.TakeAsync(end.Token)).ToList();

            await console.SendAsync("Prove it");
            await end.CancelAsync();

            await Until.TrueAsync(() => turn.Waiting == 0, "they wait no more");
            Assert.That(await console.TextAsync(), Does.Contain("The last time it could not be proven. The log says why (event 1911)."));
        }

        // Whole or not: another test of this server forges rows.
        await console.SendAsync("Prove it");
        await Until.TrueAsync(
            async () =>
            {
                await console.OpenAsync("/admin/audit");
                return Regex.IsMatch(await console.TextAsync(), "Nothing was changed, taken out or put in|The audit is not as it was written");
            },
            "the next one is done");
    }

    [Test]
    public async Task A_comparison_ends_in_the_middle_when_nobody_waits_for_it()
    {
        var comparison = new PolicyComparison(
            _scene.Server.Services.GetRequiredService<PolicyDecisions>(), PolicyWorld.Of("{}"), PolicyWorld.Of("""{ "Rules": [ { "Effect": "allow" } ] }"""), Enumerable.Range(0, 100).Select(i => $"server-{i}"), Array.Empty<PolicyTarget>().ToLookup(_ => ""), []);
        using var gone = new CancellationTokenSource();
        var told = 0;

        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            foreach (var _ in comparison.Of(new PolicySample("service x", null, "x"), gone.Token))
            {
                told++;
                await gone.CancelAsync();
            }
        });

        Assert.That(told, Is.EqualTo(3), "a tool, a resource and a prompt of the first server");
    }

    // What a grant is for is encrypted in its row.
    [Test]
    public async Task A_page_looks_at_so_many_grants_and_says_where_it_goes_on()
    {
        await StoreAsync(Enumerable.Range(0, 2500).Select(i => new Grant
        {
            Id = RandomNumberGenerator.GetBytes(Grant.IdSize),
            UserId = "bulk",
            ClientId = "bulk",
            SessionId = "bulk",
            ProtectedClaims = "nothing that could be read",
            CreatedAt = _scene.Server.Clock.GetUtcNow().AddSeconds(-i),
            RotatedAt = _scene.Server.Clock.GetUtcNow(),
            ExpiresAt = _scene.Server.Clock.GetUtcNow().AddDays(1),
        }));

        var first = await (await _owner.GetAsync("/grants?resource=https://nothing.example/mcp")).JsonAsync();
        Assert.That((first.GetProperty("items").GetArrayLength(), first.Text("next") is not null), Is.EqualTo((0, true)));
        var last = await (await _owner.GetAsync($"/grants?resource=https://nothing.example/mcp&cursor={first.Text("next")}")).JsonAsync();
        Assert.That((last.GetProperty("items").GetArrayLength(), last.Text("next")), Is.EqualTo((0, (string?)null)));
        var console = await ConsoleAsync();
        await console.OpenAsync("/admin/grants?resource=https://nothing.example/mcp");
        Assert.That(await console.TextAsync(), Does.Contain("among those that were looked at so far").And.Contain("Next page").And.Contain("End all that are found").And.Not.Contain("There is none."));
    }

    // docs/audit.md: "What a chain proves".
    [TestCase("x\"count\":x"), TestCase("[]"), TestCase("{\"count\":\"many\"}"), TestCase("{\"count\":99999999999999999999}")]
    public async Task A_row_that_somebody_forged_can_be_looked_at_and_the_others_are_counted(string line)
    {
        var forged = new AuditEntry { Node = $"forged {line.Length}", At = _scene.Server.Clock.GetUtcNow(), Event = "token_issued", Level = "info", Result = "success", Line = line, Hash = [], ClientId = "forged", Flow = "forged" };
        await StoreAsync([forged]);
        var console = await ConsoleAsync();

        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var day = await LastDay.ReadAsync(scope.ServiceProvider, CancellationToken.None);
        await console.OpenAsync(EventModel.AddressOf(forged.Id));

        Assert.That(day.Charts[0].Series[0].Values[^1], Is.GreaterThan(0).And.LessThan(10_000_000_000));
        Assert.That(console.Page.Status, Is.EqualTo(HttpStatusCode.OK), await console.TextAsync());
        await console.OpenAsync("/admin/trace?of=forged");
        Assert.That((int)console.Page.Status, Is.LessThan(500));
    }

    // RFC 9110 §13.1.1: this server asks those behind it by itself, and nobody has changed anything.
    [Test]
    public async Task A_server_that_was_asked_meanwhile_is_still_as_it_was_seen()
    {
        using var added = await _owner.PostAsync("/servers", new { name = "asked", server = new { url = "http://127.0.0.1:9/mcp" } });
        using var seen = await _owner.GetAsync("/servers/asked");
        await using (var scope = _scene.Server.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            await db.GatewayContacts.Where(contact => contact.Server == "asked").ExecuteDeleteAsync();
            db.GatewayContacts.Add(new GatewayContact { Server = "asked", At = _scene.Server.Clock.GetUtcNow(), Problem = "it does not answer" });
            await db.SaveChangesAsync();
        }

        using var changed = await _owner.SendAsync(HttpMethod.Put, "/servers/asked", new { url = "http://127.0.0.1:9/mcp", display_name = "Asked" }, ("If-Match", seen.Headers.ETag!.ToString()));

        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        using var removed = await _owner.DeleteAsync("/servers/asked"); // others here ask what everybody may do
        Assert.That(removed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    // What is left out of the comparison is a member of ours, and not a tool or a scope that somebody called so.
    [Test]
    public async Task A_tool_that_is_called_as_what_use_changes_is_seen_when_it_changes()
    {
        static object Named(string scope) => new
        {
            url = "http://127.0.0.1:9/mcp",
            scopes = new Dictionary<string, string> { ["named:read"] = "Read", ["named:write"] = "Write" },
            tools = new Dictionary<string, string> { ["problem"] = scope, ["asked_at"] = scope },
        };
        using var added = await _owner.PostAsync("/servers", new { name = "named", server = Named("named:write") });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());
        using var seen = await _owner.GetAsync("/servers/named");

        using var byAnother = await _owner.SendAsync(HttpMethod.Put, "/servers/named", Named("named:read"));
        using var late = await _owner.SendAsync(HttpMethod.Put, "/servers/named", Named("named:write"), ("If-Match", seen.Headers.ETag!.ToString()));

        Assert.That(byAnother.StatusCode, Is.EqualTo(HttpStatusCode.OK), await byAnother.Content.ReadAsStringAsync());
        Assert.That(await late.ProblemAsync(), Is.EqualTo("changed_meanwhile"));
        using var removed = await _owner.DeleteAsync("/servers/named"); // others here ask what everybody may do
        Assert.That(removed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task People_and_clients_are_found_by_letters_of_any_language_in_any_case()
    {
        await using (var scope = _scene.Server.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            db.Users.Add(new User { Id = "eva", Provider = "google", ProviderSubject = "eva", Email = "Éva@example.com", Name = "ÉVA MÜLLER", CreatedAt = _scene.Server.Clock.GetUtcNow(), LastSignInAt = _scene.Server.Clock.GetUtcNow() });
            await db.SaveChangesAsync();
        }

        using var made = await _owner.PostAsync("/clients", new { kind = "service", client_id = "berichte", name = "BERICHTE FÜR ÉVA" });
        Assert.That(made.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        foreach (var query in new[] { "/users?q=müller", "/users?q=Éva%20M", "/users?q=éVA@EXAMPLE", "/clients?q=für%20éva", "/clients?q=FÜR", "/sessions?user=éva%20müller" })
        {
            using var found = await _owner.GetAsync(query);
            Assert.That(found.StatusCode, Is.EqualTo(HttpStatusCode.OK), query);
            Assert.That((await found.JsonAsync()).GetProperty("items").GetArrayLength(), Is.EqualTo(query.StartsWith("/sessions", StringComparison.Ordinal) ? 0 : 1), query);
        }
    }

    [Test]
    public async Task Of_two_owners_who_end_each_other_at_once_one_stays() => await RoleRaces.OneOwnerStaysAsync(_scene);

    [Test]
    public async Task Of_many_roles_that_somebody_is_given_at_once_one_counts() => await RoleRaces.OneRoleIsGrantedAsync(_scene);

    // OpenID Connect Core §2, auth_time: nobody has signed in later than now.
    [Test]
    public async Task A_provider_whose_clock_is_ahead_makes_no_sign_in_younger_than_it_is()
    {
        _scene.Google.Clock = new FakeTimeProvider(_scene.Server.Clock.GetUtcNow().AddSeconds(50));
        try
        {
            var owner = await _scene.ClientAsync();
            _scene.Server.Clock.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(5));
            using var late = await owner.SendAsync(HttpMethod.Delete, "/roles/nobody");

            Assert.That(await late.ProblemAsync(), Is.EqualTo("insufficient_user_authentication"));
        }
        finally
        {
            _scene.Google.Clock = _scene.Server.Clock;
        }
    }

    [Test]
    public async Task A_start_that_names_a_client_which_an_operator_made_says_so()
    {
        using var made = await _owner.PostAsync("/clients", new { kind = "service", client_id = "squatter" });
        Assert.That(made.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        var database = _scene.Server.Settings.Single(setting => setting.StartsWith("--Database:ConnectionString=", StringComparison.Ordinal))[2..];

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => TestServer.StartAsync(database, "OAuth:StaticClients:0:ClientId=squatter", "OAuth:StaticClients:0:RedirectUris:0=https://client.example/callback"));

        Assert.That(refused!.Message, Does.Contain("olga@example.com made").And.Contain("clients delete squatter"));
    }

    private Task<HttpResponseMessage> CompareAsync(CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, AdminClient.Prefix + "/policy/diff") { Content = JsonContent.Create(new { document = new { } }) }, cancellationToken);

    private Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _owner.Token);
        return _scene.Server.Http.SendAsync(request, cancellationToken);
    }

    private async Task<NoScriptHand> ConsoleAsync()
    {
        var hand = new NoScriptHand(_olga ??= _scene.Person("olga"));
        await hand.OpenAsync("/admin");
        return hand;
    }

    private async Task StoreAsync(IEnumerable<object> rows)
    {
        await using var scope = _scene.Server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        db.AddRange(rows);
        await db.SaveChangesAsync();
    }
}
