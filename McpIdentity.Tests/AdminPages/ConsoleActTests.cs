using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Administration;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.Playwright;

namespace McpIdentity.Tests.AdminPages;

/// <summary>
/// What operators do in the console, each act from the page to what it changes for people, clients and servers: in Chromium, and the same in a
/// browser without JavaScript. One server, one browser, one act after the other.
/// </summary>
[Category(Needs.Browser)]
[Parallelizable(ParallelScope.Self)]
internal sealed class ConsoleActTests
{
    private ScriptedServer _upstream = null!;
    private AdminScene _scene = null!;
    private ChromiumPage _chromium = null!;
    private Person _olga = null!;
    private int _count;

    private TestServer Server => _scene.Server;

    private IPage Page => _chromium.Page;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await ScriptedServer.StartAsync(ScriptedServer.Tool("read", annotations: "{\"readOnlyHint\":true}"), ScriptedServer.Tool("drop"));
        _scene = await AdminScene.StartAsync(
            "OAuth:Registration:Policy=Approval", "OAuth:StaticClients:1:ClientId=desk", "OAuth:StaticClients:1:Name=Desk", $"OAuth:StaticClients:1:RedirectUris:0={OAuthClient.DefaultRedirectUri}", "Gateway:CatalogueRefresh=0");
        _olga = _scene.Person("olga");
        _chromium = await Chromium.OpenAsync(new() { ViewportSize = new() { Width = 1280, Height = 900 } });
        await Page.GotoAsync(Server.BaseUrl + Paths.Console);
        await new ChromiumHand(Page, Server.BaseUrl, "olga@example.com").SignInAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _chromium.DisposeAsync();
        _olga.Dispose();
        await _scene.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [SetUp]
    public void Forget() => _chromium.Forget();

    [TearDown]
    public void Nothing_was_complained_about() => Assert.That(_chromium.ConsoleErrors.Where(error => !error.Contains("responded with a status of 422", StringComparison.Ordinal)), Is.Empty);

    [TestCase(true), TestCase(false)]
    public async Task A_service_is_made_its_secret_renewed_and_it_is_disabled_and_deleted(bool withScript)
    {
        var (hand, name) = (Hand(withScript), Name("Payroll job"));
        await hand.OpenAsync(ClientsModel.Path);
        await hand.SendAsync("Make it", ("name", name), ("what", "service"));
        var (id, first) = await hand.AllAsync(".notice pre") is [var clientId, var secret] ? (clientId, secret) : throw new AssertionException(await hand.TextAsync());
        Assert.That(await IsGoodAsync(id, first), "what is copied from the page");

        await hand.OpenAsync(ConsoleClientModel.AddressOf(id));
        await hand.SendAsync("Save", ("name", $"{name} of all"), ("redirects", ""));
        await hand.OpenAsync(EventModel.AddressOf(await Server.DatabaseAsync(db => db.AuditEntries.Where(row => row.Event == "client_updated" && row.ClientId == id).Select(row => row.Id).SingleAsync())));
        Assert.That(await hand.TextAsync(), Does.Contain("olga@example.com").And.Match($"before ?name: {name} ?after ?name: {name} of all"));
        name = $"{name} of all";

        await hand.OpenAsync(ConsoleClientModel.AddressOf(id));
        await hand.SendAsync("Make a new one", ("hours", "0"));
        var second = (await hand.AllAsync(".notice pre")).Single();
        Assert.That((await IsGoodAsync(id, first), await IsGoodAsync(id, second)), Is.EqualTo((false, true)));

        await hand.SendAsync("disable-and-end");
        Assert.That(await hand.TextAsync(), Does.Contain("everything that it held has ended").And.Not.Contain(second));
        Assert.That(await IsGoodAsync(id, second), Is.False);
        Server.Clock.Advance(TimeSpan.FromSeconds(5)); // enabling waits until what it gets anew is told from what was ended
        await hand.SendAsync("enable");
        Assert.That(await IsGoodAsync(id, second));

        await hand.SendAsync("Delete", ("typed", "something else"));
        Assert.That(await hand.TextAsync(), Does.Contain("Nothing was deleted"));
        await hand.SendAsync("Delete", ("typed", name));
        Assert.That(await hand.TextAsync(), Does.Contain($"{name} was deleted"));
        Assert.That(await IsGoodAsync(id, second), Is.False);
    }

