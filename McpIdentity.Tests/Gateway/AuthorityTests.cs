using System.Net;
using System.Text.Json.Nodes;
using McpIdentity.Server.Connections;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Gateway;

/// <summary>Which authorization server people are sent to for their own accounts (<c>Upstream:Auth</c> <c>OAuth</c>), what it is asked for, and what it gets to see.</summary>
[Parallelizable(ParallelScope.Self)] // one clock, which some of them move
internal sealed class AuthorityTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync([.. ConnectionScene.Settings, "Policy:Rules:0:Servers=notes*"]);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    // MCP, authorization: the credentials of a client are for the authorization server that it was registered at.
    [Test]
    public async Task The_secret_of_the_configuration_is_shown_to_the_authorization_server_that_it_is_of()
    {
        await using var notes = await ConnectionScene.AddAsync(_server, authority => new JsonObject { ["ClientId"] = "ours", ["ClientSecret"] = "a secret", ["Issuer"] = authority.Issuer });
        await using var other = await StandInAuthority.StartAsync();
        using var alice = await SignInAsync(notes);
        notes.Authority.Trusts = other.Issuer;

        var refused = await PressAsync(alice, notes);
        Assert.That((refused.Status, refused.Text().Contains("was not connected", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.BadGateway, true)), refused.Text());

        notes.Authority.TrustsToo = notes.Authority.Issuer; // the second of two
        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
        Assert.That((other.Authorizations.Count, other.TokenRequests.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task A_pinned_authorization_server_is_the_one_without_a_client_too()
    {
        await using var notes = await ConnectionScene.AddAsync(_server, authority => new JsonObject { ["Issuer"] = authority.Issuer });
        await using var other = await StandInAuthority.StartAsync();
        using var alice = await SignInAsync(notes);
        notes.Authority.Trusts = other.Issuer;

        Assert.That((await PressAsync(alice, notes)).Status, Is.EqualTo(HttpStatusCode.BadGateway));
        Assert.That(other.Authorizations, Is.Empty);
    }

    [TestCase("packed"), TestCase("unreachable"), TestCase("not asked"), TestCase("another resource")]
    [Category("RFC 9728")]
    public async Task What_one_place_does_not_say_the_next_may(string what)
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.IsPacked = what == "packed";
        notes.Authority.MetadataAt = what switch
        {
            "unreachable" => $"http://127.0.0.1:{Ports.Next()}/metadata",
            "not asked" => "http://10.0.0.5/metadata",
            "another resource" => notes.Authority.Origin + "/another-resource",
            _ => null,
        };
        using var alice = await SignInAsync(notes);

        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
    }

    [Test]
    public async Task A_session_that_a_server_gives_to_everybody_is_ended()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.LetsBegin = true;
        using var alice = await SignInAsync(notes);

        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
        Assert.That(notes.Authority.Ended.Single(), Is.EqualTo("a-session"));
    }

    [Test]
    public async Task An_authorization_server_is_found_wherever_in_the_list_it_stands()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        await using var other = await StandInAuthority.StartAsync();
        var authorities = _server.Services.GetRequiredService<Authorities>();
        var server = _server.Services.GetRequiredService<ConnectableServers>().Find(notes.Name)!;
        Assert.That((await authorities.OfAsync(server, default)).Issuer, Is.EqualTo(notes.Authority.Issuer));

        (notes.Authority.Trusts, notes.Authority.TrustsToo) = (other.Issuer, notes.Authority.Issuer);
        authorities.Forget(server);
        Assert.That((await authorities.OfAsync(server, default)).Issuer, Is.EqualTo(other.Issuer));
        Assert.That((await authorities.OfAsync(server, notes.Authority.Issuer, default))!.TokenEndpoint.AbsoluteUri, Is.EqualTo(notes.Authority.Issuer + "/token"));
        Assert.That(await authorities.OfAsync(server, "https://gone.example", default), Is.Null);

        // One wrong answer is not believed for longer than a minute.
        notes.Authority.TrustsToo = null;
        authorities.Forget(server);
        Assert.That(await authorities.OfAsync(server, notes.Authority.Issuer, default), Is.Null);
        notes.Authority.Trusts = null;
        Assert.That(await authorities.OfAsync(server, notes.Authority.Issuer, default), Is.Null, "nor is it asked with each call");
        _server.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.That(await authorities.OfAsync(server, notes.Authority.Issuer, default), Is.Not.Null);
    }

    // MCP, authorization, "Scope Selection Strategy".
    [Test]
    public async Task The_scopes_of_the_challenge_come_before_those_of_the_metadata()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Asks = "read";
        using var alice = await SignInAsync(notes);

        await notes.ConnectAsync(alice);

        Assert.That(notes.Authority.Authorizations.Single()["scope"], Is.EqualTo("read"));
    }

    // MCP, authorization, "Step-Up Authorization Flow"; RFC 6750 §3.1.
    [Test]
    public async Task A_call_that_needs_more_asks_the_person_for_it_beside_what_they_have_allowed()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Asks = "read";
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));

        notes.Authority.Needs = "admin";
        var asked = await notes.CallAsync(token);
        Assert.That((asked.Status, asked.Body.Contains("needs more than you have allowed there (admin)", StringComparison.Ordinal)), Is.EqualTo((200, true)), asked.Body);
        var list = await _server.CallerOf(notes.Name).CallAsync("tools/list", bearer: token);
        Assert.That(list.Body, Does.Contain($"{notes.Page}?link=").And.Not.Contain("connect_my_account"), list.Body);

        await notes.ConnectAsync(alice, ConnectionScene.LinkIn(asked.Body));
        Assert.That(notes.Authority.Authorizations.Last()["scope"], Is.EqualTo("read admin"));
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));

        // And once more, beside both.
        notes.Authority.Needs = "audit";
        await notes.ConnectAsync(alice, ConnectionScene.LinkIn((await notes.CallAsync(token)).Body));
        Assert.That(notes.Authority.Authorizations.Last()["scope"], Is.EqualTo("read admin audit"));
    }

    [Test]
    public async Task No_server_widens_what_the_operator_lets_people_be_asked_for()
    {
        await using var notes = await ConnectionScene.AddAsync(_server, _ => new JsonObject { ["Scope"] = "read write" });
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        notes.Authority.Needs = "admin";

        var refused = await notes.CallAsync(token);
        Assert.That((refused.Status, refused.Reason), Is.EqualTo((502, "upstream_answer")), refused.Body);

        await notes.SaveAsync(notes.Authority.McpUrl, ("Scope", "read write admin"));
        var link = ConnectionScene.LinkIn((await notes.CallAsync(token)).Body);
        Assert.That((await alice.Browser.GetAsync(link)).Body, Does.Contain("wants more than you have allowed there").And.Contain(">admin</code>"));
        await notes.ConnectAsync(alice, link);
        Assert.That(notes.Authority.Authorizations.Select(asked => asked["scope"]), Is.EqualTo(new[] { "read write", "read write admin" }));
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));
    }

    [Test]
    public async Task A_refresh_token_is_asked_for_where_that_is_a_scope()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Metadata["scopes_supported"] = new JsonArray("openid", "offline_access");
        using var alice = await SignInAsync(notes);

        await notes.ConnectAsync(alice);

        Assert.That(notes.Authority.Authorizations.Single()["scope"], Is.EqualTo("read write offline_access"));
    }

    [TestCase(""), TestCase("api://notes")]
    public async Task What_an_authorization_server_wants_beside_OAuth_is_configured(string resource)
    {
        await using var notes = await ConnectionScene.AddAsync(_server, authority => new JsonObject
        {
            ["ClientId"] = "ours",
            ["ClientSecret"] = "a secret",
            ["Issuer"] = authority.Issuer,
            ["Resource"] = resource,
            ["AuthorizationParameters"] = new JsonObject { ["access_type"] = "offline", ["prompt"] = "consent" },
        });
        notes.Authority.Resource = resource; // which is nothing that could be sent, or that and no other
        notes.Authority.Metadata["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_post");
        using var alice = new Person(_server);
        var token = await notes.TokenForAsync(alice);

        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
        var asked = notes.Authority.Authorizations.Single();
        Assert.That((asked["access_type"], asked["prompt"], asked.GetValueOrDefault("resource")), Is.EqualTo(("offline", "consent", resource.Length == 0 ? null : resource)));

        _server.Clock.Advance(TimeSpan.FromMinutes(61));
        token = await notes.TokenForAsync(alice);
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));
        Assert.That(notes.Authority.Refreshes, Is.EqualTo(1));
        Assert.That(notes.Authority.TokenRequests.Select(form => form.GetValueOrDefault("resource")).Distinct().Single(), Is.EqualTo(resource.Length == 0 ? null : resource));
    }

    // MCP, authorization: who does not say S256 is refused; the operator who names the authorization server may know better.
    [TestCase(false, false, false), TestCase(true, false, true), TestCase(true, true, false)]
    [Category("RFC 7636")]
    public async Task Silence_about_PKCE_is_taken_only_where_the_operator_names_the_authorization_server(bool isNamed, bool saysPlain, bool isTaken)
    {
        await using var notes = await ConnectionScene.AddAsync(_server, authority => isNamed ? new JsonObject { ["Issuer"] = authority.Issuer } : new JsonObject());
        notes.Authority.Metadata["code_challenge_methods_supported"] = saysPlain ? new JsonArray("plain") : null;
        using var alice = await SignInAsync(notes);

        var answer = isTaken ? await notes.ConnectAsync(alice) : await PressAsync(alice, notes);

        Assert.That(answer.Text(), Does.Contain(isTaken ? "is connected" : "was not connected"));
        Assert.That(notes.Authority.Authorizations.Select(asked => asked["code_challenge_method"]), Is.EqualTo(isTaken ? new[] { "S256" } : []));
    }

    [Test]
    public async Task A_secret_that_can_be_shown_in_no_way_there_is_shown_in_none()
    {
        await using var notes = await ConnectionScene.AddAsync(_server, authority => new JsonObject { ["ClientId"] = "ours", ["ClientSecret"] = "a secret", ["Issuer"] = authority.Issuer });
        notes.Authority.Metadata["token_endpoint_auth_methods_supported"] = new JsonArray("private_key_jwt");
        using var alice = await SignInAsync(notes);

        Assert.That((await PressAsync(alice, notes)).Status, Is.EqualTo(HttpStatusCode.BadGateway));
        Assert.That(notes.Authority.TokenRequests, Is.Empty);
    }

    // RFC 6749 §5.1 has a number; some send it as a string, and a token that never expired here would be refused there.
    [Test]
    public async Task A_lifetime_in_a_string_is_one()
    {
        await using var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.SaysNumbersInStrings = true;
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);

        _server.Clock.Advance(TimeSpan.FromMinutes(61));
        Assert.That((await notes.CallAsync(await notes.TokenForAsync(alice))).Text, Does.StartWith("Bearer theirs-"));
        Assert.That(notes.Authority.Refreshes, Is.EqualTo(1));
    }

    private async Task<Person> SignInAsync(ConnectionScene notes)
    {
        var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        return alice;
    }

    private static async Task<BrowserPage> PressAsync(Person person, ConnectionScene notes) => await person.Browser.SubmitAsync(await person.Browser.GetAsync(notes.Page), button: "connect");
}
