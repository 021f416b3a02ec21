using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using McpIdentity.Migrations;
using McpIdentity.Server.Connections;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Gateway;

/// <summary>Each caller's own account at a server behind this one (<c>Upstream:Auth</c> <c>OAuth</c>).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ConnectionTests
{
    private static readonly string[] OAuth = ["Gateway:Servers:notes:Upstream:Auth=OAuth", "Gateway:Servers:notes:DisplayName=Notes"];

    [TestCase("document"), TestCase("dynamic"), TestCase("configured")]
    public async Task A_person_connects_their_account_and_calls_go_on_with_its_token(string kind)
    {
        await using var authority = await StandInAuthority.StartAsync();
        if (kind == "dynamic")
        {
            authority.Metadata["client_id_metadata_document_supported"] = null;
            authority.Metadata["registration_endpoint"] = authority.Issuer + "/register";
        }

        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl,
            [.. OAuth, .. kind == "configured" ? ["Gateway:Servers:notes:Upstream:ClientId=ours", "Gateway:Servers:notes:Upstream:ClientSecret=a secret", "Gateway:Servers:notes:Upstream:Scope=read"] : Array.Empty<string>()]));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);

        var before = await server.CallerOf("notes").CallToolAsync("whoami", token);
        Assert.That((before.Status, before.Body), Is.EqualTo((200, before.Body)));
        Assert.That(before.Body, Does.Contain("\"isError\":true").And.Contain($"{server.BaseUrl}/connections/notes?link="));
        Assert.That(authority.Calls, Is.Empty);

        var done = await ConnectAsync(alice, LinkIn(before.Body), authority);
        var after = await server.CallerOf("notes").CallToolAsync("whoami", token);

        Assert.That(done.Text(), Does.Contain("Notes is connected"));
        var (asked, redeemed) = (authority.Authorizations.Single(), authority.TokenRequests.Single());
        var document = $"{server.BaseUrl}/oauth/clients/notes.json";
        Assert.Multiple(() =>
        {
            Assert.That(after.Text, Does.StartWith("Bearer theirs-"));
            Assert.That(authority.Calls, Has.None.Contains(token), "the caller's token never goes on");
            Assert.That(asked["client_id"], Is.EqualTo(kind switch { "document" => document, "dynamic" => "dynamic-1", _ => "ours" }));
            Assert.That((asked["code_challenge_method"], asked["resource"], asked["scope"]), Is.EqualTo(("S256", authority.McpUrl, kind == "configured" ? "read" : "read write")));
            Assert.That((redeemed["resource"], redeemed["redirect_uri"]), Is.EqualTo((authority.McpUrl, $"{server.BaseUrl}/oauth/connections/callback")));
            Assert.That(redeemed["authorization"], Is.EqualTo(kind == "configured" ? "Basic " + Convert.ToBase64String("ours:a%20secret"u8) : ""));
        });

        using var published = await server.Http.GetAsync("/oauth/clients/notes.json");
        Assert.That(published.StatusCode, Is.EqualTo(kind == "configured" ? HttpStatusCode.NotFound : HttpStatusCode.OK));
        if (kind == "document")
        {
            var said = JsonNode.Parse(await published.Content.ReadAsStringAsync())!;
            Assert.That((said["client_id"]!.ToString(), said["redirect_uris"]![0]!.ToString(), said["token_endpoint_auth_method"]!.ToString()), Is.EqualTo((document, $"{server.BaseUrl}/oauth/connections/callback", "none")));
        }

        // Another person has an account of their own, and the registration is the same.
        using var bob = new Person(server, "bob");
        var ofBob = await server.TokenForAsync("notes", bob);
        await ConnectAsync(bob, LinkIn((await server.CallerOf("notes").CallToolAsync("whoami", ofBob)).Body), authority);
        Assert.That((await server.CallerOf("notes").CallToolAsync("whoami", ofBob)).Text, Is.Not.EqualTo(after.Text).And.StartsWith("Bearer theirs-"));
        Assert.That(authority.Registrations, Has.Count.EqualTo(kind == "dynamic" ? 1 : 0));
    }

    [Test]
    public async Task A_link_is_for_the_person_whose_app_got_it()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        var link = LinkIn((await server.CallerOf("notes").CallToolAsync("whoami", await server.TokenForAsync("notes"))).Body);
        using var bob = new Person(server, "bob");
        await server.TokenForAsync("notes", bob);

        var refused = await bob.Browser.GetAsync(link);
        Assert.That((refused.Status, refused.Document!.QuerySelector("form[method=post] [value=connect]")), Is.EqualTo((HttpStatusCode.Forbidden, (object?)null)));
        Assert.That(refused.Text(), Does.Contain("This link is for somebody else"));

        // Who is nobody yet signs in first, and is then at the same link.
        using var stranger = new Person(server);
        var signIn = await stranger.Browser.GetAsync(link);
        var page = await stranger.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.Text(), Does.Contain("Notes needs your account at 127.0.0.1"));

        server.Clock.Advance(TimeSpan.FromMinutes(11));
        var old = await stranger.Browser.GetAsync(link);
        Assert.That((old.Status, old.Text().Contains("too old", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.BadRequest, true)), old.Text());
        Assert.That((await stranger.Browser.GetAsync(link[..^2] + "xx")).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await stranger.Browser.GetAsync($"{server.BaseUrl}/connections/nothing")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_state_is_good_once_in_the_browser_that_began()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        await server.TokenForAsync("notes", alice);
        using var bob = new Person(server, "bob");
        await server.TokenForAsync("notes", bob);

        // Bob's browser, with the answer to Alice: she would have his account, or he hers.
        var stolen = await AnswerAsync(alice, server, authority);
        Assert.That((await bob.Browser.GetAsync(stolen)).Text(), Does.Contain("This answer is not expected"));
        Assert.That((await alice.Browser.GetAsync(stolen)).Text(), Does.Contain("This answer is not expected"), "used up");

        var own = await AnswerAsync(alice, server, authority);
        Assert.That((await alice.Browser.GetAsync(own)).Text(), Does.Contain("is connected"));
        Assert.That((await alice.Browser.GetAsync(own)).Text(), Does.Contain("This answer is not expected"));
        Assert.That(authority.TokenRequests, Has.Count.EqualTo(1));

        var late = await AnswerAsync(alice, server, authority);
        server.Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.That((await alice.Browser.GetAsync(late)).Text(), Does.Contain("This answer is not expected"));

        using var again = new Person(server);
        var otherSession = await AnswerAsync(alice, server, authority);
        await server.TokenForAsync("notes", again);
        Assert.That((await again.Browser.GetAsync(otherSession)).Text(), Does.Contain("This answer is not expected"), "another browser of the same person");
    }

    // RFC 9207 §2.4: the answer of another authorization server is not acted on.
    [TestCase(null, false, true), TestCase("own", false, true), TestCase("https://other.example", false, false), TestCase(null, true, false), TestCase("own", true, true)]
    public async Task An_answer_names_the_authorization_server_that_was_asked(string? said, bool isAnnounced, bool isTaken)
    {
        await using var authority = await StandInAuthority.StartAsync();
        authority.AnswersAs = said == "own" ? authority.Issuer : said;
        authority.Metadata["authorization_response_iss_parameter_supported"] = isAnnounced;
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        await server.TokenForAsync("notes", alice);

        var page = await alice.Browser.GetAsync(await AnswerAsync(alice, server, authority));

        Assert.That((page.Text().Contains("is connected", StringComparison.Ordinal), authority.TokenRequests.Count), Is.EqualTo((isTaken, isTaken ? 1 : 0)), page.Text());
    }

    [TestCase("issuer", "https://other.example"), TestCase("code_challenge_methods_supported", null), TestCase("token_endpoint", "http://169.254.169.254/token"), TestCase("authorization_endpoint", null)]
    public async Task Metadata_that_is_not_right_sends_nobody_anywhere(string member, string? value)
    {
        await using var authority = await StandInAuthority.StartAsync();
        authority.Metadata[member] = value;
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        await server.TokenForAsync("notes", alice);

        var page = await alice.Browser.GetAsync($"{server.BaseUrl}/connections/notes");
        var answer = await alice.Browser.SubmitAsync(page, button: "connect");
        if (member == "token_endpoint")
        {
            answer = await alice.Browser.GetAsync((await FollowAsync(answer.Address)).OriginalString); // it is asked only now, and the guard lets nobody through
        }

        Assert.That(answer.Text(), Does.Contain("was not connected"));
        Assert.That(authority.TokenRequests, Is.Empty);
    }

    [Test]
    public async Task A_token_is_refreshed_shortly_before_it_expires_and_asked_for_anew_when_that_is_refused()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);
        await ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        var first = (await server.CallerOf("notes").CallToolAsync("whoami", token)).Text;

        server.Clock.Advance(TimeSpan.FromMinutes(59.5));
        token = await server.TokenForAsync("notes", alice);
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.CallerOf("notes").CallToolAsync("whoami", token)));
        Assert.That(authority.Refreshes, Is.EqualTo(1));
        Assert.That(answers.Select(answer => answer.Text).Distinct().Single(), Is.Not.EqualTo(first).And.StartsWith("Bearer theirs-"));

        // A refusal in the middle: refreshed, and the call made again, without anybody seeing it.
        authority.ForgetAccess();
        var renewed = await server.CallerOf("notes").CallToolAsync("whoami", token);
        Assert.That((renewed.Status, authority.Refreshes), Is.EqualTo((200, 2)), renewed.Body);
        Assert.That(renewed.Text, Does.StartWith("Bearer theirs-"));

        // The authority is away: nothing is lost.
        server.Clock.Advance(TimeSpan.FromMinutes(61));
        token = await server.TokenForAsync("notes", alice);
        authority.Refuses = "server_error";
        var away = await server.CallerOf("notes").CallToolAsync("whoami", token);
        Assert.That((away.Status, away.Reason), Is.EqualTo((502, "upstream_credential")), away.Body);
        Assert.That(await CountAsync(server), Is.EqualTo(1));

        // It has ended the connection: the person is asked anew.
        authority.Refuses = "invalid_grant";
        var ended = await server.CallerOf("notes").CallToolAsync("whoami", token);
        Assert.That(ended.Body, Does.Contain("/connections/notes?link="));
        Assert.That(await CountAsync(server), Is.Zero);
    }

    [Test]
    [Category("Postgres")]
    public async Task Two_nodes_refresh_a_token_once()
    {
        await using var authority = await StandInAuthority.StartAsync();
        var database = PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        string[] settings = GatewayScene.Open(authority.McpUrl, [.. OAuth, $"Database:Url={database}"]);
        await using var one = await TestServer.StartAsync(settings);
        await using var two = await TestServer.StartAsync([.. settings, $"Server:PublicBaseUrl={one.BaseUrl}"]);
        using var alice = new Person(one);
        var token = await one.TokenForAsync("notes", alice);
        await ConnectAsync(alice, $"{one.BaseUrl}/connections/notes", authority);
        var user = await one.UserIdAsync();
        one.Clock.Advance(TimeSpan.FromMinutes(61));
        two.Clock.Advance(TimeSpan.FromMinutes(61));
        var gate = new TaskCompletionSource();
        authority.Gate = gate.Task;

        var servers = new[] { one, two };
        var asked = Enumerable.Range(0, 8).Select(i => servers[i % 2]).Select(node =>
            node.Services.GetRequiredService<Vault>().TokenForAsync(node.Services.GetRequiredService<ConnectableServers>().Find("notes")!, user, default).AsTask()).ToArray();
        await Until.TrueAsync(() => authority.Refreshes > 0, "a refresh");
        gate.SetResult();
        var tokens = await Task.WhenAll(asked);

        Assert.That(authority.Refreshes, Is.EqualTo(1));
        Assert.That(tokens.Distinct().Single(), Does.StartWith("theirs-"));
    }

    [Test]
    public async Task What_a_killed_node_had_begun_another_takes_up_when_its_time_is_over()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);
        await ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        server.Clock.Advance(TimeSpan.FromMinutes(61));
        token = await server.TokenForAsync("notes", alice);
        await server.DatabaseAsync(db => db.UpstreamConnections.ExecuteUpdateAsync(set => set.SetProperty(row => row.RefreshingUntil, server.Clock.GetUtcNow() - TimeSpan.FromSeconds(1))));

        Assert.That((await server.CallerOf("notes").CallToolAsync("whoami", token)).Text, Does.StartWith("Bearer theirs-"));
        Assert.That(authority.Refreshes, Is.EqualTo(1));
    }

    [Test]
    public async Task Tokens_under_a_key_that_is_gone_are_as_if_they_were_not_there()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);
        await ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        var stored = await server.DatabaseAsync(db => db.UpstreamConnections.Select(row => row.Tokens).SingleAsync());
        Assert.That(stored, Does.Not.Contain("theirs"));
        await server.DatabaseAsync(db => db.UpstreamConnections.ExecuteUpdateAsync(set => set.SetProperty(row => row.Tokens, $"A{stored[1..]}")));

        var asked = await server.CallerOf("notes").CallToolAsync("whoami", token);
        Assert.That((asked.Status, asked.Body.Contains("/connections/notes?link=", StringComparison.Ordinal)), Is.EqualTo((200, true)), asked.Body);

        await ConnectAsync(alice, LinkIn(asked.Body), authority);
        Assert.That((await server.CallerOf("notes").CallToolAsync("whoami", token)).Text, Does.StartWith("Bearer theirs-"));
    }

    [Test]
    public async Task What_a_person_disconnects_is_deleted_here_and_revoked_there()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);
        var done = await ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        await server.CallerOf("notes").CallToolAsync("whoami", token);

        var ended = await alice.Browser.SubmitAsync(done, button: "disconnect");

        Assert.That((ended.Text().Contains("was disconnected", StringComparison.Ordinal), authority.Revoked.Single()), Is.EqualTo((true, "refresh-2")), ended.Text());
        Assert.That(await CountAsync(server), Is.Zero);
        Assert.That((await server.CallerOf("notes").CallToolAsync("whoami", token)).Body, Does.Contain("/connections/notes?link="));
        Assert.That(authority.Calls, Has.Count.EqualTo(1), "what this node remembered is gone too");
    }

    // MCP 2026-07-28, elicitation and multi round-trip requests; MCP 2025-11-25, -32042; everybody else can read.
    [Test]
    public async Task Each_client_is_told_in_the_way_that_it_understands()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, OAuth));
        using var alice = new Person(server);
        var token = await server.TokenForAsync("notes", alice);
        var meta = new JsonObject
        {
            ["io.modelcontextprotocol/protocolVersion"] = "2026-07-28",
            ["io.modelcontextprotocol/clientCapabilities"] = new JsonObject { ["elicitation"] = new JsonObject { ["url"] = new JsonObject() } },
        };
        var mute = new JsonObject { ["io.modelcontextprotocol/protocolVersion"] = "2026-07-28", ["io.modelcontextprotocol/clientCapabilities"] = new JsonObject { ["elicitation"] = new JsonObject() } };

        var modern = await SendAsync(server, token, "2026-07-28", "tools/call", new JsonObject { ["name"] = "whoami", ["_meta"] = meta.DeepClone() });
        var without = await SendAsync(server, token, "2026-07-28", "tools/call", new JsonObject { ["name"] = "whoami", ["_meta"] = mute.DeepClone() });
        var of2025 = await SendAsync(server, token, "2025-11-25", "tools/call", new JsonObject { ["name"] = "whoami" });
        var older = await SendAsync(server, token, "2025-06-18", "tools/call", new JsonObject { ["name"] = "whoami" });
        var prompt = await SendAsync(server, token, "2025-06-18", "prompts/get", new JsonObject { ["name"] = "any" });
        var list = await SendAsync(server, token, "2026-07-28", "tools/list", new JsonObject { ["_meta"] = meta.DeepClone() });
        var hello = await SendAsync(server, token, null, "initialize", new JsonObject { ["protocolVersion"] = "2025-06-18", ["capabilities"] = new JsonObject(), ["clientInfo"] = new JsonObject { ["name"] = "t", ["version"] = "1" } });

        var question = modern["result"]!["inputRequests"]!["connect"]!;
        Assert.Multiple(() =>
        {
            Assert.That((modern["result"]!["resultType"]!.ToString(), question["method"]!.ToString(), question["params"]!["mode"]!.ToString()), Is.EqualTo(("input_required", "elicitation/create", "url")));
            Assert.That(question["params"]!["url"]!.ToString(), Does.StartWith($"{server.BaseUrl}/connections/notes?link="));
            Assert.That((without["result"]!["isError"]!.GetValue<bool>(), without["result"]!["resultType"]!.ToString()), Is.EqualTo((true, "complete")));
            Assert.That((of2025["error"]!["code"]!.GetValue<int>(), of2025["error"]!["data"]!["elicitations"]![0]!["mode"]!.ToString()), Is.EqualTo((-32042, "url")));
            Assert.That(older["result"]!["isError"]!.GetValue<bool>(), Is.True);
            Assert.That(prompt["error"]!["message"]!.ToString(), Does.Contain("/connections/notes?link="));
            Assert.That((list["result"]!["tools"]!.AsArray().Count, list["result"]!["cacheScope"]!.ToString()), Is.EqualTo((0, "private")));
            Assert.That((hello["result"]!["protocolVersion"]!.ToString(), hello["result"]!["instructions"]!.ToString().Contains("/connections/notes", StringComparison.Ordinal)), Is.EqualTo(("2025-06-18", true)));
        });

        // The same call once more, with what the person did: they said no, and then they connected.
        JsonObject Again(string action) => new()
        {
            ["name"] = "whoami",
            ["arguments"] = new JsonObject(),
            ["_meta"] = meta.DeepClone(),
            ["requestState"] = modern["result"]!["requestState"]!.ToString(),
            ["inputResponses"] = new JsonObject { ["connect"] = new JsonObject { ["action"] = action } },
        };
        var declined = await SendAsync(server, token, "2026-07-28", "tools/call", Again("decline"));
        Assert.That(declined["result"]!["isError"]!.GetValue<bool>(), Is.True, "not asked again");
        await ConnectAsync(alice, question["params"]!["url"]!.ToString(), authority);
        var answered = await SendAsync(server, token, "2026-07-28", "tools/call", Again("accept"));
        Assert.That(answered["result"]!["content"]![0]!["text"]!.ToString(), Does.Match("^Bearer theirs-[0-9]+ name arguments _meta$"), "the answer to our question stays here");

        // What one person's list has taught is what the next sees before they connect.
        await SendAsync(server, token, "2026-07-28", "tools/list", new JsonObject { ["_meta"] = meta.DeepClone() });
        await server.Services.GetRequiredService<McpIdentity.Server.Catalogue.CatalogueFeed>().LoadAsync(default);
        var ofBob = await SendAsync(server, await server.TokenForAsync("notes", "bob"), "2026-07-28", "tools/list", new JsonObject { ["_meta"] = meta.DeepClone() });
        Assert.That(ofBob["result"]!["tools"]!.AsArray().Select(tool => tool!["name"]!.ToString()), Is.EqualTo(new[] { "whoami" }));
    }

    private static async Task<JsonNode> SendAsync(TestServer server, string token, string? version, string method, JsonObject parameters)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/notes")
        {
            Content = new StringContent(new JsonObject { ["jsonrpc"] = "2.0", ["id"] = 7, ["method"] = method, ["params"] = parameters }.ToJsonString(), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new("Bearer", token);
        if (version is not null)
        {
            request.Headers.Add("MCP-Protocol-Version", version);
        }

        if (version == "2026-07-28")
        {
            request.Headers.Add("Mcp-Method", method);
            if (parameters["name"] is { } name)
            {
                request.Headers.Add("Mcp-Name", name.ToString());
            }
        }

        using var response = await server.Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), body);
        return JsonNode.Parse(body)!;
    }

    private static Task<int> CountAsync(TestServer server) => server.DatabaseAsync(db => db.UpstreamConnections.CountAsync());

    internal static string LinkIn(string body) => System.Text.RegularExpressions.Regex.Match(body, "http://[^\" ]+/connections/[^\" ]+").Value;

    /// <summary>Presses Connect, and brings back what the authority answers.</summary>
    internal static async Task<BrowserPage> ConnectAsync(Person person, string link, StandInAuthority authority)
    {
        var page = await person.Browser.GetAsync(link);
        var left = await person.Browser.SubmitAsync(page, button: "connect");
        Assert.That(left.IsOutside && left.Address.OriginalString.StartsWith(authority.Issuer, StringComparison.Ordinal), Is.True, left.ToString() + left.Body);
        return await person.Browser.GetAsync((await FollowAsync(left.Address)).OriginalString);
    }

    private static async Task<string> AnswerAsync(Person person, TestServer server, StandInAuthority authority)
    {
        var page = await person.Browser.GetAsync($"{server.BaseUrl}/connections/notes");
        page = page.Document!.QuerySelector("[value=connect]") is null ? await person.Browser.GetAsync(LinkOf(server, await server.UserIdAsync(person.Username))) : page;
        var left = await person.Browser.SubmitAsync(page, button: "connect");
        Assert.That(left.Address.OriginalString, Does.StartWith(authority.Issuer), left.Body);
        return (await FollowAsync(left.Address)).OriginalString;
    }

    private static string LinkOf(TestServer server, string userId) => server.Services.GetRequiredService<ConnectionLinks>().For("notes", userId);

    private static async Task<Uri> FollowAsync(Uri address)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var answer = await http.GetAsync(address);
        return answer.Headers.Location!;
    }
}