    [TestCase(true), TestCase(false)]
    public async Task A_client_that_waits_is_let_in(bool withScript)
    {
        var hand = Hand(withScript);
        var client = await OAuthClient.RegisterPublicAsync(Server);
        await hand.OpenAsync($"{ClientsModel.Path}?status=waiting");
        Assert.That(await hand.TextAsync(), Does.Contain(client.ClientId));

        await hand.OpenAsync(ConsoleClientModel.AddressOf(client.ClientId));
        await hand.SendAsync("approve");

        Assert.That(await hand.TextAsync(), Does.Contain("It was let in"));
        using var emil = _scene.Person("emil");
        Assert.That((await client.ConnectAsync(emil)).Text("access_token"), Is.Not.Empty);
    }

    [TestCase("session", true), TestCase("session", false), TestCase("grant", true), TestCase("grant", false), TestCase("token", true), TestCase("token", false)]
    public async Task What_somebody_has_is_ended(string what, bool withScript)
    {
        var hand = Hand(withScript);
        using var emil = _scene.Person("emil");
        var client = OAuthClient.Of(Server, "desk", null, OAuthClient.DefaultRedirectUri);
        var tokens = await client.ConnectAsync(emil, ("scope", "mcp offline_access"));
        var access = tokens.Text("access_token")!;
        if (what == "token")
        {
            await hand.OpenAsync(TokensModel.Path);
            await hand.SendAsync("Look up", ("token", access));
            Assert.That(await hand.TextAsync(), Does.Contain("It is good").And.Contain("emil@example.com").And.Contain(Server.McpUrl));
            await hand.SendAsync("end");
        }
        else
        {
            await hand.OpenAsync($"/admin/{what}s?user=emil@example.com");
            await hand.SendAsync(what == "session" ? tokens.Sid() : new JsonWebToken(access).GetClaim("oi_au_id").Value);
        }

        Assert.That(await hand.TextAsync(), Does.Match("has ended"));
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refreshed.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [TestCase(true), TestCase(false)]
    public async Task A_server_is_added_asked_its_tools_allowed_and_blocked_and_it_is_removed(bool withScript)
    {
        var (hand, name) = (Hand(withScript), Name("notes"));
        await hand.OpenAsync(ConsoleServersModel.Path);
        await hand.SendAsync("Add", ("name", name), ("url", _upstream.Url), ("title", "Our notes"), ("review", "new"));
        Assert.That(await hand.TextAsync(), Does.Contain("It was added. No rule of the policy lets anybody use it yet.").And.Contain("No rule of the policy speaks of it"));

        await hand.SendAsync("Ask", ("user", ""));
        Assert.That(await hand.TextAsync(), Does.Match("It answered in .* scripted 7.1, MCP 2025-11-25, 2 tools"));

        Server.Services.GetRequiredService<ToolCatalogue>().Learn(name, ToolReview.New, [.. _upstream.Tools.Select(tool => JsonDocument.Parse(tool).RootElement)]);
        await Server.Services.GetRequiredService<CatalogueFeed>().LoadAsync(CancellationToken.None);
        await hand.OpenAsync(ConsoleServerModel.AddressOf(name));
        await hand.SendAsync("Allow");
        Assert.That(await hand.TextAsync(), Does.Contain("may be used as it is now"));
        await hand.SendAsync("Block");
        Assert.That(await hand.TextAsync(), Does.Contain("Nobody may use"));

        await hand.SendAsync("Remove", ("typed", "another"));
        Assert.That(await hand.TextAsync(), Does.Contain("Nothing was removed"));
        await hand.SendAsync("Remove", ("typed", name));
        Assert.That(await hand.TextAsync(), Does.Contain($"{name} was removed"));
        await hand.OpenAsync(ConsoleServersModel.Path);
        Assert.That(await hand.TextAsync(), Does.Not.Contain(name));
    }

    [TestCase(true), TestCase(false)]
    public async Task A_policy_is_compared_applied_asked_and_rolled_back(bool withScript)
    {
        var (hand, server) = (Hand(withScript), Name("calendar"));
        await hand.OpenAsync(PolicyModel.Path);
        await hand.SendAsync("diff", ("document", Rule("allow")));
        Assert.That(await hand.TextAsync(), Does.Contain("added").And.Contain(server));

        await hand.SendAsync("apply", ("document", Rule("allow")), ("note", "for all"));
        var first = Number(await hand.TextAsync());
        await hand.SendAsync("apply", ("document", Rule("deny")), ("note", "for nobody"));
        await hand.SendAsync("Ask", ("server", server), ("tool", "read"), ("client", "desk"), ("user", "olga@example.com"));
        Assert.That(await hand.TextAsync(), Does.Contain("deny by"));

        await hand.SendAsync(first);
        Assert.That(await hand.TextAsync(), Does.Contain($"Version {first} is in force again"));
        await hand.SendAsync("apply", ("document", "no JSON"));
        Assert.That((await hand.AllAsync("[role=alert]")).Single(), Is.Not.Empty);

        string Rule(string effect) => JsonSerializer.Serialize(new { Rules = new[] { new { Effect = effect, Servers = new[] { server } } } });

        static string Number(string text) => System.Text.RegularExpressions.Regex.Match(text, @"Version (\d+) is in force").Groups[1].Value;
    }

    [TestCase(true), TestCase(false)]
    public async Task A_registration_is_tried_and_a_token_for_one_made_and_revoked(bool withScript)
    {
        var (hand, name) = (Hand(withScript), Name("partner"));
        await hand.OpenAsync(RegistrationModel.Path);
        await hand.SendAsync("Try", ("metadata", """{"redirect_uris":["http://partner.example/cb"]}"""));
        Assert.That(await hand.TextAsync(), Does.Contain("It would be refused by").And.Contain("invalid_redirect_uri"));

        await hand.SendAsync("Make a token", ("name", name), ("days", "7"));
        var token = (await hand.AllAsync(".notice pre")).Single();
        Assert.That(await RegisterAsync(token), Is.EqualTo(HttpStatusCode.Created));
        await hand.SendAsync(name);
        Assert.That(await hand.TextAsync(), Does.Contain($"{name} registers nothing any more"));
        Assert.That(await RegisterAsync(token), Is.EqualTo(HttpStatusCode.Unauthorized));

        async Task<HttpStatusCode> RegisterAsync(string bearer)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/register") { Content = JsonContent.Create(new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" }) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
            using var response = await Server.Http.SendAsync(request);
            return response.StatusCode;
        }
    }

    [TestCase(true), TestCase(false)]
    public async Task Keys_are_rotated_by_who_has_just_signed_in(bool withScript)
    {
        var hand = Hand(withScript);
        Server.Clock.Advance(TimeSpan.FromMinutes(11));
        await hand.OpenAsync(KeysModel.Path);
        await hand.SendAsync("rotate");
        await hand.SignInAsync();
        Assert.That(await hand.TextAsync(), Does.Contain("You have signed in anew. Please do it again."));

        await hand.SendAsync("rotate");

        Assert.That(await hand.TextAsync(), Does.Contain("A new key was made").And.Contain("\"kty\""));
    }

    [TestCase(true), TestCase(false)]
    public async Task A_role_is_given_and_taken_away_and_acts_at_once(bool withScript)
    {
        var hand = Hand(withScript);
        using var emil = _scene.Person("emil");
        var other = new NoScriptHand(emil);
        await other.OpenAsync(Paths.Console);
        Assert.That(await other.TextAsync(), Does.Contain("administers nothing here"));

        Server.Clock.Advance(TimeSpan.FromMinutes(11));
        await hand.OpenAsync(AdministratorsModel.Path);
        await hand.SendAsync("Give", ("user", "emil@example.com"), ("role", "helpdesk"));
        await hand.SignInAsync();
        await hand.SendAsync("Give", ("user", "emil@example.com"), ("role", "helpdesk"));
        Assert.That(await hand.TextAsync(), Does.Contain("emil@example.com is helpdesk now"));
        await other.OpenAsync(SessionsModel.Path);
        Assert.That(other.Page.Status, Is.EqualTo(HttpStatusCode.OK));

        await hand.SendAsync("Take away");
        await other.OpenAsync(SessionsModel.Path);
        Assert.That(other.Page.Status, Is.EqualTo(HttpStatusCode.Forbidden));
    }

    [TestCase(true), TestCase(false)]
    public async Task Why_somebody_cannot_connect_is_found_and_the_doctor_looked_at(bool withScript)
    {
        var hand = Hand(withScript);
        using var stranger = await Server.Http.GetAsync(OAuthClient.Of(Server, "desk", null, "https://elsewhere.example/callback").AuthorizeUrl());
        await Until.TrueAsync(
            async () =>
            {
                await hand.OpenAsync($"{TraceModel.Path}?of=desk");
                return (await hand.TextAsync()).Contains("https://elsewhere.example/callback", StringComparison.Ordinal);
            }, "the audit has it");
        Assert.That(await hand.TextAsync(), Does.Contain("What to do:"));

        await hand.OpenAsync(DoctorModel.Path);
        Assert.That(await hand.TextAsync(), Does.Match(@"\d+ good").And.Contain("database.migrations"));
        await hand.OpenAsync(Paths.Console);
        Assert.That(await hand.TextAsync(), Does.Match(@"\d+ failed, \d+ warnings, \d+ notes, \d+ good, "), "what it found is on the overview");
    }

    [Test]
    public async Task The_audit_is_filtered_while_one_types_and_what_is_found_is_downloaded()
    {
        await Server.Services.GetRequiredService<McpIdentity.Server.Audit.AuditTrail>().WriteAsync(McpIdentity.Mcp.Audit.SecurityEvent.Success("user_enabled") with { Subject = "somebody who is gone", Time = Server.Clock.GetUtcNow() });
        await Page.GotoAsync($"{Server.BaseUrl}{AuditModel.Path}");
        await Page.Locator("#user").PressSequentiallyAsync("somebody who is gone");
        await Assertions.Expect(Page.Locator("#rows tbody tr")).ToHaveCountAsync(1);
        Assert.That(Page.Url, Does.Contain("user=somebody"), "an address that can be kept");

        var download = await Page.RunAndWaitForDownloadAsync(() => Page.GetByText("CSV", new() { Exact = true }).ClickAsync());

        var lines = await File.ReadAllLinesAsync(await download.PathAsync());
        Assert.That(download.SuggestedFilename, Does.Match(@"^audit-\d{8}-\d{4}\.csv$"));
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[1], Does.Contain("user_enabled").And.Contain("somebody who is gone"));

        await Page.GetByRole(AriaRole.Link, new() { Name = "user_enabled" }).ClickAsync();
        Assert.That(await Page.Locator("main").TextContentAsync(), Does.Contain("somebody who is gone").And.Contain("In the chain of"));
    }

    [Test]
    public async Task A_client_is_made_and_deleted_by_the_keyboard_alone()
    {
        var name = Name("By keys");
        await Page.GotoAsync(Server.BaseUrl + ClientsModel.Path);
        await TabToAsync("#name");
        await Page.Keyboard.TypeAsync(name);
        await TabToAsync("#what");
        await Page.Keyboard.TypeAsync("a service");
        await TabToAsync("form[action$=create] button");
        await Page.Keyboard.PressAsync("Enter");
        await Page.Locator(".notice pre").First.WaitForAsync();
        await TabToAsync(".notice a");
        await Page.Keyboard.PressAsync("Enter");
        await Page.Locator("#typed").WaitForAsync();
        await TabToAsync("#typed");
        await Page.Keyboard.TypeAsync(name);
        await Page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(Page.Locator("[role=status]")).ToHaveTextAsync($"{name} was deleted.");

        async Task TabToAsync(string selector)
        {
            for (var i = 0; i < 150; i++)
            {
                await Page.Keyboard.PressAsync("Tab");
                if (await Page.Locator(selector).First.EvaluateAsync<bool>("element => element === document.activeElement"))
                {
                    return;
                }
            }

            Assert.Fail($"no key leads to {selector}");
        }
    }

    private ConsoleHand Hand(bool withScript) => withScript ? new ChromiumHand(Page, Server.BaseUrl, "olga@example.com") : new NoScriptHand(_olga);

    private string Name(string of) => $"{of}-{++_count}";

    private async Task<bool> IsGoodAsync(string id, string secret)
    {
        using var answer = await OAuthClient.Of(Server, id, secret, "").TokenAsync(("grant_type", "client_credentials"));
        return answer.IsSuccessStatusCode;
    }
}
