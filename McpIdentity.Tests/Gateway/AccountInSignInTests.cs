using System.Net;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Gateway;

/// <summary>The sign-in that an app starts asks for the account at the server behind this one: docs/gateway.md, "People's own accounts".</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AccountInSignInTests
{
    private const string Page = "/connections/notes";

    private StandInAuthority _authority = null!;
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _authority = await StandInAuthority.StartAsync();
        _server = await TestServer.StartAsync(
            $"Gateway:Servers:notes:Url={_authority.McpUrl}", "Gateway:Servers:notes:Upstream:Auth=OAuth", "Gateway:Servers:notes:DisplayName=Notes",
            $"Gateway:Servers:away:Url=http://127.0.0.1:{Ports.Next()}/mcp", "Gateway:Servers:away:Upstream:Auth=OAuth",
            $"Gateway:Servers:open:Url={_authority.McpUrl}", "Gateway:CatalogueRefresh=0",
            "Policy:Rules:0:Users=bob@example.com", "Policy:Rules:0:Servers=away", "Policy:Rules:0:Effect=deny", "Policy:Rules:1:Effect=allow");
    }

    [SetUp]
    public async Task NobodyIsConnectedAsync()
    {
        (_authority.Denies, _authority.Refuses) = (false, null);
        _authority.Authorizations.Clear();
        await _server.DatabaseAsync(db => db.UpstreamConnections.ExecuteDeleteAsync());
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _authority.DisposeAsync();
    }

    // A program is asked about each time: what was decided has to come through the other authorization server and back.
    [TestCase(OAuthClient.DefaultRedirectUri), TestCase(OAuthClient.LoopbackRedirectUri)]
    public async Task Who_connects_comes_back_to_the_same_authorization_which_gives_the_code_by_itself(string redirectUri)
    {
        using var alice = Visitor("connect");
        var client = await OAuthClient.RegisterPublicAsync(_server, redirectUri);

        var tokens = await client.ConnectAsync(alice, ("resource", ResourceOf("notes")));
        var call = await _server.CallerOf("notes").CallToolAsync("whoami", tokens.Text("access_token")!);

        Assert.That(alice.PagesSeen, Is.EqualTo(new[] { "/signin", "/consent", Page }));
        Assert.That(call.Text, Does.StartWith("Bearer theirs-"));
        var (afterConsent, last) = (alice.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent"), alice.Browser.Visits.Last(visit => visit.Document is not null));
        Assert.Multiple(() =>
        {
            Assert.That(afterConsent.Body, Does.Contain("next step").And.Not.Contain("You can close this window"), "there is another page");
            Assert.That(last.Address.AbsolutePath, Is.EqualTo("/oauth/connections/callback/notes"));
            Assert.That(last.Body.Contains("You can close this window", StringComparison.Ordinal), Is.EqualTo(redirectUri == OAuthClient.LoopbackRedirectUri), "a page that stays is one that is finished");
        });

        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("resource", ResourceOf("notes")), ("prompt", "consent"));
        Assert.That(alice.PagesSeen, Is.EqualTo(new[] { "/consent" }), "who is connected is not asked");
    }

    [Test]
    public async Task Not_now_goes_on_at_once_and_is_asked_again_only_where_the_person_is_asked_something_anyway()
    {
        using var alice = Visitor("later");
        var client = await OAuthClient.RegisterPublicAsync(_server);

        var tokens = await client.ConnectAsync(alice, ("resource", ResourceOf("notes")));
        Assert.That(alice.PagesSeen, Is.EqualTo(new[] { "/signin", "/consent", Page }));
        Assert.That((await _server.CallerOf("notes").CallToolAsync("whoami", tokens.Text("access_token")!)).Body, Does.Contain($"{_server.BaseUrl}{Page}?link="), "the call says where");
        Assert.That(_authority.Authorizations, Is.Empty);

        await SeesAsync([], ("prompt", null));
        await SeesAsync([], ("prompt", "none"));
        await SeesAsync([], ("prompt", "none"), ("signed_in", "1"));
        await SeesAsync(["/consent", Page], ("prompt", "consent"));
        await SeesAsync(["/signin", Page], ("prompt", "login"));
        await SeesAsync([], ("prompt", null), ("account_later", "1"));

        async Task SeesAsync(string[] pages, params (string, string?)[] parameters)
        {
            alice.PagesSeen.Clear();
            await client.AuthorizeAsync(alice, [("resource", ResourceOf("notes")), .. parameters]);
            Assert.That(alice.PagesSeen, Is.EqualTo(pages), string.Join(' ', parameters));
        }
    }

    [TestCase("open", "alice"), TestCase("away", "bob")]
    public async Task Nobody_is_asked_for_an_account_that_the_server_or_the_policy_makes_useless(string name, string user)
    {
        using var person = new Person(_server, user);
        var client = await OAuthClient.RegisterPublicAsync(_server);

        var answer = await person.AuthorizeAsync(client.AuthorizeUrl(("resource", ResourceOf(name))));

        Assert.That(answer.ContainsKey("code"), Is.EqualTo(user == "alice"));
        Assert.That(person.PagesSeen, Has.None.StartsWith("/connections"));
    }

    [Test]
    public async Task A_no_there_comes_back_to_the_page_which_says_so_and_not_now_still_works()
    {
        using var alice = Visitor("connect");
        var page = await AskedAsync(alice);
        _authority.Denies = true;
        var back = await alice.Browser.SubmitAsync(page, button: "connect");

        Assert.That((back.Status, back.Address.AbsolutePath), Is.EqualTo((HttpStatusCode.OK, Page)));
        Assert.That(back.Text(), Does.Contain("the access was refused there"));
        Assert.That((await alice.Browser.SubmitAsync(back, button: "later")).Query["code"], Is.Not.Empty);
    }

    [Test]
    public async Task What_fails_there_comes_back_with_a_reference_and_can_be_tried_again()
    {
        using var alice = Visitor("connect");
        var page = await AskedAsync(alice);
        _authority.Refuses = "invalid_grant";
        var back = await alice.Browser.SubmitAsync(page, button: "connect");
        Assert.That(back.Address.AbsolutePath, Is.EqualTo(Page));
        Assert.That(back.Text(), Does.Match("did not give what is needed.* under [0-9a-f]{32}"));

        var forged = await alice.Browser.GetAsync(back.Address.PathAndQuery.Split("&failed=")[0] + "&failed=" + Uri.EscapeDataString("Call +1 555 0100"));
        Assert.That(forged.Text(), Does.Not.Contain("555"), "others write nothing on this page");

        _authority.Refuses = null;
        Assert.That((await alice.Browser.SubmitAsync(back, button: "connect")).Query["code"], Is.Not.Empty);
        Assert.That(await CountAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_server_whose_authorization_server_cannot_be_found_holds_nobody_up()
    {
        using var alice = Visitor("connect");
        var page = await AskedAsync(alice, "away");

        var back = await alice.Browser.SubmitAsync(page, button: "connect");

        Assert.That((back.Status, back.Text().Contains("did not give what is needed", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.BadGateway, true)), back.Text());
        Assert.That((await alice.Browser.SubmitAsync(back, button: "later")).Query["code"], Is.Not.Empty);
    }

    [Test]
    public async Task The_page_of_one_person_gives_another_neither_their_consent_nor_their_account()
    {
        using var alice = Visitor("connect");
        var page = await AskedAsync(alice);
        using var bob = Visitor("connect", "bob");
        await AskedAsync(bob);

        // Bob opens hers: he connects his own account, and is asked himself what the app may do.
        var his = await bob.Browser.GetAsync(page.Address.PathAndQuery);
        Assert.That(his.Text(), Does.Contain("Bob Example").And.Not.Contain("Alice"));
        var after = await bob.Browser.SubmitAsync(his, button: "connect");
        Assert.That((after.IsOutside, after.Address.AbsolutePath), Is.EqualTo((false, "/consent")));
        Assert.That(await _server.DatabaseAsync(db => db.UpstreamConnections.Select(row => row.UserId).SingleAsync()), Is.EqualTo(await _server.UserIdAsync("bob")));

        using var stranger = new Person(_server);
        Assert.That((await stranger.Browser.GetAsync(page.Address.PathAndQuery)).Address.AbsolutePath, Is.EqualTo("/signin"));
    }

    [Test]
    public async Task The_answer_to_one_person_is_worth_nothing_in_the_browser_of_another_and_only_once_in_theirs()
    {
        using var alice = new Person(_server);
        var left = await alice.Browser.SubmitAsync(await AskedAsync(alice), button: "connect");
        var answer = await StandInAuthority.AgreeAsync(left.Address);
        using var bob = new Person(_server, "bob");
        await AskedAsync(bob);

        var stolen = await bob.Browser.GetAsync(answer);
        Assert.That((stolen.IsOutside, stolen.Text().Contains("This answer is not expected", StringComparison.Ordinal)), Is.EqualTo((false, true)));
        Assert.That((await alice.Browser.GetAsync(answer)).Text(), Does.Contain("This answer is not expected"), "used up");

        var again = await alice.Browser.SubmitAsync(await AskedAsync(alice, prompt: "consent"), button: "connect");
        answer = await StandInAuthority.AgreeAsync(again.Address);
        Assert.That((await alice.Browser.GetAsync(answer)).Query["code"], Is.Not.Empty);
        var replayed = await alice.Browser.GetAsync(answer);
        Assert.That((replayed.IsOutside, await CountAsync()), Is.EqualTo((false, 1)));
    }

    [Test]
    public async Task A_ticket_of_another_request_and_one_that_is_forged_lead_nowhere()
    {
        using var alice = new Person(_server);
        var page = await AskedAsync(alice);
        var ticket = page.Query["request"]!;

        foreach (var address in (string[])[$"/connections/away?request={ticket}", $"{Page}?request={ticket.Altered()}", $"{Page}?request=x"])
        {
            var refused = await alice.Browser.GetAsync(address);
            Assert.That((refused.Status, refused.Document!.QuerySelector("[value=connect]") is null), Is.EqualTo((HttpStatusCode.BadRequest, true)), address);
        }

    }

    [Test]
    public async Task A_form_that_another_site_sends_begins_nothing()
    {
        using var alice = new Person(_server);
        var ticket = (await AskedAsync(alice)).Query["request"]!;

        using var form = new FormUrlEncodedContent([new("request", ticket), new("decision", "connect")]);
        using var request = new HttpRequestMessage(HttpMethod.Post, Page) { Content = form };
        request.Headers.Add("Cookie", alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
        using var answer = await _server.Http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(_authority.Authorizations, Is.Empty);
    }

    // Each decides anew from the request itself: what was decided long ago, or in a session that has ended, is asked once more.
    [Test]
    public async Task A_page_that_is_old_and_one_whose_person_has_signed_out_go_back_to_the_request()
    {
        using var alice = new Person(_server);
        var page = await AskedAsync(alice, redirectUri: OAuthClient.LoopbackRedirectUri);
        _server.Clock.Advance(TimeSpan.FromMinutes(16));
        Assert.That((await alice.Browser.SubmitAsync(page, button: "later")).Address.AbsolutePath, Is.EqualTo("/consent"));

        page = await AskedAsync(alice, redirectUri: OAuthClient.LoopbackRedirectUri);
        await alice.Browser.SubmitAsync(await alice.Browser.GetAsync("/oauth/signout"));
        Assert.That((await alice.Browser.SubmitAsync(page, button: "connect")).Address.AbsolutePath, Is.EqualTo("/signin"));
    }

    [Test]
    public async Task The_slowest_that_the_pages_allow_is_asked_nothing_twice()
    {
        using var alice = new Person(_server);
        var page = await AskedAsync(alice, redirectUri: OAuthClient.LoopbackRedirectUri);
        _server.Clock.Advance(TimeSpan.FromMinutes(14.9));
        var left = await alice.Browser.SubmitAsync(page, button: "connect");
        var answer = await StandInAuthority.AgreeAsync(left.Address);
        _server.Clock.Advance(TimeSpan.FromMinutes(9.9));

        Assert.That((await alice.Browser.GetAsync(answer)).Query["code"], Is.Not.Empty);
    }

    [TestCase("de", "braucht Ihr Konto bei", "Wenn nicht jetzt"), TestCase("ar", "يحتاج إلى حسابك", "إن لم يكن الآن")]
    public async Task The_page_speaks_the_language_that_the_app_asks_for(string language, string heading, string text)
    {
        using var alice = new Person(_server);
        var page = await AskedAsync(alice, language: language);
        Assert.That(page.Text(), Does.Contain(heading).And.Contain(text));

        _authority.Denies = true;
        alice.Browser.Visits.Clear();
        var left = await alice.Browser.SubmitAsync(page, button: "connect");
        Assert.That((await alice.Browser.GetAsync(await StandInAuthority.AgreeAsync(left.Address))).Text(), Does.Contain(heading), "after the way back too");
    }

    // Within a request line of 8,192 bytes, as servers and proxies have it, with what the consent page decided.
    [Test]
    public async Task The_longest_request_is_carried_through_this_page_too()
    {
        using var alice = Visitor("connect");
        var client = await OAuthClient.RegisterPublicAsync(_server, OAuthClient.LoopbackRedirectUri);
        var random = new Random(7);
        var state = new string([.. Enumerable.Range(0, 6200).Select(_ => (char)random.Next('a', 'z' + 1))]);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("resource", ResourceOf("notes")), ("state", state)));

        Assert.That((answer["state"], answer.ContainsKey("code")), Is.EqualTo((state, true)));
        Assert.That(alice.PagesSeen, Has.Some.EqualTo(Page));
        Assert.That(alice.Browser.Visits.Select(visit => visit.Address.PathAndQuery.Length), Is.All.LessThan(8170));
    }

    [TestCase(true), TestCase(false)]
    [Category("Browser")]
    public async Task In_a_browser_the_program_gets_its_code_after_the_account_was_connected(bool connects)
    {
        using var callback = new LoopbackCallback();
        var client = await OAuthClient.RegisterPublicAsync(_server, callback.RedirectUri);
        await using var chromium = await Chromium.OpenAsync(new BrowserNewContextOptions { JavaScriptEnabled = connects });
        var page = chromium.Page;

        await page.GotoAsync(client.AuthorizeUrl(("resource", ResourceOf("notes"))));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync("Notes needs your account at");
        await page.GetByRole(AriaRole.Button, new() { Name = connects ? "Connect" : "Not now" }).ClickAsync();

        var answer = await callback.ArrivesWithin(Chromium.Patience);
        Assert.That(answer["code"], Is.Not.Empty);
        Assert.That(await CountAsync(), Is.EqualTo(connects ? 1 : 0));
        await Assertions.Expect(page.GetByText(LoopbackCallback.Heading)).ToBeVisibleAsync();
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    private string ResourceOf(string name) => $"{_server.BaseUrl}/mcp/{name}";

    // Their browser opens the other authorization server's pages too.
    private Person Visitor(string atAccount, string user = "alice") => new(_server, user, _authority.Origin) { AtAccount = atAccount };

    private Task<int> CountAsync() => _server.DatabaseAsync(db => db.UpstreamConnections.CountAsync());

    /// <summary>Signs in where that is asked, and allows.</summary>
    /// <returns>The page that asks for the account.</returns>
    private async Task<BrowserPage> AskedAsync(Person person, string name = "notes", string redirectUri = OAuthClient.DefaultRedirectUri, string? prompt = null, string? language = null)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, redirectUri);
        var page = await person.Browser.GetAsync(client.AuthorizeUrl(("resource", ResourceOf(name)), ("prompt", prompt), ("ui_locales", language)));
        if (page.Address.AbsolutePath == "/signin")
        {
            page = await person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = person.Username });
        }

        page = page.Address.AbsolutePath == "/consent" ? await person.Browser.SubmitAsync(page, button: "allow") : page;
        Assert.That(page.Address.AbsolutePath, Is.EqualTo($"/connections/{name}"), page.Text());
        return page;
    }
}
