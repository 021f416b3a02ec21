using System.Net;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Account;

/// <summary>The apps of a person: what they read of each, and that Disconnect ends what it says (docs/account.md).</summary>
[Parallelizable(ParallelScope.Self)] // the demo sign-in has two people, and a test begins with alice's list empty
internal sealed class ConnectedAppTests
{
    private readonly TemporaryFolder _folder = new();
    private TestServer _server = null!;
    private Person _alice = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:RefreshTokenReuseGraceSeconds=0",
        "OAuth:StaticClients:0:ClientId=wiki", "OAuth:StaticClients:0:Name=The wiki",
        "OAuth:StaticClients:0:RedirectUris:0=https://wiki.example/callback",
        "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={_folder.File("security.log")}", "Mcp:RateLimiting:AuthEndpointMaxRequests=1000");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [SetUp]
    public async Task SignInAsync()
    {
        _alice = new Person(_server);
        _alice.Browser.UserAgent = AccountServer.Firefox;
        await (await NamedAsync("First", "https://first.example/cb")).ConnectAsync(_alice);
        await _server.Services.GetRequiredService<Revocations>().DisconnectAsync(await _server.UserIdAsync(), clientIds: null);
    }

    [TearDown]
    public async Task SignOutAsync()
    {
        _alice.Dispose();
        await _server.Services.GetRequiredService<SignInSessions>().EndAllOfAsync(await _server.UserIdAsync(), default);
        _server.Clock.Advance(TimeSpan.FromSeconds(4)); // beyond what that ends of the next test
    }

    [Test]
    public async Task A_decision_from_before_it_was_disconnected_counts_no_more()
    {
        var program = await OAuthClient.RegisterPublicAsync(_server, OAuthClient.LoopbackRedirectUri);
        var page = await _alice.Browser.GetAsync(program.AuthorizeUrl());
        var left = await _alice.Browser.SubmitAsync(page, button: "allow");
        var ending = _alice.Browser.Visits.Last(visit => visit.Method == HttpMethod.Post); // stays open, with its link "If nothing has happened"
        await program.RedeemAsync(left.Query["code"]!);
        var once = await _alice.Browser.GetAsync(ending.Next!.PathAndQuery);
        _server.Clock.Advance(TimeSpan.FromSeconds(2));
        await _server.Services.GetRequiredService<Revocations>().DisconnectAsync(await _server.UserIdAsync(), [program.ClientId]);

        var after = await _alice.Browser.GetAsync(ending.Next.PathAndQuery);

        Assert.That(once.IsOutside, Is.True, "the link works while nothing has changed");
        Assert.That(after.Address.AbsolutePath, Is.EqualTo("/consent"), "the person is asked anew");
    }

    [Test]
    [Category("RFC 6749")]
    public async Task A_disconnected_app_is_refused_everywhere_and_has_to_ask_anew()
    {
        var (editor, other) = (await NamedAsync("Editor", "https://editor.example/cb"), await NamedAsync("Other", "https://other.example/cb"));
        var (tokens, kept) = (await editor.ConnectAsync(_alice), await other.ConnectAsync(_alice));
        var waiting = await editor.AuthorizeAsync(_alice);
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        var list = await _alice.Browser.GetAsync("/account");
        Assert.That(list.Address.AbsolutePath, Is.EqualTo(Paths.Apps));
        var asked = await _alice.Browser.FollowAsync(list, "Disconnect Editor");
        Assert.That(asked.Document!.QuerySelector("h1")!.TextContent, Is.EqualTo("Disconnect Editor?"));
        Assert.That(asked.Text(), Does.Contain("Its access ends at once").And.Contain("the app at editor.example"));
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "to look does nothing");
        var done = await _alice.Browser.SubmitAsync(asked);

        Assert.That(done.Address.AbsolutePath, Is.EqualTo(Paths.Apps));
        Assert.That(_alice.Browser.Visits[^2].Status, Is.EqualTo(HttpStatusCode.SeeOther));
        Assert.That(done.Status(), Is.EqualTo("Editor was disconnected. It has no access any more."));
        Assert.That(done.Names(), Does.Contain("Other").And.Not.Contain("Editor"));
        var (status, challenge) = await _server.Http.CallToolAsync(tokens.Text("access_token"));
        Assert.That((status, challenge.Contains("error=\"invalid_token\"", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.Unauthorized, true)));
        using var refresh = await editor.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant")); // RFC 6749 §5.2
        using var code = await editor.RedeemAsync(waiting);
        Assert.That(await code.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "a code that was not redeemed dies too");
        Assert.That((await _server.Http.CallToolAsync(kept.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "another app goes on");

        _alice.PagesSeen.Clear();
        var again = await editor.ConnectAsync(_alice);
        Assert.That(_alice.PagesSeen, Is.EqualTo(new[] { Paths.Consent }), "it asks, and the browser is signed in");
        Assert.That((await _server.Http.CallToolAsync(again.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "within the same second");

        // Loaded again, the page does nothing again; and whoever presses a second time in an old tab hears how it is.
        Assert.That((await _alice.Browser.GetAsync(done.Address.PathAndQuery)).Names(), Does.Contain("Editor"));
        using var bob = new Person(_server, "bob");
        await other.ConnectAsync(bob);
        Assert.That((await bob.Browser.GetAsync(done.Address.PathAndQuery)).Status(), Is.Null, "what alice did is not said to bob");
    }

    [Test]
    public async Task Of_each_app_it_is_said_what_a_person_has_to_know()
    {
        var editor = await NamedAsync("Editor <b>\u202eof Carol", "http://127.0.0.1:4100/callback");
        await editor.ConnectAsync(_alice);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        await OAuthClient.Of(_server, "wiki", null, "https://wiki.example/callback").ConnectAsync(_alice);

        var page = await _alice.Browser.GetAsync(Paths.Apps);

        Assert.That(page.Names(), Is.EqualTo(new[] { "The wiki", "Editor <b>of Carol" }), "what was used last comes first");
        var entries = page.Document!.QuerySelectorAll(".list > li").Select(entry => string.Join(' ', entry.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToArray();
        Assert.That(entries[0], Does.Contain("the app at wiki.example").And.Contain("Named by the operator of this server"));
        Assert.That(entries[1], Does.Contain("a program on this computer").And.Contain("This app named itself").And.Contain("to within 60 minutes")
            .And.Contain("Firefox on Windows"));
        Assert.That(entries[1], Does.Contain("network 127.0.0.0/24").Or.Contain("network ::/48"));
        Assert.That(entries[1], Does.Contain(FormattableString.Invariant($"Connected {_server.Clock.GetUtcNow():yyyy-MM-dd HH:}")));
        Assert.That(page.Document.QuerySelectorAll(".list details li code").Select(scope => scope.TextContent), Does.Contain("mcp:call"));
        Assert.That(page.Document.QuerySelectorAll("script, style, [style]"), Is.Empty);
        Assert.That(page.Headers!.CacheControl!.NoStore, Is.True);
        Assert.That(page.Headers.GetValues("Cross-Origin-Opener-Policy"), Is.EqualTo(new[] { "same-origin" }));
    }

    /// <summary>Claude Code registers anew for each port: docs/interoperability.md, "Loopback ports".</summary>
    [Test]
    public async Task An_app_that_registered_again_is_one_entry_and_ends_as_one()
    {
        var tokens = new List<(OAuthClient Client, string Access, string Refresh)>();
        foreach (var uri in (string[])["http://localhost:4201/cb", "http://127.0.0.1:4202/cb", "https://agent.example/cb", "https://agent.example/other", "https://agent.example.evil.example/cb"])
        {
            var client = await NamedAsync("Agent", uri);
            var got = await client.ConnectAsync(_alice);
            tokens.Add((client, got.Text("access_token")!, got.Text("refresh_token")!));
        }

        var several = await OAuthClient.RegisterAsync(_server, new
        {
            redirect_uris = new[] { "https://agent.example/cb", "https://thief.example/cb" },
            client_name = "Agent",
            token_endpoint_auth_method = "none",
            grant_types = new[] { "authorization_code", "refresh_token" },
        });
        await several.ConnectAsync(_alice);

        var list = await _alice.Browser.GetAsync(Paths.Apps);
        Assert.That(list.Names(), Is.EqualTo(new[] { "Agent", "Agent", "Agent", "Agent" }), "the computer, the host, another host, and one that could send the answer to two");
        var ofHost = list.Document!.QuerySelectorAll(".list > li").Single(entry => entry.TextContent.Contains("Connections", StringComparison.Ordinal) && entry.TextContent.Contains("agent.example", StringComparison.Ordinal));
        Assert.That(ofHost.QuerySelector("dl")!.TextContent, Does.Match("Connections\\s+2"));

        var asked = await _alice.Browser.GetAsync(ofHost.QuerySelector("a")!.GetAttribute("href")!);
        await _alice.Browser.SubmitAsync(asked);

        for (var i = 0; i < tokens.Count; i++)
        {
            Assert.That((await _server.Http.CallToolAsync(tokens[i].Access)).Status, Is.EqualTo(i is 2 or 3 ? HttpStatusCode.Unauthorized : HttpStatusCode.OK), $"number {i}");
        }
    }

    [Test]
    public async Task What_is_remembered_of_an_app_that_is_not_connected_is_taken_back()
    {
        var client = await NamedAsync("Forgotten", "https://forgotten.example/cb");
        var tokens = await client.ConnectAsync(_alice);
        using var revoked = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
        await _server.DatabaseAsync(db => db.Grants.Where(grant => grant.ClientId == client.ClientId).ExecuteDeleteAsync());
        await _server.DatabaseAsync(async db =>
        {
            db.Consents.Add(new() { Id = "remembered", UserId = await _server.UserIdAsync(), ClientId = client.ClientId, RedirectUri = client.RedirectUri, Resource = _server.McpUrl, Scopes = "mcp:call", GrantedAt = _server.Clock.GetUtcNow() });
            return await db.SaveChangesAsync();
        });

        var list = await _alice.Browser.GetAsync(Paths.Apps);
        Assert.That(list.Text(), Does.Contain("may connect again without asking you"));
        var done = await _alice.Browser.SubmitAsync(await _alice.Browser.FollowAsync(list, "Disconnect Forgotten"));

        Assert.That(done.Status(), Is.EqualTo("Forgotten has to ask you before it connects again."));
        Assert.That(done.Text(), Does.Contain("You have connected no app."));
        Assert.That(await _server.DatabaseAsync(db => db.Consents.AnyAsync(consent => consent.Id == "remembered")), Is.False);
    }

    [Test]
    public async Task Everything_that_was_allowed_ends_and_the_browser_stays_signed_in()
    {
        using var bob = new Person(_server, "bob");
        var clients = new[] { await NamedAsync("One", "https://one.example/cb"), await NamedAsync("Two", "http://localhost:4300/cb"), OAuthClient.Of(_server, "wiki", null, "https://wiki.example/callback") };
        var tokens = new List<string>();
        foreach (var client in clients)
        {
            tokens.Add((await client.ConnectAsync(_alice)).Text("access_token")!);
        }

        var of = (await clients[0].ConnectAsync(bob)).Text("access_token");
        var asked = await _alice.Browser.GetAsync(Paths.DisconnectApps);
        Assert.That(asked.Text(), Does.Contain("Apps 3"));
        var done = await _alice.Browser.SubmitAsync(asked);

        Assert.That(done.Status(), Is.EqualTo("All apps were disconnected. None has access any more."));
        Assert.That(done.Names(), Is.Empty);
        foreach (var token in tokens)
        {
            Assert.That((await _server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        var userId = await _server.UserIdAsync();
        foreach (var client in clients)
        {
            await LogLines.WaitForAsync(_folder.File("security.log"), "app_disconnected", line => line.Text("client_id") == client.ClientId && line.Text("subject") == userId);
        }

        Assert.That((await _server.Http.CallToolAsync(of)).Status, Is.EqualTo(HttpStatusCode.OK), "bob's");
        _alice.PagesSeen.Clear();
        var anew = await clients[0].ConnectAsync(_alice);
        Assert.That(_alice.PagesSeen, Is.EqualTo(new[] { Paths.Consent }));
        Assert.That((await _server.Http.CallToolAsync(anew.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "what is allowed in the same second is new");
    }

    [Test]
    public async Task What_is_another_s_is_as_if_it_were_not_there()
    {
        using var bob = new Person(_server, "bob");
        var (his, hers) = (await NamedAsync("Of Bob", "https://bob.example/cb"), await NamedAsync("Of Grace", "https://grace.example/cb"));
        var (tokens, _) = (await his.ConnectAsync(bob), await hers.ConnectAsync(_alice));
        var asked = await _alice.Browser.FollowAsync(await _alice.Browser.GetAsync(Paths.Apps), "Disconnect Of Grace");
        var row = await _server.DatabaseAsync(db => db.Clients.Where(client => client.ClientId == his.ClientId).Select(client => client.Id!).SingleAsync());

        foreach (var reference in (string[])[row, his.ClientId, "nothing", "", new string('a', 3000)])
        {
            var answer = await _alice.Browser.SubmitAsync(asked, new Dictionary<string, string> { ["app"] = reference });
            Assert.That(answer.Status(), Is.EqualTo("That app is not connected any more. Nothing was changed."), reference);
            Assert.That((await _alice.Browser.GetAsync($"{Paths.DisconnectApp}?app={Uri.EscapeDataString(reference)}")).Address.AbsolutePath, Is.EqualTo(Paths.Apps).Or.EqualTo(Paths.DisconnectApp), reference);
        }

        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        using var refresh = await his.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(Paths.DisconnectApp), TestCase(Paths.DisconnectApps), TestCase(Paths.SignOutOthers)]
    public async Task A_form_that_is_out_of_date_says_so_and_does_nothing(string path)
    {
        var client = await NamedAsync("Stale", "https://stale.example/cb");
        var token = (await client.ConnectAsync(_alice)).Text("access_token");
        await _server.AddSessionAsync(await _server.UserIdAsync(), $"other, {path}", _server.Clock.GetUtcNow());
        var asked = path == Paths.DisconnectApp
            ? await _alice.Browser.FollowAsync(await _alice.Browser.GetAsync(Paths.Apps), "Disconnect Stale")
            : await _alice.Browser.GetAsync(path);

        var answer = await _alice.Browser.SubmitAsync(asked, new Dictionary<string, string> { ["__RequestVerificationToken"] = "of an hour ago" });

        Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer.Document!.QuerySelector("[role=alert]")!.TextContent, Does.Contain("out of date, and nothing was done"));
        Assert.That((await _server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await _alice.Browser.GetAsync(Paths.OwnSessions)).Names(), Has.Length.EqualTo(2));
        Assert.That((await _alice.Browser.SubmitAsync(answer)).Status(), Is.Not.Null, "and the form of this answer works");
    }

    [Test]
    public async Task Who_is_not_signed_in_signs_in_first(
        [Values(Paths.Apps, Paths.DisconnectApp, Paths.DisconnectApps, Paths.OwnSessions, Paths.SignOutSession, Paths.SignOutOthers, Paths.Profile, Paths.OwnConnections, Paths.DisconnectConnection)] string path, [Values("GET", "HEAD", "POST")] string method)
    {
        using var response = await _server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect).Or.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(response.Headers.Location?.OriginalString, response.StatusCode == HttpStatusCode.Redirect ? Is.EqualTo("/signin?request=account") : Is.Null);
    }

    [Test]
    public async Task Whom_the_operator_does_not_admit_any_more_reads_that()
    {
        var database = await _server.DatabaseAsync(db => Task.FromResult(db.Database.GetConnectionString()));
        await using var stricter = await TestServer.StartAsync(
            $"Database:ConnectionString={database}", $"Server:PublicBaseUrl={_server.BaseUrl}", "OAuth:AllowedEmailDomains:0=elsewhere.example");
        using var request = new HttpRequestMessage(HttpMethod.Get, Paths.Profile) { Headers = { Host = new Uri(_server.BaseUrl).Authority } };
        request.Headers.Add("Cookie", _alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
        using var answer = await stricter.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("elsewhere.example").And.Not.Contain("alice@example.com"));
    }

    [Test]
    public async Task The_profile_says_what_is_known()
    {
        await (await NamedAsync("Profile", "https://profile.example/cb")).ConnectAsync(_alice);

        var text = (await _alice.Browser.GetAsync(Paths.Profile)).Text();

        Assert.That(text, Does.Contain("Alice Example").And.Contain("alice@example.com verified").And.Contain("Demo").And.Contain(await _server.UserIdAsync()));
        Assert.That(text, Does.Not.Contain("Accounts elsewhere"), "no server behind this one needs one");
    }

    private Task<OAuthClient> NamedAsync(string name, string redirectUri) => OAuthClient.RegisterAsync(
        _server, new { redirect_uris = new[] { redirectUri }, client_name = name, token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code", "refresh_token" } });
}
