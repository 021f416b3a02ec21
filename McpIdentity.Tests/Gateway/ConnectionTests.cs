using System.Net;
using System.Text.Json.Nodes;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Gateway;

/// <summary>How each caller connects their own account at a server behind this one (<c>Upstream:Auth</c> <c>OAuth</c>), and ends that.</summary>
[Parallelizable(ParallelScope.Self)] // one clock, which some of them move
internal sealed class ConnectionTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        [.. ConnectionScene.Settings, "Policy:Rules:0:Servers=notes*", "Gateway:Servers:closed:Url=http://localhost:1/mcp", "Gateway:Servers:closed:Upstream:Auth=OAuth", "Gateway:Servers:closed:DisplayName=Closed"]);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("document"), TestCase("dynamic"), TestCase("configured")]
    public async Task A_person_connects_their_account_and_calls_go_on_with_its_token(string kind)
    {
        await using var notes = kind switch
        {
            "dynamic" => await AddRegisteringAsync(),
            "configured" => await ConnectionScene.AddAsync(_server, authority => new JsonObject { ["ClientId"] = "ours", ["ClientSecret"] = "a secret", ["Issuer"] = authority.Issuer, ["Scope"] = "read" }),
            _ => await ConnectionScene.AddAsync(_server),
        };
        var authority = notes.Authority;
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);

        var before = await notes.CallAsync(token);
        Assert.That(before.Status, Is.EqualTo(200), before.Body);
        Assert.That(before.Body, Does.Contain("\"isError\":true").And.Contain($"{notes.Page}?link="));
        Assert.That(authority.Calls, Is.Empty);

        var done = await notes.ConnectAsync(alice, ConnectionScene.LinkIn(before.Body));
        var after = await notes.CallAsync(token);

        Assert.That(done.Text(), Does.Contain("Notes is connected"));
        var (asked, redeemed) = (authority.Authorizations.Single(), authority.TokenRequests.Single());
        var document = $"{_server.BaseUrl}/oauth/clients/{notes.Name}.json";
        Assert.Multiple(() =>
        {
            Assert.That(after.Text, Does.StartWith("Bearer theirs-"));
            Assert.That(authority.Calls, Has.None.Contains(token), "the caller's token never goes on");
            Assert.That(asked["client_id"], Is.EqualTo(kind switch { "document" => document, "dynamic" => "dynamic-1", _ => "ours" }));
            Assert.That((asked["code_challenge_method"], asked["resource"], asked["scope"]), Is.EqualTo(("S256", authority.McpUrl, kind == "configured" ? "read" : "read write")));
            Assert.That((redeemed["resource"], redeemed["redirect_uri"]), Is.EqualTo((authority.McpUrl, $"{_server.BaseUrl}/oauth/connections/callback/{notes.Name}")));
            Assert.That(redeemed["authorization"], Is.EqualTo(kind == "configured" ? "Basic " + Convert.ToBase64String("ours:a%20secret"u8) : ""));
        });

        using var published = await _server.Http.GetAsync(document);
        Assert.That(published.StatusCode, Is.EqualTo(kind == "configured" ? HttpStatusCode.NotFound : HttpStatusCode.OK));
        if (kind == "document")
        {
            var said = JsonNode.Parse(await published.Content.ReadAsStringAsync())!;
            Assert.That((said["client_id"]!.ToString(), said["redirect_uris"]![0]!.ToString(), said["token_endpoint_auth_method"]!.ToString()), Is.EqualTo((document, $"{_server.BaseUrl}/oauth/connections/callback/{notes.Name}", "none")));
        }

        // Another person has an account of their own, and the registration is the same.
        using var bob = new Person(_server, "bob");
        var ofBob = await notes.TokenForAsync(bob);
        await notes.ConnectAsync(bob, ConnectionScene.LinkIn((await notes.CallAsync(ofBob)).Body));
        Assert.That((await notes.CallAsync(ofBob)).Text, Is.Not.EqualTo(after.Text).And.StartsWith("Bearer theirs-"));
        Assert.That(authority.Registrations, Has.Count.EqualTo(kind == "dynamic" ? 1 : 0));
    }

    // RFC 9700 §4.4.2.2: who brings the answer of one authorization server as another's is refused by the address that it comes to.
    [Test]
    public async Task The_answer_of_one_server_is_not_taken_for_another_s()
    {
        await using var honest = await ConnectionScene.AddAsync(_server);
        await using var other = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        await honest.TokenForAsync(alice);
        var (code, state) = (await honest.AnswerAsync(alice, honest.Page), await other.AnswerAsync(alice, other.Page));

        var mixed = await alice.Browser.GetAsync(code.Split("&state=")[0] + "&state=" + state.Split("&state=")[1]);

        Assert.That(mixed.Text(), Does.Contain("This answer is not expected"));
        Assert.That((honest.Authority.TokenRequests.Count, other.Authority.TokenRequests.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task What_is_kept_for_one_server_goes_to_no_other_of_the_same_name()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        await using var other = await StandInAuthority.StartAsync();
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));

        await notes.SaveAsync(other.McpUrl);

        Assert.That((await notes.CallAsync(token)).Body, Does.Contain($"{notes.Page}?link="));
        Assert.That((other.Shown.Count, other.TokenRequests.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_link_that_was_followed_says_that_the_account_is_connected()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        var link = ConnectionScene.LinkIn((await notes.CallAsync(await notes.TokenForAsync(alice))).Body);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        await notes.ConnectAsync(alice, link);

        Assert.That((await alice.Browser.GetAsync(link)).Text(), Does.Contain("Notes is connected"));
    }

    [Test]
    public async Task Who_says_no_there_is_told_that_nothing_was_connected()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        notes.Authority.Denies = true;

        var page = await notes.ConnectAsync(alice);

        Assert.That(page.Text(), Does.Contain("Nothing was connected: the access was refused there").And.Contain("Connect"));
        Assert.That(await notes.CountAsync(), Is.Zero);
    }

    [Test]
    public async Task Nobody_who_was_disabled_meanwhile_is_connected()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var bob = new Person(_server, "bob");
        await notes.TokenForAsync(bob);
        var (answer, gate) = (await notes.AnswerAsync(bob, notes.Page), new TaskCompletionSource());
        notes.Authority.Gate = gate.Task;
        var connecting = bob.Browser.GetAsync(answer);
        await Until.TrueAsync(() => !notes.Authority.TokenRequests.IsEmpty, "a code that is redeemed");
        await DisableAsync(_server.Clock.GetUtcNow());
        gate.SetResult();

        await connecting;
        Assert.That(await notes.CountAsync(), Is.Zero);
        await DisableAsync(null);

        Task<int> DisableAsync(DateTimeOffset? at) =>
            _server.DatabaseAsync(db => db.Users.Where(user => user.ProviderSubject == "bob").ExecuteUpdateAsync(set => set.SetProperty(user => user.DisabledAt, at)));
    }

    [Test]
    [Category("RFC 7591")]
    public async Task A_registration_that_is_not_known_any_more_is_made_anew()
    {
        await using var notes = await AddRegisteringAsync();
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        notes.Authority.Refuses = "invalid_client";
        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("was not connected"));

        notes.Authority.Refuses = null;
        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
        Assert.That(notes.Authority.TokenRequests.Last()["client_id"], Is.EqualTo("dynamic-2"));
    }

    [Test]
    public async Task A_link_is_for_the_person_whose_app_got_it()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        var link = ConnectionScene.LinkIn((await notes.CallAsync(await notes.TokenForAsync(alice))).Body);
        await notes.TokenForAsync(bob);

        var refused = await bob.Browser.GetAsync(link);
        Assert.That((refused.Status, refused.Document!.QuerySelector("form[method=post] [value=connect]")), Is.EqualTo((HttpStatusCode.Forbidden, (object?)null)));
        Assert.That(refused.Text(), Does.Contain("This link is for somebody else"));

        // The form of his own page, sent to her link.
        var own = await bob.Browser.GetAsync(notes.Page);
        own.Document!.QuerySelector("main form")!.SetAttribute("action", link);
        var forged = await bob.Browser.SubmitAsync(own, button: "connect");
        Assert.That((forged.Status, notes.Authority.Authorizations.Count), Is.EqualTo((HttpStatusCode.Forbidden, 0)));

        // Who is nobody yet signs in first, and is then at the same link.
        using var stranger = new Person(_server);
        var signIn = await stranger.Browser.GetAsync(link);
        var page = await stranger.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.Text(), Does.Contain("Notes needs your account at 127.0.0.1"));

        _server.Clock.Advance(TimeSpan.FromMinutes(11));
        var old = await stranger.Browser.GetAsync(link);
        Assert.That((old.Status, old.Text().Contains("too old", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.BadRequest, true)), old.Text());
        Assert.That((await stranger.Browser.GetAsync(link.Altered())).Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await stranger.Browser.GetAsync($"{_server.BaseUrl}/connections/nothing")).Status, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Nothing_is_done_for_a_form_of_another_page_and_nobody_connects_where_no_rule_lets_them_go()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);

        // RFC 6749 §10.12
        var page = await alice.Browser.GetAsync(notes.Page);
        page.Document!.QuerySelector("[name=__RequestVerificationToken]")!.SetAttribute("value", "forged");
        var refused = await alice.Browser.SubmitAsync(page, button: "connect");
        Assert.That((refused.Status, refused.Text().Contains("out of date", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.BadRequest, true)), refused.Text());

        var closed = await alice.Browser.GetAsync($"{_server.BaseUrl}/connections/closed");
        Assert.That((closed.Status, closed.Text().Contains("Closed is not for you", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.Forbidden, true)), closed.Text());

        var left = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(notes.Page), button: "later");
        Assert.That((left.Text().Contains("Nothing was connected", StringComparison.Ordinal), notes.Authority.Authorizations.Count), Is.EqualTo((true, 0)));
    }

    [Test]
    public async Task A_state_is_good_once_in_the_browser_that_began()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        using var bob = new Person(_server, "bob");
        await notes.TokenForAsync(bob);

        // Bob's browser, with the answer to Alice: she would have his account, or he hers.
        var stolen = await notes.AnswerAsync(alice, notes.Page);
        Assert.That((await bob.Browser.GetAsync(stolen)).Text(), Does.Contain("This answer is not expected"));
        Assert.That((await alice.Browser.GetAsync(stolen)).Text(), Does.Contain("This answer is not expected"), "used up");

        var own = await notes.AnswerAsync(alice, notes.Page);
        Assert.That((await alice.Browser.GetAsync(own)).Text(), Does.Contain("is connected"));
        Assert.That((await alice.Browser.GetAsync(own)).Text(), Does.Contain("This answer is not expected"));
        Assert.That(notes.Authority.TokenRequests, Has.Count.EqualTo(1));

        var late = await notes.AnswerAsync(alice, await notes.LinkAsync("alice"));
        _server.Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.That((await alice.Browser.GetAsync(late)).Text(), Does.Contain("This answer is not expected"));

        using var again = new Person(_server);
        var otherSession = await notes.AnswerAsync(alice, await notes.LinkAsync("alice"));
        await notes.TokenForAsync(again);
        Assert.That((await again.Browser.GetAsync(otherSession)).Text(), Does.Contain("This answer is not expected"), "another browser of the same person");
    }

    // RFC 9207 §2.4: the answer of another authorization server is not acted on.
    [TestCase(null, false, true), TestCase("own", false, true), TestCase("https://other.example", false, false), TestCase(null, true, false), TestCase("own", true, true)]
    [Category("RFC 9207")]
    public async Task An_answer_names_the_authorization_server_that_was_asked(string? said, bool isAnnounced, bool isTaken)
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Metadata["authorization_response_iss_parameter_supported"] = isAnnounced;
        notes.Authority.AnswersAs = said == "own" ? notes.Authority.Issuer : said;
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);

        var page = await notes.ConnectAsync(alice);

        Assert.That((page.Text().Contains("is connected", StringComparison.Ordinal), notes.Authority.TokenRequests.Count), Is.EqualTo((isTaken, isTaken ? 1 : 0)), page.Text());
    }

    [TestCase("issuer", "https://other.example"), TestCase("code_challenge_methods_supported", null), TestCase("token_endpoint", "https://169.254.169.254/token"), TestCase("authorization_endpoint", null)]
    public async Task Metadata_that_is_not_right_sends_nobody_anywhere(string member, string? value)
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Metadata[member] = value;
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);

        // The guard lets nobody through to an address that is asked only afterwards.
        var answer = member == "token_endpoint" ? await notes.ConnectAsync(alice) : await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(notes.Page), button: "connect");

        Assert.That(answer.Text(), Does.Contain("was not connected"));
        Assert.That(notes.Authority.TokenRequests, Is.Empty);
    }

    [Test]
    public async Task A_server_elsewhere_leads_to_no_address_within_our_network()
    {
        await using var authority = await StandInAuthority.StartAsync();
        var http = _server.Services.GetRequiredService<AuthorityHttp>();
        var (inside, elsewhere) = (new ConnectableServer("a", "A", new Uri("http://localhost:1/mcp"), new UpstreamOptions()), new ConnectableServer("b", "B", new Uri("https://notes.example/mcp"), new UpstreamOptions()));
        var named = new ConnectableServer("c", "C", elsewhere.Url, new UpstreamOptions { AllowedNetworks = { "127.0.0.0/30" } });
        var metadata = new Uri(authority.Origin + "/.well-known/oauth-authorization-server/login");

        Assert.That(await http.GetAsync(inside, metadata, default), Is.Not.Null);
        Assert.That(await http.GetAsync(named, metadata, default), Is.Not.Null, "where the operator says so");
        var refused = await Assert.ThrowsAsync<AuthorityException>(() => http.GetAsync(elsewhere, metadata, default));
        Assert.That(refused!.Message, Does.Contain("127.0.0.1").And.Contain("Upstream:AllowedNetworks"));
        Assert.That((AuthorityHttp.IsAllowed(inside, "http://10.0.0.5/login", out _), AuthorityHttp.IsAllowed(named, authority.Issuer, out _)), Is.EqualTo((false, false)), "in clear on this computer alone");
        Assert.That((AuthorityHttp.IsAllowed(inside, authority.Issuer, out _), AuthorityHttp.IsAllowed(elsewhere, authority.Issuer, out _), AuthorityHttp.IsAllowed(elsewhere, "https://notes.example/login", out _)), Is.EqualTo((true, false, true)));
    }

    [Test]
    public async Task Tokens_under_a_key_that_is_gone_are_as_if_they_were_not_there()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        var stored = await _server.DatabaseAsync(db => db.UpstreamConnections.Where(row => row.Server == notes.Name).Select(row => row.Tokens).SingleAsync());
        Assert.That(stored, Does.Not.Contain("theirs").And.Not.Contain("refresh"));
        await notes.ChangeAsync(rows => rows.ExecuteUpdateAsync(set => set.SetProperty(row => row.Tokens, stored.Altered(0))));

        var asked = await notes.CallAsync(token);
        Assert.That((asked.Status, asked.Body.Contains("?link=", StringComparison.Ordinal)), Is.EqualTo((200, true)), asked.Body);

        await notes.ConnectAsync(alice, ConnectionScene.LinkIn(asked.Body));
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));
    }

    [Test]
    [Category("RFC 7009")]
    public async Task What_a_person_disconnects_is_deleted_here_and_revoked_there()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);
        var done = await notes.ConnectAsync(alice);
        await notes.CallAsync(token);

        var ended = await alice.Browser.SubmitAsync(done, button: "disconnect");

        Assert.That((ended.Text().Contains("was disconnected", StringComparison.Ordinal), notes.Authority.Revoked.Single()), Is.EqualTo((true, "refresh-2")), ended.Text());
        Assert.That(await notes.CountAsync(), Is.Zero);
        Assert.That((await notes.CallAsync(token)).Body, Does.Contain($"/connections/{notes.Name}?link="));
        Assert.That(notes.Authority.Calls, Has.Count.EqualTo(1), "what this node remembered is gone too");
    }

    private async Task<ConnectionScene> AddRegisteringAsync()
    {
        var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Metadata["client_id_metadata_document_supported"] = null;
        notes.Authority.Metadata["registration_endpoint"] = notes.Authority.Issuer + "/register";
        return notes;
    }
}
