using System.Net;
using System.Net.Http.Headers;
using System.Text;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Clients.Assertions;

/// <summary>What a client that signs can do, and what nobody can do in its name.</summary>
[Category("RFC 7523")]
[Parallelizable(ParallelScope.All)]
internal sealed class SigningClientTests
{
    private readonly RecordedLog _log = new();
    private readonly TemporaryFolder _folder = new();
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        builder =>
        {
            builder.Logging.SetMinimumLevel(LogLevel.Trace);
            builder.Logging.AddProvider(_log);
        },
        "Mcp:RateLimiting:Enabled=false", "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true",
        $"Mcp:SecurityLogging:LogFilePath={_folder.File("security.log")}");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
        _folder.Dispose();
    }

    [Test]
    [Category("RFC 7521")]
    public async Task The_client_need_not_be_named_beside_its_assertion()
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());

        using var unnamed = await client.TokenAsync();
        using var named = await client.TokenAsync(null, ("client_id", client.ClientId));
        using var misnamed = await client.TokenAsync(null, ("client_id", "another"));

        Assert.That(unnamed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await unnamed.Content.ReadAsStringAsync());
        Assert.That(named.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await misnamed.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [Test]
    public async Task An_assertion_is_good_once_wherever_it_comes_again()
    {
        await using var server = await TestServer.StartAsync();
        var client = await SigningClient.RegisterAsync(server, SigningClient.NewKey());
        var assertion = client.NewAssertion();
        using var first = await client.TokenAsync(assertion);
        Assert.That(first.StatusCode, Is.EqualTo(HttpStatusCode.OK), await first.Content.ReadAsStringAsync());
        server.Clock.Advance(TimeSpan.FromSeconds(30));

        foreach (var path in (string[])["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
        {
            using var again = await client.PostAsync(path, assertion, ("grant_type", "client_credentials"), ("token", "anything"));

            var refusal = await again.JsonAsync();
            Assert.That((again.StatusCode, refusal.Text("error")), Is.EqualTo((HttpStatusCode.Unauthorized, "invalid_client")), path);
            Assert.That(refusal.Text("error_description"), Does.Contain("jti"), "who holds the key is told what is wrong");
        }
    }

    [Test]
    public async Task Of_many_requests_with_one_assertion_at_once_one_is_answered()
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());
        var assertion = client.NewAssertion();

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.TokenAsync(assertion)));

        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.OK), Is.EqualTo(1));
        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized), Is.EqualTo(11));
    }

    [Test]
    public async Task An_assertion_that_was_refused_has_not_been_spent_and_two_clients_may_choose_one_identifier()
    {
        await using var server = await TestServer.StartAsync();
        var (one, other) = (await SigningClient.RegisterAsync(server, SigningClient.NewKey()), await SigningClient.RegisterAsync(server, SigningClient.NewKey()));
        var assertion = one.NewAssertion((_, payload) => (payload["jti"], payload["nbf"]) = ("the same", server.Clock.GetUtcNow().ToUnixTimeSeconds() + 70));
        using var early = await one.TokenAsync(assertion);
        Assert.That(await early.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        server.Clock.Advance(TimeSpan.FromSeconds(15));

        using var later = await one.TokenAsync(assertion);
        using var others = await other.TokenAsync(other.NewAssertion((_, payload) => payload["jti"] = "the same"));

        Assert.That((later.StatusCode, others.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)), await later.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_client_with_keys_is_asked_for_its_signature_and_takes_no_other_proof()
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());
        (string, string?)[][] others =
        [
            [("client_id", client.ClientId)],
            [("client_id", client.ClientId), ("client_secret", "")],
            [("client_id", client.ClientId), ("client_secret", "mcps_" + new string('a', 43))],
            [("client_id", client.ClientId), ("client_secret", "null")],
        ];
        foreach (var other in others)
        {
            using var response = await client.PostAsync("/oauth/revoke", null, [("client_assertion", null), ("client_assertion_type", null), ("token", "anything"), .. other]);
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"), string.Join(' ', other));
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/introspect")
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client.ClientId}:"))) },
            Content = new FormUrlEncodedContent([KeyValuePair.Create("token", "anything")]),
        };
        using var basic = await _server.Http.SendAsync(request);
        Assert.That(await basic.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [TestCase("client_assertion_type", null, "invalid_request")]
    [TestCase("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "invalid_client")]
    [TestCase("client_secret", "and a secret", "invalid_request")]
    [TestCase("client_assertion", "", "invalid_request")]
    [TestCase("client_assertion", "garbage", "invalid_client")]
    [TestCase("client_assertion", "a.b.c", "invalid_client")]
    [TestCase("client_assertion", "e30.e30.", "invalid_client")]
    [TestCase("client_assertion", "eyJhbGciOiJub25lIn0.W10.", "invalid_client")]
    [TestCase("client_assertion", "a.b.c.d.e", "invalid_client")]
    public async Task A_request_that_is_no_authentication_is_refused(string parameter, string? value, string error)
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());
        foreach (var path in (string[])["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
        {
            using var response = await client.PostAsync(path, null, ("client_id", client.ClientId), ("grant_type", "client_credentials"), ("token", "anything"), (parameter, value));

            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo(error), path);
        }
    }

    [Test]
    public async Task A_member_that_stands_twice_is_refused()
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());
        var parts = client.NewAssertion().Split('.');
        var payload = Base64UrlEncoder.Decode(parts[1]);
        var doubled = SigningClient.Sign(parts[0] + "." + SigningClient.Encode(payload[..^1] + $",\"sub\":\"{client.ClientId}\"}}"), "ES256", client.Key);

        using var response = await client.TokenAsync(doubled);

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [Test]
    public async Task A_person_connects_with_a_client_that_signs_and_its_refreshes_are_signed_too()
    {
        var key = SigningClient.NewKey();
        var client = await SigningClient.RegisterAsync(_server, key, new
        {
            redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
            token_endpoint_auth_method = "private_key_jwt",
            grant_types = new[] { "authorization_code", "refresh_token" },
            jwks = new { keys = new[] { SigningClient.Jwk(key) } },
        });
        var walker = OAuthClient.Of(_server, client.ClientId, null, OAuthClient.DefaultRedirectUri);
        using var alice = new Person(_server);
        var code = await walker.AuthorizeAsync(alice);
        using var unsigned = await walker.RedeemAsync(code);
        Assert.That(await unsigned.OAuthErrorAsync(), Is.EqualTo("invalid_client"), "a code is no proof of who the client is");

        using var redeemed = await client.PostAsync("/oauth/token", null, ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", walker.RedirectUri), ("code_verifier", walker.Verifier));
        var tokens = await redeemed.JsonAsync();
        Assert.That(redeemed.StatusCode, Is.EqualTo(HttpStatusCode.OK), tokens.GetRawText());
        using var unsignedRefresh = await walker.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await unsignedRefresh.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        using var refreshed = await client.PostAsync("/oauth/token", null, ("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")));
        tokens = await refreshed.JsonAsync();
        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK), tokens.GetRawText());

        using var asked = await client.PostAsync("/oauth/introspect", null, ("token", tokens.Text("access_token")));
        Assert.That((await asked.JsonAsync()).GetProperty("active").GetBoolean(), Is.True);
        using var revoked = await client.PostAsync("/oauth/revoke", null, ("token", tokens.Text("refresh_token")));
        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var gone = await client.PostAsync("/oauth/introspect", null, ("token", tokens.Text("access_token")));
        Assert.That((await gone.JsonAsync()).GetProperty("active").GetBoolean(), Is.False);

        alice.PagesSeen.Clear();
        await walker.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Has.Some.Contain("consent"), "the revocation took the consent with it");
        alice.PagesSeen.Clear();
        await walker.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.Empty, "of a confidential client it is remembered");
    }

    [Test]
    public async Task A_public_client_with_keys_may_sign_and_is_held_to_it_when_it_does()   // ChatGPT: none and private_key_jwt
    {
        var key = SigningClient.NewKey();
        var client = await SigningClient.RegisterAsync(_server, key, new
        {
            redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
            token_endpoint_auth_method = "none",
            jwks = new { keys = new[] { SigningClient.Jwk(key) } },
        });
        var walker = OAuthClient.Of(_server, client.ClientId, null, OAuthClient.DefaultRedirectUri);
        using var alice = new Person(_server);
        var tokens = await walker.ConnectAsync(alice);

        using var signed = await client.PostAsync("/oauth/token", null, ("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")));
        tokens = await signed.JsonAsync();
        Assert.That(signed.StatusCode, Is.EqualTo(HttpStatusCode.OK), tokens.GetRawText());
        using var wrong = await client.PostAsync("/oauth/token", client.NewAssertion(signWith: SigningClient.NewKey()), ("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")));
        Assert.That(await wrong.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        using var unsigned = await walker.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(unsigned.StatusCode, Is.EqualTo(HttpStatusCode.OK), "nothing was spent, and nothing has to be signed");
        using var service = await client.TokenAsync();
        Assert.That(await service.OAuthErrorAsync(), Is.EqualTo("unauthorized_client"), "RFC 6749 §4.4: for confidential clients alone");
    }

    [Test]
    public async Task A_client_without_keys_cannot_sign()
    {
        var walker = await OAuthClient.RegisterPublicAsync(_server);
        var client = new SigningClient(_server.Http, _server.Clock, _server.BaseUrl, walker.ClientId, SigningClient.NewKey());

        using var response = await client.PostAsync("/oauth/revoke", null, ("token", "anything"));

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [Test]
    public async Task The_log_names_the_client_of_a_refused_assertion_and_holds_no_assertion()
    {
        var client = await SigningClient.RegisterAsync(_server, SigningClient.NewKey());
        string[] assertions = [client.NewAssertion(), client.NewAssertion(signWith: SigningClient.NewKey()), client.NewAssertion((_, payload) => payload["aud"] = "https://other.example")];
        foreach (var assertion in assertions)
        {
            using var response = await client.TokenAsync(assertion);
            Assert.That((int)response.StatusCode, Is.AnyOf(200, 401));
        }

        Assert.That(_log.Lines, Has.Some.Contains("An assertion").And.Contains(client.ClientId));
        // Of many refusals of one address the security log has the first; that one is of a client of these tests.
        var refused = await LogLines.WaitForAsync(_folder.File("security.log"), "client_authentication_failed", line => line.Text("reason")!.Contains("assertion", StringComparison.Ordinal));
        Assert.That(refused.Text("address"), Is.Not.Null);
        Assert.That(_log.Lines.Where(line => assertions.Any(assertion => line.Contains(assertion.Split('.')[2], StringComparison.Ordinal) || line.Contains(assertion.Split('.')[1], StringComparison.Ordinal))), Is.Empty);
    }
}
