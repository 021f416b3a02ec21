using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Authorization;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Authorization;

/// <summary>What a person takes away on the consent page is away: docs/decisions/0009.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ConsentChoiceTests
{
    private const string Secret = "a secret of this test that is long enough";
    private const string All = "mcp mcp:call openid profile email";

    private DirectoryInfo _folder = null!;
    private TestServer _server = null!;
    private TestServer _other = null!;
    private McpCaller _mcp = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("mcpidentity-choice-");
        var port = Ports.Next();
        string[] settings =
        [
            $"Database:ConnectionString=Data Source={Path.Combine(_folder.FullName, "both.db")}", "Mcp:RateLimiting:Enabled=false", "Mcp:Auth:PublicTools:0=ping", $"Server:PublicBaseUrl=http://localhost:{port}",
            "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={Path.Combine(_folder.FullName, "security.log")}",
            "OAuth:StaticClients:0:ClientId=own-server", $"OAuth:StaticClients:0:ClientSecret={Secret}", $"OAuth:StaticClients:0:Resources=http://localhost:{port}/mcp",
            "OAuth:StaticClients:1:ClientId=the-desk", $"OAuth:StaticClients:1:RedirectUris:0={OAuthClient.DefaultRedirectUri}", "OAuth:StaticClients:1:PreApproved=true",
        ];
        _server = await TestServer.StartAsync([.. settings, $"Server:Port={port}"]);
        // A second node, where tomorrow's tools are served already.
        _other = await TestServer.StartAsync(builder => builder.Services.AddSingleton<TimeProvider>(_server.Clock).AddMcpServer().WithTools<LaterTools>(), settings);
        _mcp = new McpCaller(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _other.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test]
    [Category("RFC 6749 §5.1")]
    public async Task A_refused_scope_is_not_granted_the_answer_says_so_and_it_is_asked_for_again()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server) { Unticked = ["email", "mcp:call"] };

        var tokens = await client.ConnectAsync(alice, ("scope", All));
        var userInfo = await GetAsync("/oauth/userinfo", tokens.Text("access_token")!);
        var refreshed = await (await client.RefreshAsync(tokens.Text("refresh_token")!)).JsonAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(tokens.Text("scope"), Is.EqualTo("mcp openid profile"));
            Assert.That(new JsonWebToken(tokens.Text("access_token")).GetClaim("scope").Value, Is.EqualTo("mcp openid profile"));
            Assert.That(new JsonWebToken(tokens.Text("id_token")).Claims.Select(claim => claim.Type), Has.Member("name").And.No.Member("email"));
            Assert.That(userInfo.TryGetProperty("email", out _), Is.False);
            Assert.That(refreshed.Text("scope"), Is.EqualTo("mcp openid profile"));
            Assert.That((await _mcp.CallToolAsync("echo", tokens.Text("access_token"), new { message = "hi" })).Status, Is.EqualTo(403));
            Assert.That(await LogAsync(client, "consent_granted"), Does.Contain("\"scope\":\"mcp openid profile\""), "what was granted, not what was asked");
        }

        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("scope", "mcp openid"));
        Assert.That(alice.PagesSeen, Is.Empty, "what was allowed is remembered");
        alice.Unticked = [];
        tokens = await client.ConnectAsync(alice, ("scope", All));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]), "what was refused is not");
        Assert.That(tokens.Text("scope"), Is.EqualTo(All));

        // What was allowed once can be taken back by the same page.
        alice.Unticked = ["profile"];
        await client.ConnectAsync(alice, ("scope", All), ("prompt", "consent"));
        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("scope", All), ("prompt", "none")));
        Assert.That(answer["error"], Is.EqualTo("consent_required"));
    }

    [Test]
    public async Task A_tool_that_was_taken_away_is_refused_and_not_listed_until_the_person_allows_it()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var before = await client.ConnectAsync(alice);
        alice.Unticked = ["echo"];
        var tokens = await client.ConnectAsync(alice, ("prompt", "consent"));
        using var bob = new Person(_server, "bob");
        var ofBob = await client.ConnectAsync(bob);
        alice.PagesSeen.Clear();
        var silent = await client.ConnectAsync(alice, ("prompt", "none"));
        var refreshed = await (await client.RefreshAsync(tokens.Text("refresh_token")!)).JsonAsync();
        var elsewhere = await (await client.At(_other.Http).RefreshAsync(refreshed.Text("refresh_token")!)).JsonAsync();

        Assert.That(alice.PagesSeen, Is.Empty);
        foreach (var token in new[] { tokens, silent, refreshed, elsewhere }.Select(answer => answer.Text("access_token")))
        {
            await RefusesAsync(_mcp, "echo", token);
            await RefusesAsync(new McpCaller(_other), "echo", token);
            await RefusesAsync(new McpCaller(_other), "later", token, "a tool that is added later is on no list");
            Assert.That((await _mcp.CallToolAsync("whoami", token)).Status, Is.EqualTo(200));
            Assert.That((await _mcp.CallAsync("tools/list", bearer: token)).Tools, Is.EquivalentTo(["greeting", "ping", "whoami"]));
            Assert.That((await new McpCaller(_other).CallAsync("tools/list", bearer: token)).Tools, Is.EquivalentTo(["greeting", "ping", "whoami"]));
        }

        foreach (var token in new[] { before, ofBob }.Select(answer => answer.Text("access_token")))
        {
            Assert.That((await _mcp.CallToolAsync("echo", token, new { message = "hi" })).Status, Is.EqualTo(200), "another grant");
            Assert.That((await new McpCaller(_other).CallToolAsync("later", token)).Status, Is.EqualTo(200), "nothing was taken away: tomorrow's tools too");
        }

        Assert.That(await LogAsync(client, "consent_granted"), Does.Contain("only these tools: greeting ping whoami"));
        Assert.That(await LogAsync(client, "tool_denied"), Does.Contain("\"tool\":\"echo\""));
        var introspected = await IntrospectAsync(tokens.Text("access_token")!);
        Assert.That(introspected.GetProperty("mcp_tools").EnumerateArray().Select(name => name.GetString()), Is.EqualTo(["greeting", "ping", "whoami"]));
        Assert.That((await IntrospectAsync(ofBob.Text("access_token")!)).TryGetProperty("mcp_tools", out _), Is.False);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("prompt", "consent")));
        Assert.That(BoxesOf(page, "tool"), Is.EquivalentTo([("echo", false), ("greeting", true), ("ping", true), ("whoami", true)]), "as it was left");
        alice.Unticked = ["whoami"];
        tokens = await client.ConnectAsync(alice, ("prompt", "consent"));
        Assert.That(ToolsOf(tokens), Is.EqualTo(["greeting", "ping"]));
        await alice.Browser.SubmitAsync(page, button: "allow");
        Assert.That(await ToolsInDatabaseAsync(client), Is.EqualTo("all|greeting\nping\nwhoami"), "the last choice counts, of a page that was opened before too");
    }

    [Test]
    public async Task Whoever_takes_every_tool_away_leaves_none_and_one_is_a_list_too()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, OAuthClient.LoopbackRedirectUri);
        using var alice = new Person(_server) { Unticked = ["echo", "greeting", "ping", "whoami"] };
        var none = await client.ConnectAsync(alice);
        alice.Unticked = ["echo", "greeting", "whoami"];
        var one = await client.ConnectAsync(alice);
        alice.Unticked = [];
        var all = await client.ConnectAsync(alice);
        var refreshed = await (await client.RefreshAsync(none.Text("refresh_token")!)).JsonAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ToolsOf(none), Is.Empty);
            Assert.That((await IntrospectAsync(none.Text("access_token")!)).GetProperty("mcp_tools").EnumerateArray().Select(name => name.GetString()), Is.EqualTo([""]), "absent would mean all");
            Assert.That((await IntrospectAsync(one.Text("access_token")!)).GetProperty("mcp_tools").GetArrayLength(), Is.EqualTo(1));
            Assert.That(ToolsOf(one), Is.EqualTo(["ping"]));
            Assert.That(ToolsOf(all), Is.Null, "each time is a choice of its own");
            Assert.That((await _mcp.CallAsync("tools/list", bearer: none.Text("access_token"))).Tools, Is.Empty);
            Assert.That((await _mcp.CallToolAsync("ping", one.Text("access_token"))).Status, Is.EqualTo(200));
            Assert.That((await _mcp.CallToolAsync("ping")).Status, Is.EqualTo(200), "a public tool is everybody's who shows no token");
            await RefusesAsync(_mcp, "ping", none.Text("access_token"), "a public tool that was taken away from the app");
            await RefusesAsync(_mcp, "ping", refreshed.Text("access_token"));
        }
    }

    [Test]
    [Category("RFC 6749 §6")]
    public async Task A_refresh_takes_up_later_scopes_with_the_tools_of_that_consent_and_nothing_comes_back()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var reads = await client.ConnectAsync(alice, ("scope", "mcp"));
        alice.Unticked = ["echo"];
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        var narrow = await client.ConnectAsync(alice, ("scope", "mcp mcp:call"));

        var widened = await (await client.RefreshAsync(reads.Text("refresh_token")!)).JsonAsync();
        Assert.That(widened.Text("scope"), Is.EqualTo("mcp mcp:call"));
        Assert.That(ToolsOf(widened), Is.EqualTo(["greeting", "ping", "whoami"]));

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        alice.Unticked = ["whoami"];
        await client.ConnectAsync(alice, ("scope", "mcp mcp:call email"), ("prompt", "consent"));
        widened = await (await client.RefreshAsync(narrow.Text("refresh_token")!, ("scope", "mcp mcp:call email"))).JsonAsync();
        Assert.That(widened.Text("scope"), Is.EqualTo("mcp mcp:call email"));
        Assert.That(ToolsOf(widened), Is.EqualTo(["greeting", "ping"]), "neither what this grant has lost, nor what that consent did not leave");
        var itself = await (await client.RefreshAsync(widened.Text("refresh_token")!)).JsonAsync();
        Assert.That(ToolsOf(itself), Is.EqualTo(["greeting", "ping", "whoami"]), "the grant has what it had");
    }

    [Test]
    public async Task A_client_that_shall_not_stay_connected_gets_no_refresh_token_and_is_asked_about_again()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.ConnectAsync(alice);
        alice.Unticked = ["offline_access"];

        var once = await client.ConnectAsync(alice, ("scope", "mcp mcp:call offline_access"), ("prompt", "consent"));
        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none")));

        Assert.That(once.TryGetProperty("refresh_token", out _), Is.False);
        Assert.That(once.Text("scope"), Is.EqualTo("mcp mcp:call"));
        Assert.That(answer["error"], Is.EqualTo("consent_required"));
        await using (var scope = _server.Services.CreateAsyncScope())
        {
            var id = new JsonWebToken(once.Text("access_token")).GetClaim("oi_au_id").Value;
            var grant = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.AsNoTracking().SingleAsync(grant => grant.Id == Grant.ParseName(id));
            Assert.That(grant.ExpiresAt - grant.RotatedAt, Is.EqualTo(TimeSpan.FromHours(1)), "it is over with its access token, and stands in no list after that");
        }

        alice.Unticked = [];
        Assert.That((await client.ConnectAsync(alice)).Text("refresh_token"), Is.Not.Null);

        var without = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code" } });
        var page = await alice.Browser.GetAsync(without.AuthorizeUrl(("scope", "mcp offline_access")));
        Assert.That(BoxesOf(page, "scope").Select(box => box.Value), Is.EqualTo(["mcp"]), "it gets none anyway");
    }

    // Servers of the release before run beside this one: their form has no boxes, and their ticket does not say whether the app may stay.
    [Test]
    public async Task What_a_server_of_the_release_before_has_made_is_asked_again_and_takes_nothing_away()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await SignInAsync(alice);
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("scope", "mcp:call profile")));
        foreach (var field in page.Document!.QuerySelectorAll("form:has(.choices) input").Where(field => field.GetAttribute("name") is "boxes" or "scope" or "tool").ToList())
        {
            field.Remove();
        }

        var shown = await alice.Browser.SubmitAsync(page, button: "allow");
        var tickets = _server.Services.GetRequiredService<AuthorizationTickets>();
        var old = tickets.Protect(tickets.Read(page.Query["request"])! with { MayRefresh = null });
        var again = await alice.Browser.GetAsync("/consent?request=" + old);

        Assert.That(await ToolsInDatabaseAsync(client), Is.EqualTo("nothing is remembered"));
        foreach (var asked in new[] { shown, again })
        {
            Assert.That(asked.Address.AbsolutePath, Is.EqualTo("/consent"));
            Assert.That(asked.Document!.QuerySelectorAll("input[type=checkbox][checked]").Select(box => box.GetAttribute("value")),
                Is.SupersetOf(["mcp:call", "profile", "echo", "offline_access"]), "all as before");
        }
    }

    [Test]
    public async Task A_tool_that_was_taken_away_does_not_come_back_by_a_page_that_does_not_show_it()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_other) { Unticked = ["later"] };
        await client.At(_other.Http).AuthorizeAsync(alice);
        using var there = new Person(_server);

        await client.ConnectAsync(there, ("prompt", "consent")); // where that tool is not served

        Assert.That(await ToolsInDatabaseAsync(client), Is.EqualTo("echo\ngreeting\nping\nwhoami"));
    }

    [Test]
    public async Task Nothing_of_the_resource_left_is_no_way_to_allow_and_the_last_scope_of_it_is_locked()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await SignInAsync(alice);
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("scope", All)));
        page = await alice.Browser.SubmitAsync(page, button: "allow", unticked: ["mcp", "mcp:call", "email"]);

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"));
        Assert.That(page.Document!.QuerySelector("[role=alert]")?.TextContent, Does.Contain("Deny"));
        Assert.That(BoxesOf(page, "scope"), Is.SupersetOf([("mcp", false), ("email", false), ("profile", true)]), "the rest is as it was left");
        Assert.That(await ToolsInDatabaseAsync(client), Is.EqualTo("nothing is remembered"));

        page = await alice.Browser.GetAsync(client.AuthorizeUrl(("scope", "mcp openid email")));
        Assert.That(page.Document!.QuerySelectorAll("input[name=scope][disabled]").Select(box => box.GetAttribute("value")), Is.EquivalentTo(["mcp", "openid"]));
        alice.Unticked = ["mcp", "openid", "email"];
        Assert.That((await client.ConnectAsync(alice, ("scope", "mcp openid email"))).Text("scope"), Is.EqualTo("mcp openid"));
    }

    [Test]
    public async Task A_client_that_the_operator_approved_has_nothing_to_choose()
    {
        var client = OAuthClient.Of(_server, "the-desk", secret: null, OAuthClient.DefaultRedirectUri);
        using var alice = new Person(_server);
        var silent = await client.ConnectAsync(alice, ("scope", All));
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("scope", All), ("prompt", "consent")));

        Assert.That(page.Document!.QuerySelectorAll("input[type=checkbox]"), Is.Empty);
        var asked = await client.ConnectAsync(alice, ("scope", All), ("prompt", "consent"));
        Assert.That((silent.Text("scope"), asked.Text("scope")), Is.EqualTo((All, All)));
        Assert.That(ToolsOf(asked), Is.Null);
    }

    // Whoever changes the form of their own page, or a browser that is not theirs any more.
    [TestCase("a scope that was not asked for", "mcp", "")]
    [TestCase("a tool that is not listed", "mcp mcp:call", "greeting")]
    [TestCase("doubles", "mcp mcp:call", "greeting")]
    [TestCase("odd characters", "mcp", "")]
    [TestCase("ten thousand values", null, null)]
    [TestCase("ten thousand other names", null, null)]
    public async Task A_forged_form_allows_nothing_wider(string what, string? scope, string? tools)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await SignInAsync(alice);
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("scope", "mcp mcp:call email")));
        (string, string?)[] fields = what switch
        {
            "a scope that was not asked for" => [("scope", "mcp"), ("scope", "openid"), ("scope", "mcp:admin"), ("scope", "notes:write"), ("scope", "mcp mcp:call"), ("Scope", "MCP:CALL"), ("offline_access", "on")],
            "a tool that is not listed" => [("scope", "mcp"), ("scope", "mcp:call"), ("tool", "greeting"), ("tool", "admin_status"), ("tool", "later"), ("tool", "echo\nwhoami"), ("tool", "ECHO"), ("tool", " echo"), ("tool", "*")],
            "doubles" => [("scope", "mcp:call"), ("scope", "mcp"), ("scope", "mcp"), ("tool", "greeting"), ("tool", "greeting")],
            "odd characters" => [("scope", "mcp"), ("scope", "m\u200Bcp:call"), ("scope", "\uFF4Dcp:call"), ("scope", ""), ("tool", "\uFFFF\u202E"), ("tool", ""), ("tool", new string('e', 5000))],
            "ten thousand values" => [.. Enumerable.Range(0, 10_000).Select(number => ("scope", (string?)$"mcp{number}")), ("scope", "mcp")],
            _ => [.. Enumerable.Range(0, 10_000).Select(number => ($"scope{number}", (string?)"mcp")), ("scope", "mcp")],
        };

        var answer = await PostAsync(alice, page, [("decision", "allow"), .. fields]);

        Assert.That((int)answer.StatusCode, Is.LessThan(500));
        if (scope is null)
        {
            Assert.That(await ToolsInDatabaseAsync(client), Is.EqualTo("nothing is remembered"));
            return;
        }

        var body = await answer.Content.ReadAsStringAsync();
        var next = System.Net.WebUtility.HtmlDecode(body.Split("url=")[1].Split('"')[0]);
        var redirected = await alice.Browser.GetAsync(next);
        var token = await (await client.RedeemAsync(redirected.Query["code"]!)).JsonAsync();
        Assert.That(token.Text("scope"), Is.EqualTo(scope));
        Assert.That(string.Join(' ', ToolsOf(token)!), Is.EqualTo(tools));
    }

    private static async Task RefusesAsync(McpCaller mcp, string tool, string? token, string? why = null)
    {
        var refused = await mcp.CallToolAsync(tool, token, new { message = "hi" });
        Assert.That((refused.Status, refused.Reason, refused.Challenge), Is.EqualTo((403, "tool_not_allowed", "")), why ?? refused.Body);
        Assert.That(refused.Json.GetProperty("error").GetProperty("message").GetString(), Does.StartWith("The person who connected this app did not allow it to use this tool").And.Contain("http://localhost:"));
    }

    private static string[]? ToolsOf(JsonElement tokens) =>
        JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(tokens.Text("access_token")!.Split('.')[1])).RootElement.TryGetProperty("mcp_tools", out var tools)
            ? [.. tools.EnumerateArray().Select(tool => tool.GetString()!)]
            : null;

    private static IEnumerable<(string? Value, bool IsTicked)> BoxesOf(BrowserPage page, string name) =>
        page.Document!.QuerySelectorAll($"input[type=checkbox][name={name}]").Where(box => box.GetAttribute("value") != "offline_access").Select(box => (box.GetAttribute("value"), box.HasAttribute("checked")));

    private async Task SignInAsync(Person person)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        await client.AuthorizeAsync(person);
    }

    private async Task<HttpResponseMessage> PostAsync(Person person, BrowserPage page, IEnumerable<(string Name, string? Value)> fields)
    {
        var hidden = page.Document!.QuerySelectorAll("form:has(.choices) input[type=hidden]").Select(field => (Name: field.GetAttribute("name")!, Value: field.GetAttribute("value")));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/consent")
        {
            Content = new FormUrlEncodedContent(hidden.Concat(fields).Select(field => KeyValuePair.Create(field.Name, field.Value))),
        };
        request.Headers.Add("Cookie", person.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
        return await _server.Http.SendAsync(request);
    }

    private async Task<JsonElement> IntrospectAsync(string token)
    {
        using var response = await OAuthClient.Of(_server, "own-server", Secret, "").PostAsync("/oauth/introspect", ("token", token));
        return await response.JsonAsync();
    }

    private async Task<JsonElement> GetAsync(string path, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new("Bearer", token) } };
        using var response = await _server.Http.SendAsync(request);
        return await response.JsonAsync();
    }

    private async Task<string> ToolsInDatabaseAsync(OAuthClient client)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        var consents = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Consents.AsNoTracking().Where(consent => consent.ClientId == client.ClientId).ToListAsync();
        return consents.Count == 0 ? "nothing is remembered" : string.Join('|', consents.Select(consent => consent.Tools ?? "all").Order());
    }

    // The writer takes events in its own time.
    private async Task<string> LogAsync(OAuthClient client, string @event)
    {
        var lines = "";
        await Until.TrueAsync(async () =>
        {
            var all = await ReadSharedAsync(Path.Combine(_folder.FullName, "security.log"));
            lines = string.Join('\n', all.Split('\n').Where(line => line.Contains(client.ClientId, StringComparison.Ordinal) && line.Contains($"\"{@event}\"", StringComparison.Ordinal)));
            return lines.Length > 0;
        }, $"the security log has {@event}");
        return lines;
    }

    private static async Task<string> ReadSharedAsync(string path)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return await reader.ReadToEndAsync();
    }

    [McpServerToolType]
    private sealed class LaterTools
    {
        [McpServerTool(Name = "later"), ToolAccess]
        public static string Later() => "later";
    }
}
