using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
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
    public async Task What_another_person_allowed_is_theirs()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        await client.AuthorizeAsync(alice);

        await client.AuthorizeAsync(bob);

        Assert.That(bob.PagesSeen, Is.EqualTo([SignIn, Consent]));
    }

    [TestCase("none", "login_required", None)]
    [TestCase(null, "login_required", SignIn)]
    [TestCase("consent", "login_required", SignIn)]
    public async Task An_answer_about_somebody_else_than_the_hint_names_is_none(string? prompt, string error, string pages)   // OpenID Connect Core §3.1.2.2
    {
        var (client, hint) = await HintOfAliceAsync();
        using var bob = new Person(_server, "bob");
        await client.AuthorizeAsync(bob, ("scope", "openid"));
        bob.PagesSeen.Clear();

        var answer = await bob.AuthorizeAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint), ("prompt", prompt)));

        Assert.That(string.Join(' ', bob.PagesSeen), Is.EqualTo(pages));
        Assert.That(answer["error"], Is.EqualTo(error));
        Assert.That(answer, Does.Not.ContainKey("code"));
    }

    [Test]
    public async Task The_person_of_the_hint_goes_on_and_may_sign_in_for_it()
    {
        var (client, hint) = await HintOfAliceAsync();
        using var browser = new Person(_server, "bob");
        await client.AuthorizeAsync(browser);
        using var alice = new Person(_server, "alice");
        await client.AuthorizeAsync(alice, ("scope", "openid"));

        Assert.That(await alice.AuthorizeAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint), ("prompt", "none"))), Contains.Key("code"));

        // At Bob's browser it is Alice who signs in then.
        var page = await browser.Browser.GetAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint)));
        Assert.That(page.Address.AbsolutePath, Is.EqualTo(SignIn));
        page = await browser.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.IsOutside, page.ToString());
        Assert.That(page.Address.Query, Does.Contain("code="));
    }

    [TestCase("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")]
    [TestCase("x")]
    public async Task With_a_hint_that_is_none_of_ours_the_person_is_asked(string hint)
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("id_token_hint", hint), ("prompt", "none"))))["error"], Is.EqualTo("login_required"));
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("id_token_hint", hint));
        Assert.That(alice.PagesSeen, Is.EqualTo([SignIn]));
    }

    private async Task<(OAuthClient Client, string IdToken)> HintOfAliceAsync()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        return (client, (await client.ConnectAsync(alice, ("scope", "openid"))).Text("id_token")!);
    }

    private Task<OAuthClient> RegisterAsync() => OAuthClient.RegisterAsync(_server, new
    {
        redirect_uris = new[] { Host, OtherHost, OtherPath, Loopback, "http://localhost:1/callback", "https://localhost/callback", "http://[::1]:1/callback", PrivateScheme, "com.example.other:/callback" },
        token_endpoint_auth_method = "none",
        grant_types = new[] { "authorization_code", "refresh_token" },
    });
}
