using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Federation;

/// <summary>Sign-in by Google, against a real HTTP server that plays it: SEED-025, SEED-041, SEED-042, SEED-088, B-06.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class GoogleTests
{
    private StandInGoogle _google = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _google = await StandInGoogle.StartAsync();
        _server = await TestServer.StartAsync(_google.Settings);
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [SetUp]
    public void Reset() => _google.Reset();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _google.DisposeAsync();
    }

    [Test]
    [Category("SEED-002")]
    [Category("SEED-041")]
    public async Task A_person_signs_in_with_google_and_the_token_speaks_for_them()
    {
        using var alice = Visitor();

        var tokens = await _client.ConnectAsync(alice, ("scope", "mcp email openid"));

        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/o/oauth2/v2/auth", "/consent"]));
        Assert.That(new JsonWebToken(tokens.Text("id_token")).GetClaim("email").Value, Is.EqualTo("alice@example.com"));
    }

    [Test]
    public async Task The_same_account_is_the_same_subject_and_another_is_another()
    {
        _google.Add(new GoogleAccount("bob@example.com", "Bob", "Example"));
        using var alice = Visitor();
        using var aliceElsewhere = Visitor();
        using var bob = Visitor("bob@example.com");

        var subjects = new List<string>();
        foreach (var person in new[] { alice, aliceElsewhere, bob })
        {
            subjects.Add(new JsonWebToken((await _client.ConnectAsync(person)).Text("access_token")).Subject);
        }

        Assert.That(subjects[1], Is.EqualTo(subjects[0]));
        Assert.That(subjects[2], Is.Not.EqualTo(subjects[0]));
    }

    /// <summary>Our token is ours alone: what needs Google was asked when the person signed in.</summary>
    [Test]
    [Requirement("MCP-37")]
    public async Task A_call_with_our_token_sends_google_nothing()
    {
        using var alice = Visitor();
        var token = (await _client.ConnectAsync(alice)).Text("access_token")!;
        var before = _google.Requests.Count;

        var answer = await new McpCaller(_server).CallToolAsync("whoami", token);

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        Assert.That(_google.Requests, Has.Count.EqualTo(before));
    }

    [Test]
    [Requirement("MCP-19")]
    public async Task Nothing_goes_to_google_before_the_person_has_seen_who_asks_and_has_gone_on()   // MCP security best practices, "Confused Deputy Problem"
    {
        using var alice = Visitor();

        var page = await alice.Browser.GetAsync(_client.AuthorizeUrl());

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That(page.Document!.Body!.TextContent, Does.Contain("Test client").And.Contain("client.example"));
        Assert.That(_google.Requests, Is.Empty);
        Assert.That(alice.Cookies.GetAllCookies().Select(cookie => cookie.Name), Has.None.StartWith(".AspNetCore.Correlation"), "no upstream state yet");
        Assert.That(page.Document.QuerySelector("[name=username]"), Is.Null, "the demo users are gone as soon as a provider is configured");
    }

    [Test]
    [Requirement("MCP-19")]
    public async Task Another_app_is_never_let_in_on_what_was_said_to_google_for_the_first()
    {
        using var alice = Visitor();
        await _client.ConnectAsync(alice);
        var asked = _google.Requests.Count;
        var other = await OAuthClient.RegisterPublicAsync(_server, "https://other.example/callback");

        var signedIn = await alice.Browser.GetAsync(other.AuthorizeUrl());
        alice.Cookies.GetCookies(new Uri(_server.BaseUrl)).ToList().ForEach(cookie => cookie.Expired = true);
        var signedOut = await alice.Browser.GetAsync(other.AuthorizeUrl());

        Assert.That((signedIn.Address.AbsolutePath, signedOut.Address.AbsolutePath), Is.EqualTo(("/consent", "/signin")), "Google would know her still");
        Assert.That(new[] { signedIn, signedOut }.Select(page => page.Document!.Body!.TextContent), Is.All.Contain("other.example"));
        Assert.That(_google.Requests, Has.Count.EqualTo(asked));
    }

    [Test]
    [Category("SEED-025"), Category("SEED-041"), Category("B-10")]
    public async Task Google_is_asked_with_state_pkce_and_our_own_address()   // SEED-041
    {
        using var alice = Visitor();
        await _client.AuthorizeAsync(alice);

        var request = _google.Requests[0].Parameters;

        Assert.Multiple(() =>
        {
            Assert.That(request["client_id"], Is.EqualTo(StandInGoogle.ClientId));
            Assert.That(request["redirect_uri"], Is.EqualTo(_server.BaseUrl + "/oauth/callback"));
            Assert.That(request["scope"].Split(' '), Is.SupersetOf(["openid", "email", "profile"]));
            Assert.That(request["state"], Is.Not.Empty);
            Assert.That(request["code_challenge_method"], Is.EqualTo("S256"));
            Assert.That(request["nonce"], Has.Length.EqualTo(43));
        });
    }

    [Test]
    [Category("SEED-042"), Category("B-06")]
    public async Task The_answer_belongs_to_the_browser_that_asked()   // SEED-042, B-06: login CSRF
    {
        using var alice = Visitor();
        var signIn = await alice.Browser.GetAsync(_client.AuthorizeUrl());
        var atGoogle = await alice.Browser.SubmitAsync(signIn, button: "google");
        var state = QueryHelpers.ParseQuery(atGoogle.Address.Query)["state"].ToString();
        using var mallory = Visitor();

        var page = await mallory.Browser.GetAsync(QueryHelpers.AddQueryString("/oauth/callback", new Dictionary<string, string?> { ["code"] = "stolen", ["state"] = state }));

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain("invalid_state").And.Contain("Reference"));
    }

    [TestCase("/oauth/callback")]
    [TestCase("/oauth/callback?code=x")]
    [TestCase("/oauth/callback?code=x&state=forged")]
    [Category("SEED-042")]
    public async Task A_callback_without_our_state_is_a_page(string url)   // SEED-042
    {
        using var alice = Visitor();

        var page = await alice.Browser.GetAsync(url);

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain("invalid_state"));
    }

    [TestCase(GoogleFailure.AccessDenied, "access_denied")]
    [TestCase(GoogleFailure.TokenInvalidClient, "invalid_client")]
    [TestCase(GoogleFailure.TokenRedirectUriMismatch, "redirect_uri_mismatch")]
    [TestCase(GoogleFailure.IdTokenMissing, "invalid_id_token")]
    [TestCase(GoogleFailure.IdTokenForAnotherClient, "invalid_id_token")]
    [TestCase(GoogleFailure.IdTokenOfAnotherIssuer, "invalid_id_token")]
    [TestCase(GoogleFailure.IdTokenWithAnotherNonce, "invalid_id_token")]
    [TestCase(GoogleFailure.IdTokenSignedByAnother, "invalid_id_token")]
    [TestCase(GoogleFailure.IdTokenExpired, "invalid_id_token")]
    [TestCase(GoogleFailure.TokenInvalidGrant, "provider_unavailable")]
    [TestCase(GoogleFailure.TokenUnavailable, "provider_unavailable")]
    [TestCase(GoogleFailure.TokenNotJson, "provider_unavailable")]
    [TestCase(GoogleFailure.UserInfoUnauthorized, "provider_unavailable")]
    [TestCase(GoogleFailure.UserInfoUnavailable, "provider_unavailable")]
    [TestCase(GoogleFailure.UserInfoWithoutSubject, "provider_unavailable")]
    [Category("SEED-088")]
    [Category("SEED-042")]
    [Category("B-06")]
    public async Task What_google_refuses_is_told_in_words_with_a_reference(GoogleFailure failure, string code)   // SEED-088
    {
        _google.Failure = failure;
        using var alice = Visitor();
        var signIn = await alice.Browser.GetAsync(_client.AuthorizeUrl());
        var atGoogle = await alice.Browser.SubmitAsync(signIn, button: "google");

        var page = await alice.Browser.SubmitAsync(atGoogle, new Dictionary<string, string> { ["email"] = "alice@example.com" });

        Assert.That(page.Status, Is.EqualTo(code == "provider_unavailable" ? HttpStatusCode.BadGateway : HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain(code).And.Contain("Reference"));
    }

    [Test]
    [Category("SEED-042"), Category("B-06")]
    public async Task An_address_that_google_has_not_verified_is_not_admitted()   // SEED-042
    {
        _google.Add(new GoogleAccount("eve@example.com", "Eve", "Example") { EmailVerified = false });
        using var eve = Visitor("eve@example.com");
        var signIn = await eve.Browser.GetAsync(_client.AuthorizeUrl());
        var atGoogle = await eve.Browser.SubmitAsync(signIn, button: "google");

        var page = await eve.Browser.SubmitAsync(atGoogle, new Dictionary<string, string> { ["email"] = "eve@example.com" });

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain("not verified"));
    }

    private Person Visitor(string email = "alice@example.com") => new(_server, email, _google.Origin);
}
