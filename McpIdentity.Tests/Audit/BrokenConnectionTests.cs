using System.Net;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Audit;

/// <summary>Connections that break in a dozen ways, each of which <c>trace</c> must name: on one node, and on two between which the steps alternate (docs/audit.md, "Why somebody cannot connect").</summary>
[TestFixture(1)]
[TestFixture(2, Category = "Postgres")]
[Category("SEED-061")]
[Parallelizable(ParallelScope.Self)]
internal sealed class BrokenConnectionTests(int nodes)
{
    private TestServer _first = null!;
    private TestServer _second = null!;

    private static readonly (string Finding, Func<BrokenConnectionTests, Task<string>> Break)[] Ways =
    [
        ("never_authorized", async world =>
        {
            await world._second.Http.CallToolAsync(null);
            return (await world.RegisterAsync()).ClientId;
        }),
        ("sign_in_abandoned", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            await bob.Browser.GetAsync(client.AuthorizeUrl());
            return client.ClientId;
        }),
        ("user_disabled", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            await client.ConnectAsync(bob);
            await Verbs.DoAsync(world._first, "users", "disable", "bob@example.com");
            var again = await world.RegisterAsync();
            using var browser = new NoScriptBrowser(world._first.BaseUrl);
            var page = await browser.GetAsync(again.AuthorizeUrl());
            await browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" });
            await Verbs.DoAsync(world._first, "users", "enable", "bob@example.com");
            return again.ClientId;
        }),
        ("consent_abandoned", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            var page = await bob.Browser.GetAsync(client.AuthorizeUrl());
            await bob.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" });
            return client.ClientId;
        }),
        ("denied", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob") { Decision = "deny" };
            await bob.AuthorizeAsync(client.AuthorizeUrl());
            return client.ClientId;
        }),
        ("redirect_mismatch", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            await bob.Browser.GetAsync(client.AuthorizeUrl(("redirect_uri", "https://elsewhere.example/callback?secret=1")));
            return client.ClientId;
        }),
        ("code_never_redeemed", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            await client.AuthorizeAsync(bob);
            return client.ClientId;
        }),
        ("token_refused", async world =>
        {
            var client = await world.RegisterAsync();
            using var bob = new Person(world._first, "bob");
            var code = await client.AuthorizeAsync(bob);
            using var refused = await client.At(world._second.Http).RedeemAsync(code, ("code_verifier", "another verifier of more than forty-three characters"));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            return client.ClientId;
        }),
        ("token_never_used", async world =>
        {
            var (client, _) = await world.ConnectAsync("/mcp");
            return client;
        }),
        ("wrong_audience", async world =>
        {
            var (client, token) = await world.ConnectAsync("/mcp/notes");
            Assert.That((await world._second.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
            return client;
        }),
        ("upstream_away", async world =>
        {
            var (client, token) = await world.ConnectAsync("/mcp/notes");
            await new McpCaller(world._first.Http) { Path = "/mcp/notes" }.CallToolAsync("list", token);
            return client;
        }),
        ("blocked_by_policy", async world =>
        {
            var (client, token) = await world.ConnectAsync("/mcp/notes");
            await new McpCaller(world._second.Http) { Path = "/mcp/notes" }.CallToolAsync("erase", token);
            return client;
        }),
        ("client_disabled", async world =>
        {
            var (client, token) = await world.ConnectAsync("/mcp");
            await Verbs.DoAsync(world._first, "clients", "disable", client);
            await Until.TrueAsync(async () =>
            {
                world._second.Clock.Advance(TimeSpan.FromSeconds(1)); // revocations of other processes are read by the clock
                return (await world._second.Http.CallToolAsync(token)).Status == HttpStatusCode.Unauthorized;
            }, "the token has ended on every node");
            return client;
        }),
        ("token_reused", async world =>
        {
            var client = (await world.RegisterAsync()).At(world._second.Http);
            using var alice = new Person(world._first);
            var code = await client.At(world._first.Http).AuthorizeAsync(alice);
            for (var redemption = 0; redemption < 2; redemption++)
            {
                using var answer = await client.RedeemAsync(code);
            }

            return client.ClientId;
        }),
        ("refresh_refused", async world =>
        {
            var client = (await world.RegisterAsync()).At(world._first.Http);
            using var alice = new Person(world._first);
            var tokens = await client.ConnectAsync(alice);
            Assert.That((await world._first.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
            using var refused = await client.RefreshAsync("a token of another server");
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            return client.ClientId;
        }),
        ("revoked", async world =>
        {
            var client = (await world.RegisterAsync()).At(world._first.Http);
            using var alice = new Person(world._first);
            var tokens = await client.ConnectAsync(alice);
            Assert.That((await world._first.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
            var sessions = JsonDocument.Parse(await Verbs.DoAsync(world._first, "sessions", "list", "--client", client.ClientId, "-o", "json")).RootElement;
            await Verbs.DoAsync(world._first, "sessions", "revoke", sessions[0].Text("session")!);
            return client.ClientId;
        }),
        ("works", async world =>
        {
            var (client, token) = await world.ConnectAsync("/mcp");
            Assert.That((await world._first.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
            using var refused = await (await world.RegisterAsync()).RedeemAsync("a code of somebody else", ("client_id", client));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), "whoever knows the client may be refused");
            return client;
        }),
    ];

    private static IEnumerable<TestCaseData> Broken => Ways.Select(way => new TestCaseData(way.Finding).SetArgDisplayNames(way.Finding));

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        string[] settings =
        [
            $"Gateway:Servers:notes:Url=http://127.0.0.1:{Ports.Next()}/mcp", "Gateway:CatalogueRefresh=0",
            "Policy:Rules:0:Effect=deny", "Policy:Rules:0:Tools:0=erase", "Policy:Rules:1:Effect=allow",
            "Mcp:RateLimiting:Enabled=false", "Audit:Node=one",
        ];
        if (nodes == 1)
        {
            _first = _second = await TestServer.StartAsync(settings);
            return;
        }

        var database = $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}";
        var port = Ports.Next();
        _first = await TestServer.StartAsync([.. settings, database, $"Server:Port={port}", $"Server:PublicBaseUrl=http://localhost:{port}"]);
        _second = await TestServer.StartAsync([.. settings, database, $"Server:PublicBaseUrl=http://localhost:{port}", "Audit:Node=two"]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _first.DisposeAsync();
        if (nodes > 1)
        {
            await _second.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Broken))]
    public async Task What_broke_is_named(string finding)
    {
        var target = await Ways.Single(way => way.Finding == finding).Break(this);

        // Written beside the requests: the last of them is there within moments.
        JsonElement last = default;
        await Until.TrueAsync(async () => (last = await TraceAsync(target)).Text("diagnosis") == finding, $"{finding}: {last}");
        Assert.That(last.Text("client_id"), Is.EqualTo(target));
        Assert.That(last.Text("cure") is null, Is.EqualTo(finding == "works"), "what to do is said where something is to be done");
        if (last.Text("flow") is { } flow)
        {
            Assert.That((await TraceAsync(flow)).Text("diagnosis"), Is.EqualTo(finding), "found by its flow too");
            var reference = last.GetProperty("steps").EnumerateArray().Last(step => step.Text("event") != "client_registered" && step.Text("trace_id") is not null).Text("trace_id")!;
            Assert.That((await TraceAsync(reference)).Text("flow"), Is.EqualTo(flow), "and by the reference of a page");
        }

        if (finding == "redirect_mismatch")
        {
            Assert.That(last.Text("says"), Does.Contain("https://elsewhere.example/callback?…").And.Contain(OAuthClient.DefaultRedirectUri).And.Not.Contain("secret"));
        }

        if (finding == "wrong_audience")
        {
            Assert.That(last.Text("says"), Does.Contain($"{_first.BaseUrl}/mcp/notes").And.Contain($"{_first.BaseUrl}/mcp."));
        }
    }

    [Test]
    public async Task Of_many_clients_of_one_name_and_host_the_last_ones_are_looked_at()
    {
        var metadata = new { redirect_uris = new[] { $"https://crowd-{nodes}.example/callback" }, client_name = "Crowd", token_endpoint_auth_method = "none" };
        var first = await OAuthClient.RegisterAsync(_first, metadata);
        await using (var scope = _first.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            var copied = await db.Clients.AsNoTracking().SingleAsync(client => client.ClientId == first.ClientId);
            for (var old = 0; old < 60; old++)
            {
                // Before all others by their identifiers, and behind all others by their keys.
                (copied.Id, copied.ClientId) = ($"ffff{old:00}", $"!{old:00}-{nodes}");
                db.Entry(copied).State = EntityState.Added;
                db.Entry(copied).Property(ClientColumns.RegisteredAt).CurrentValue = _first.Clock.GetUtcNow().AddDays(-2);
                await db.SaveChangesAsync();
                db.ChangeTracker.Clear();
            }
        }

        var last = await OAuthClient.RegisterAsync(_first, metadata);
        using var bob = new Person(_first, "bob") { Decision = "deny" };
        await bob.AuthorizeAsync(last.AuthorizeUrl());

        foreach (var called in new[] { "Crowd", $"crowd-{nodes}.example" })
        {
            JsonElement found = default;
            await Until.TrueAsync(async () => (found = await TraceAsync(called)).Text("diagnosis") == "denied", $"{called}: {found}");
            Assert.That(found.Text("client_id"), Is.EqualTo(last.ClientId), called);
        }
    }

    [Test]
    public async Task Of_many_people_of_one_name_the_last_ones_are_looked_at()
    {
        var client = await RegisterAsync();
        using var bob = new Person(_first, "bob") { Decision = "deny" };
        await bob.AuthorizeAsync(client.AuthorizeUrl());
        await using (var scope = _first.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            var copied = await db.Users.AsNoTracking().SingleAsync(user => user.ProviderSubject == "bob");
            for (var old = 0; old < 20; old++)
            {
                // Before everybody else by their identifiers.
                (copied.Id, copied.ProviderSubject, copied.Email, copied.LastSignInAt) = ($"!{old:00}", $"old-{old}", null, _first.Clock.GetUtcNow().AddDays(-2));
                db.Entry(copied).State = EntityState.Added;
                await db.SaveChangesAsync();
                db.ChangeTracker.Clear();
            }
        }

        JsonElement found = default;
        await Until.TrueAsync(async () => (found = await TraceAsync("bob example")).Text("diagnosis") == "denied" && found.Text("client_id") == client.ClientId, $"{client.ClientId}: {found}");
    }

    private async Task<JsonElement> TraceAsync(string target) => JsonDocument.Parse(await Verbs.DoAsync(_first, "trace", target, "-o", "json")).RootElement[0];

    private Task<OAuthClient> RegisterAsync() => RegisterAtAsync(_second.Http);

    // Registered at one node; its browser goes to the other.
    private async Task<OAuthClient> RegisterAtAsync(HttpClient http) => (await OAuthClient.RegisterPublicAsync(http)).At(_first.Http);

    private async Task<(string ClientId, string Token)> ConnectAsync(string path)
    {
        var client = await RegisterAsync();
        using var alice = new Person(_first);
        var code = await client.AuthorizeAsync(alice, ("resource", _first.BaseUrl + path));
        using var answer = await client.At(_second.Http).RedeemAsync(code);
        return (client.ClientId, (await answer.JsonAsync()).Text("access_token")!);
    }
}
