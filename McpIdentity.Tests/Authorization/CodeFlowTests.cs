using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Authorization;

/// <summary>From the authorization request to a token: SEED-039 to SEED-045.</summary>
[Category("RFC 6749")]
[Parallelizable(ParallelScope.All)]
internal sealed class CodeFlowTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("SEED-034"), Category("SEED-043"), Category("B-24")]
    [Requirement("MCP-01"), Requirement("MCP-13")]
    public async Task A_person_signs_in_consents_and_the_client_gets_tokens()   // SEED-043
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl());
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
        Assert.That(answer["state"], Is.EqualTo("the state"));
        Assert.That(answer["iss"], Is.EqualTo(_server.BaseUrl), "RFC 9207, no trailing slash");

        using var response = await client.RedeemAsync(answer["code"]!);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
        var tokens = await response.JsonAsync();
        Assert.That(tokens.Text("token_type"), Is.EqualTo("Bearer"));
        Assert.That(tokens.GetProperty("expires_in").GetInt32(), Is.InRange(3595, 3600), "SEED-034");
        Assert.That(tokens.Text("refresh_token"), Is.Not.Empty, "without offline_access too");
        Assert.That(tokens.Text("scope"), Is.EqualTo("mcp mcp:call"));

        var token = new JsonWebToken(tokens.Text("access_token"));
        Assert.Multiple(() =>
        {
            Assert.That(token.Typ, Is.EqualTo("at+jwt"), "RFC 9068 §2.1");
            Assert.That(token.Alg, Is.EqualTo("ES256"));
            Assert.That(token.Issuer, Is.EqualTo(_server.BaseUrl));
            Assert.That(token.Audiences, Is.EqualTo([_server.McpUrl]), "RFC 8707: the only resource, when none was named");
            Assert.That(token.GetClaim("client_id").Value, Is.EqualTo(client.ClientId));
            Assert.That(token.GetClaim("scope").Value, Is.EqualTo("mcp mcp:call"));
            Assert.That(token.GetClaim("sid").Value, Is.Not.Empty);
            Assert.That(token.GetClaim("jti").Value, Is.Not.Empty);
            Assert.That(token.Claims.Select(claim => claim.Type), Has.None.AnyOf("name", "email", "email_verified"), "everybody whom it passes can read it");
        });
    }

    [Test]
    public async Task A_sign_in_session_ends_after_its_lifetime()
    {
        await using var server = await TestServer.StartAsync("OAuth:LoginSessionLifetime=00:30:00");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.AuthorizeAsync(alice);
        server.Clock.Advance(TimeSpan.FromMinutes(31));
        alice.PagesSeen.Clear();

        await client.AuthorizeAsync(alice);

        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin"]));
    }

    [Test]
    public async Task An_authorization_request_by_post_works_too()   // OpenID Connect Core §3.1.2.1
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var query = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(new Uri(client.AuthorizeUrl()).Query);

        using var response = await _server.Http.PostAsync("/oauth/authorize", new FormUrlEncodedContent(query.Select(p => KeyValuePair.Create(p.Key, p.Value.ToString()))));

        Assert.That(response.Headers.Location?.ToString(), Does.StartWith("/signin?"));
    }

    [TestCase("response_type", "token", "unsupported_response_type")]
    [TestCase("code_challenge", null, "invalid_request")]
    [TestCase("code_challenge", "short", "invalid_request")]
    [TestCase("code_challenge_method", "plain", "invalid_request")]
    [TestCase("code_challenge_method", null, "invalid_request")]
    [TestCase("resource", "https://elsewhere.example/mcp", "invalid_target")]
    [TestCase("resource", "not a uri", "invalid_target")]
    [TestCase("response_mode", "fragment", "invalid_request")]
    [TestCase("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported")]
    [Category("B-15"), Category("B-19")]
    [Requirement("MCP-05")]
    public async Task What_the_client_did_wrong_is_told_to_the_client(string parameter, string? value, string error)   // RFC 6749 §4.1.2.1
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl((parameter, value)));

        Assert.That(answer["error"], Is.EqualTo(error));
        Assert.That(answer["state"], Is.EqualTo("the state"));
        Assert.That(answer["iss"], Is.EqualTo(_server.BaseUrl));
        Assert.That(answer, Does.Not.ContainKey("code"));
    }

    [Test]
    [Requirement("MCP-05")]
    public async Task A_client_with_a_secret_needs_PKCE_too()   // OAuth 2.1 §7.5.1
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri } });
        Assert.That(client.Secret, Is.Not.Null);
        using var alice = new Person(_server);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("code_challenge", null), ("code_challenge_method", null)));

        Assert.That(answer["error"], Is.EqualTo("invalid_request"));
    }

    [TestCase("client_id", null)]
    [TestCase("client_id", "nobody")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/other")]
    [TestCase("redirect_uri", "http://localhost:4711/callback")]
    [TestCase("redirect_uri", "https://127.0.0.1:4711/callback")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/callback?x=1")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/Callback")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/callback/")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/./callback")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711@evil.example/callback")]
    [TestCase("redirect_uri", "http://user@127.0.0.1:4711/callback")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/callback#x")]
    [TestCase("redirect_uri", "http://evil.example/callback")]
    [Requirement("MCP-07")]
    public async Task Without_a_good_client_and_redirect_uri_the_person_sees_a_page_and_nothing_is_redirected(string parameter, string? value)   // RFC 6749 §4.1.2.1
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, OAuthClient.LoopbackRedirectUri);

        using var response = await _server.Http.GetAsync(client.AuthorizeUrl((parameter, value)));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(response.Headers.Location, Is.Null);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/html"));
        var page = await response.Content.ReadAsStringAsync();
        Assert.That(page, Does.Contain("Reference"));
        Assert.That(page, Does.Not.Contain("evil.example"));
    }

    [Test]
    [Category("SEED-049")]
    public async Task An_unknown_client_is_told_how_to_register_again()   // docs/interoperability.md, "Lost registrations"
    {
        using var response = await _server.Http.GetAsync("/oauth/authorize");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("client_id").And.Contain("Clear authentication"));
    }

    [TestCase("http://127.0.0.1:51234/callback")]
    [TestCase("http://127.0.0.1/callback")]
    [Category("SEED-006")]
    public async Task A_loopback_redirect_uri_may_use_any_port(string redirectUri)   // RFC 8252 §7.3
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, OAuthClient.LoopbackRedirectUri);
        using var alice = new Person(_server);

        var left = await alice.LeaveAsync(client.AuthorizeUrl(("redirect_uri", redirectUri)));

        Assert.That(left.AbsoluteUri, Does.StartWith(redirectUri + "?"));
    }

    [TestCase("http://localhost:{0}/mcp/")]
    [TestCase("HTTP://LOCALHOST:{0}/mcp")]
    [TestCase("http://localhost:{0}")]
    [TestCase("http://localhost:{0}/")]
    [Requirement("MCP-11")]
    public async Task Other_spellings_of_the_resource_become_the_canonical_audience(string spelling)   // docs/interoperability.md, "Spellings of the resource"
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var resource = string.Format(System.Globalization.CultureInfo.InvariantCulture, spelling, new Uri(_server.BaseUrl).Port);

        var tokens = await client.ConnectAsync(alice, ("resource", resource));

        Assert.That(new JsonWebToken(tokens.Text("access_token")).Audiences, Is.EqualTo([_server.McpUrl]));
    }

    [Test]
    [Category("B-13")]
    public async Task Scopes_of_other_systems_are_ignored_and_an_empty_scope_is_the_default()   // docs/interoperability.md, "Scopes of other systems"
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        Assert.That((await client.ConnectAsync(alice, ("scope", "claudeai mcp"))).Text("scope"), Is.EqualTo("mcp"));
        Assert.That((await client.ConnectAsync(alice, ("scope", ""))).Text("scope"), Is.EqualTo("mcp mcp:call"));
        Assert.That((await client.ConnectAsync(alice, ("scope", "claudeai"))).Text("scope"), Is.EqualTo("mcp mcp:call"));
    }

    [Test]
    [Category("B-13")]
    public async Task Strict_a_scope_that_is_not_known_is_refused_wherever_it_is_asked_for()
    {
        await using var server = await TestServer.StartAsync("OAuth:StrictScopes=true");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var left = await alice.LeaveAsync(client.AuthorizeUrl(("scope", "mcp claudeai")));
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp"));
        using var refresh = await client.PostAsync("/oauth/token", ("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")), ("scope", "claudeai"));

        Assert.That(left.Query, Does.Contain("error=invalid_scope").And.Contain("iss="), "RFC 6749 §4.1.2.1: to the client");
        Assert.That(tokens.Text("scope"), Is.EqualTo("mcp"));
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_scope"));
    }

    [Test]
    [Category("B-01")]
    public async Task No_query_parameter_stands_for_a_signed_in_person()   // B-01
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        foreach (var name in new[] { "authenticated_user", "user", "username", "sub", "login_hint", "id_token_hint", "session", "sid", "decision", "provider" })
        {
            using var response = await _server.Http.GetAsync(client.AuthorizeUrl((name, "alice")));

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect), name);
            Assert.That(response.Headers.Location?.ToString(), Does.StartWith("/signin?"), name);
        }
    }

    [Test]
    public async Task The_pages_cannot_be_opened_with_a_forged_ticket()
    {
        foreach (var path in new[] { "/signin", "/consent", "/signin?request=forged", "/consent?request=forged", "/login" })
        {
            using var response = await _server.Http.GetAsync(path);

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), path);
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("too old"), path);
        }
    }
}
