using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Authorization;

/// <summary>When a person is asked again, and when not: docs/decisions/0001, as a table.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ConsentTests
{
    private const string Host = OAuthClient.DefaultRedirectUri;
    private const string OtherHost = "https://evil.example/callback";
    private const string OtherPath = "https://client.example/callback2";
    private const string Loopback = OAuthClient.LoopbackRedirectUri;
    private const string PrivateScheme = "com.example.app:/callback";
    private const string OtherResource = "https://files.example/mcp";

    private const string None = "";
    private const string Consent = "/consent";
    private const string SignIn = "/signin";
    private const string Both = "/signin /consent";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        $"OAuth:Resources:0={OtherResource}",
        "OAuth:StaticClients:0:ClientId=the-desk", $"OAuth:StaticClients:0:RedirectUris:0={Loopback}", "OAuth:StaticClients:0:PreApproved=true",
        "OAuth:StaticClients:1:ClientId=the-board", $"OAuth:StaticClients:1:RedirectUris:0={Loopback}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(Host, "redirect_uri", Host, None)]
    [TestCase(Host, "redirect_uri", OtherHost, Consent)]
    [TestCase(Host, "redirect_uri", OtherPath, Consent)]
    [TestCase(Host, "redirect_uri", "https://localhost/callback", Consent)]
    [TestCase(OtherHost, "redirect_uri", OtherHost, None)]
    [TestCase(Loopback, "redirect_uri", Loopback, Consent)]
    [TestCase(Loopback, "redirect_uri", "http://127.0.0.1:4712/callback", Consent)]
    [TestCase(Loopback, "redirect_uri", Host, Consent)]
    [TestCase("http://localhost:1/callback", "redirect_uri", "http://localhost:1/callback", Consent)]
    [TestCase("https://localhost/callback", "redirect_uri", "https://localhost/callback", Consent)]
    [TestCase("http://[::1]:1/callback", "redirect_uri", "http://[::1]:1/callback", Consent)]
    [TestCase(PrivateScheme, "redirect_uri", PrivateScheme, Consent)]
    [TestCase(PrivateScheme, "redirect_uri", "com.example.other:/callback", Consent)]
    [TestCase(Host, "scope", "mcp mcp:call email", Consent)]
    [TestCase(Host, "scope", "mcp", None)]
    [TestCase(Host, "scope", "openid mcp mcp:call", Consent)]
    [TestCase(Host, "resource", OtherResource, Consent)]
    [TestCase(Host, "prompt", "consent", Consent)]
    [TestCase(Host, "prompt", "login", SignIn)]
    [TestCase(Host, "prompt", "select_account", SignIn)]
    [TestCase(Host, "prompt", "login consent", Both)]
    [TestCase(Host, "prompt", "consent login", Both)]
    [TestCase(Host, "prompt", "consent select_account", Both)]
    [TestCase(Host, "prompt", "login select_account", SignIn)]
    [TestCase(Host, "prompt", "none", None)]
    [TestCase(Host, "max_age", "0", SignIn)]
    [TestCase(Host, "max_age", "1000", None)]
    [TestCase(Loopback, "prompt", "login consent", Both)]
    [TestCase(Loopback, "prompt", "login", Both)]
    public async Task After_allowing_once_a_person_sees(string first, string changed, string value, string pages)
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice, ("redirect_uri", first));
        alice.PagesSeen.Clear();

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("redirect_uri", first), (changed, value)));

        Assert.That(string.Join(' ', alice.PagesSeen), Is.EqualTo(pages));
        Assert.That(answer, Contains.Key("code"));
    }

    [TestCase(Host, null)]
    [TestCase(Loopback, "consent_required")]
    [TestCase(PrivateScheme, "consent_required")]
    [TestCase("https://localhost/callback", "consent_required")]
    public async Task Without_a_page_only_the_host_that_was_allowed_gets_a_code(string redirectUri, string? error)
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice, ("redirect_uri", redirectUri));
        alice.PagesSeen.Clear();

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("redirect_uri", redirectUri), ("prompt", "none")));

        Assert.That(alice.PagesSeen, Is.Empty);
        Assert.That(answer.GetValueOrDefault("error"), Is.EqualTo(error));
    }

    [Test]
    public async Task What_was_allowed_to_one_place_is_not_allowed_silently_to_another()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("redirect_uri", OtherHost), ("prompt", "none")));

        Assert.That(answer["error"], Is.EqualTo("consent_required"));
    }

    [TestCase(Loopback, "the-desk", None)]
    [TestCase(Loopback, "the-board", Consent)]
    public async Task A_client_on_a_persons_computer_is_asked_about_each_time_unless_the_operator_approved_it(string redirectUri, string clientId, string pages)
    {
        var client = OAuthClient.Of(_server, clientId, secret: null, redirectUri);
        using var alice = new Person(_server);
        var other = await RegisterAsync();
        await other.AuthorizeAsync(alice);
        alice.PagesSeen.Clear();

        await client.AuthorizeAsync(alice);

        Assert.That(string.Join(' ', alice.PagesSeen), Is.EqualTo(pages));
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("prompt", "consent"));
        Assert.That(alice.PagesSeen, Is.EqualTo([Consent]), "who wants the page gets it");
    }

    [Test]
    public async Task A_client_with_a_secret_is_remembered_on_loopback_too()   // An imposter on the same computer cannot redeem the code.
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { Loopback }, token_endpoint_auth_method = "client_secret_basic" });
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);
        alice.PagesSeen.Clear();

        await client.AuthorizeAsync(alice, ("redirect_uri", "http://127.0.0.1:9/callback"));

        Assert.That(alice.PagesSeen, Is.Empty);
    }

    [TestCase("a client revokes its refresh token", Consent)]
    [TestCase("a client revokes its access token", Consent)]
    [TestCase("a code comes twice", Consent)]
    [TestCase("an operator ends the grant", Consent)]
    [TestCase("an operator ends the session", Both)]
    [TestCase("an operator ends all of the client", Consent)]
    [TestCase("the person signs out", Both)]
    [TestCase("the person continues as somebody else and comes back", SignIn)]
    [TestCase("another client revokes its own", None)]
    public async Task With_what_is_ended_ends_the_consent(string what, string pages)
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server, "alice");
        var code = await client.AuthorizeAsync(alice);
        var tokens = await (await client.RedeemAsync(code)).JsonAsync();
        var token = new JsonWebToken(tokens.Text("access_token"));
        var revocations = _server.Services.GetRequiredService<Revocations>();
        switch (what)
        {
            case "a client revokes its refresh token":
                await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
                break;
            case "a client revokes its access token":
                await client.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")));
                break;
            case "a code comes twice":
                Assert.That(await (await client.RedeemAsync(code)).OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
                break;
            case "an operator ends the grant":
                await revocations.RevokeGrantAsync(Grant.ParseName(token.GetClaim("oi_au_id").Value)!);
                break;
            case "an operator ends the session":
                await _server.Services.GetRequiredService<SignInSessions>().EndAsync(token.GetClaim("sid").Value, default);
                break;
            case "an operator ends all of the client":
                await revocations.RevokeClientAsync(client.ClientId);
                break;
            case "the person signs out":
                await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(_server.BaseUrl + "/oauth/signout"));
                break;
            case "the person continues as somebody else and comes back":
                await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl(("prompt", "consent"))), button: "other");
                break;
            default:
                var other = await RegisterAsync();
                await other.PostAsync("/oauth/revoke", ("token", (await other.ConnectAsync(alice)).Text("refresh_token")));
                break;
        }

        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice);

        Assert.That(string.Join(' ', alice.PagesSeen), Is.EqualTo(pages));
    }

    [Test]
    public async Task Consent_is_remembered_per_scope_and_the_session_per_browser()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);
        alice.PagesSeen.Clear();

        await client.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.Empty);

        await client.AuthorizeAsync(alice, ("scope", "mcp mcp:call email"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]), "a new scope is asked for");

        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("scope", "email"));
        Assert.That(alice.PagesSeen, Is.Empty, "what was allowed earlier stays allowed");
    }

    [Test]
    [Requirement("MCP-19")]
    public async Task Consent_of_one_person_or_client_is_not_that_of_another()   // docs/decisions/0001
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        await client.AuthorizeAsync(alice);
        alice.PagesSeen.Clear();

        await other.AuthorizeAsync(alice);
        await client.AuthorizeAsync(bob);

        Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]));
        Assert.That(bob.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
    }

    [Test]
    public async Task Deny_tells_the_client_and_nothing_is_remembered()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server) { Decision = "deny" };

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl());

        Assert.That(answer["error"], Is.EqualTo("access_denied"));
        Assert.That(answer["state"], Is.EqualTo("the state"));
        Assert.That(answer["iss"], Is.EqualTo(_server.BaseUrl));
        alice.PagesSeen.Clear();
        alice.Decision = "allow";
        await client.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]));
    }

    [Test]
    public async Task What_a_server_of_the_previous_release_remembers_ends_with_the_person_and_with_the_client()
    {
        await using var scope = _server.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database;
        foreach (var (user, client) in ((string, string)[])[("gone", "stays"), ("stays", "gone"), ("stays", "stays")])
        {
            await database.ExecuteSqlAsync($"""INSERT INTO "Consents" ("UserId", "ClientId", "Resource", "Scopes", "GrantedAt") VALUES ({user}, {client}, 'r', 'mcp', 0)""");
        }

        var revocations = _server.Services.GetRequiredService<Revocations>();
        await revocations.RevokeUserAsync("gone");
        await revocations.RevokeClientAsync("gone");

        Assert.That(await database.SqlQuery<string>($"""SELECT "UserId" || ' ' || "ClientId" AS "Value" FROM "Consents" """).ToListAsync(), Is.EqualTo(["stays stays"]));
    }

    private Task<OAuthClient> RegisterAsync() => OAuthClient.RegisterAsync(_server, new
    {
        redirect_uris = new[] { Host, OtherHost, OtherPath, Loopback, "http://localhost:1/callback", "https://localhost/callback", "http://[::1]:1/callback", PrivateScheme, "com.example.other:/callback" },
        token_endpoint_auth_method = "none",
        grant_types = new[] { "authorization_code", "refresh_token" },
    });
}
