using System.Net;
using System.Net.Http.Headers;
using System.Text;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Tokens;

/// <summary>Codes, refresh tokens, client credentials: SEED-034, SEED-035, SEED-043.</summary>
[Category("RFC 6749")]
[Parallelizable(ParallelScope.All)]
internal sealed class TokenEndpointTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_wrong_target_does_not_burn_the_code()   // docs/interoperability.md, "A wrong target keeps the code"
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var wrong = await client.RedeemAsync(code, ("resource", "https://elsewhere.example/"));

        using var right = await client.RedeemAsync(code, ("resource", _server.McpUrl + "/"));

        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK), await right.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task Codes_and_refresh_tokens_work_for_nobody_else()   // RFC 6749 §4.1.3, §6
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var thief = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);

        using var stolenCode = await thief.RedeemAsync(code, ("code_verifier", client.Verifier));
        Assert.That(await stolenCode.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));

        var tokens = await client.ConnectAsync(alice);
        using var stolenRefresh = await thief.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await stolenRefresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [Test]
    public async Task A_refresh_narrows_the_scope_and_never_widens_it()   // RFC 6749 §6
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp mcp:call"));
        using var narrow = await client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", "mcp"));
        var narrowed = await narrow.JsonAsync();
        Assert.That(new JsonWebToken(narrowed.Text("access_token")).GetClaim("scope").Value, Is.EqualTo("mcp"));

        using var wide = await client.RefreshAsync(narrowed.Text("refresh_token")!, ("scope", "mcp mcp:admin"));
        Assert.That(await wide.OAuthErrorAsync(), Is.EqualTo("invalid_scope"));
        using var elsewhere = await client.RefreshAsync(narrowed.Text("refresh_token")!, ("resource", "https://elsewhere.example/"));
        Assert.That(await elsewhere.OAuthErrorAsync(), Is.EqualTo("invalid_target"));
    }

    [Test]
    public async Task A_service_gets_a_token_for_itself_and_no_refresh_token()
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);

        using var response = await service.TokenAsync(("grant_type", "client_credentials"), ("scope", "mcp:call"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        var tokens = await response.JsonAsync();
        var token = new JsonWebToken(tokens.Text("access_token"));
        Assert.Multiple(() =>
        {
            Assert.That(token.Subject, Is.EqualTo(service.ClientId), "RFC 9068 §2.2");
            Assert.That(token.Issuer, Is.EqualTo(_server.BaseUrl));
            Assert.That(token.Audiences, Is.EqualTo([_server.McpUrl]));
            Assert.That(token.GetClaim("scope").Value, Is.EqualTo("mcp:call"));
            Assert.That(tokens.TryGetProperty("refresh_token", out _), Is.False, "RFC 6749 §4.4.3");
        });
    }

    // RFC 6749 §4.4.3: no refresh token; and nobody is there whom an identity token, a name or an address could be of.
    [TestCase("offline_access", "mcp mcp:call"), TestCase("openid", "mcp mcp:call"), TestCase("openid profile email offline_access mcp", "mcp"), TestCase("mcp:call openid", "mcp:call")]
    public async Task A_service_gets_nothing_that_only_a_person_can_give(string asked, string granted)
    {
        var both = await OAuthClient.RegisterAsync(_server, new
        {
            redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
            grant_types = new[] { "authorization_code", "refresh_token", "client_credentials" },
        });
        foreach (var client in new[] { both, await OAuthClient.RegisterServiceAsync(_server) })
        {
            using var response = await client.TokenAsync(("grant_type", "client_credentials"), ("scope", asked));

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
            var tokens = await response.JsonAsync();
            Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
            Assert.That(tokens.TryGetProperty("refresh_token", out _), Is.False);
            Assert.That(tokens.TryGetProperty("id_token", out _), Is.False);
        }
    }

    // OpenID Connect Core §11: ignored. Clients ask for it because the metadata lists it.
    [TestCase("mcp offline_access", "mcp"), TestCase("offline_access", "mcp mcp:call"), TestCase("openid offline_access", "mcp mcp:call openid")]
    public async Task Offline_access_of_a_client_that_may_not_refresh_is_ignored(string asked, string granted)
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code" } });
        using var alice = new Person(_server);

        var tokens = await client.ConnectAsync(alice, ("scope", asked));

        Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
        Assert.That(tokens.TryGetProperty("refresh_token", out _), Is.False);
    }

    [Test]
    public async Task A_public_client_that_named_no_grants_keeps_people_signed_in()   // RFC 7591 §3.2.1
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" });
        using var alice = new Person(_server);

        var tokens = await client.ConnectAsync(alice, ("scope", "mcp offline_access"));
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);

        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_secret_may_come_in_the_header_or_in_the_body_but_not_in_both()   // docs/interoperability.md, "Secrets in header or body"
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var post = await _server.Http.PostAsync("/oauth/token", Form(
            ("grant_type", "client_credentials"), ("client_id", service.ClientId), ("client_secret", service.Secret!)));
        using var both = await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", service.ClientId), ("client_secret", service.Secret!));

        Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await both.OAuthErrorAsync(), Is.EqualTo("invalid_request"));
    }

    [Test]
    public async Task A_client_that_is_unknown_or_has_the_wrong_secret_is_401_invalid_client()   // RFC 6749 §5.2; docs/interoperability.md, "Lost registrations"
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        foreach (var (id, secret) in new[] { ("nobody", "x"), (service.ClientId, "wrong"), (service.ClientId, service.Secret + "x") })
        {
            using var basic = new HttpRequestMessage(HttpMethod.Post, "/oauth/token") { Content = Form(("grant_type", "client_credentials")) };
            basic.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{id}:{secret}")));
            using var byHeader = await _server.Http.SendAsync(basic);
            using var byForm = await _server.Http.PostAsync("/oauth/token", Form(("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)));

            Assert.That(byHeader.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), id);
            Assert.That(byHeader.Headers.WwwAuthenticate.ToString(), Does.StartWith("Basic"), "RFC 6749 §5.2");
            Assert.That(await byHeader.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
            Assert.That(byForm.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), id);
            Assert.That(await byForm.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
            Assert.That(byForm.Headers.WwwAuthenticate, Is.Empty, "oauth4webapi and openid-client read no body beside a challenge");
        }
    }

    [Test]
    [Category("B-15")]
    public async Task A_confidential_client_cannot_act_without_its_secret()   // B-15
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } });
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);

        using var withoutSecret = await _server.Http.PostAsync("/oauth/token", Form(
            ("grant_type", "authorization_code"), ("code", code), ("client_id", client.ClientId), ("redirect_uri", client.RedirectUri), ("code_verifier", client.Verifier)));

        Assert.That(withoutSecret.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await withoutSecret.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [Test]
    public async Task A_client_uses_only_the_grants_it_registered()
    {
        var codeOnly = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code" } });
        using var alice = new Person(_server);
        var tokens = await codeOnly.ConnectAsync(alice);
        Assert.That(tokens.TryGetProperty("refresh_token", out _), Is.False);

        using var response = await codeOnly.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("unauthorized_client"));
    }

    [Test]
    public async Task An_id_token_is_issued_for_openid_only_and_names_the_client()   // OpenID Connect Core §2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        Assert.That((await client.ConnectAsync(alice)).TryGetProperty("id_token", out _), Is.False);

        var tokens = await client.ConnectAsync(alice, ("scope", "openid profile email mcp"), ("nonce", "n-1"));

        var token = new JsonWebToken(tokens.Text("id_token"));
        Assert.Multiple(() =>
        {
            Assert.That(token.Issuer, Is.EqualTo(_server.BaseUrl));
            Assert.That(token.Audiences, Is.EqualTo([client.ClientId]));
            Assert.That(token.GetClaim("nonce").Value, Is.EqualTo("n-1"));
            Assert.That(token.GetClaim("email").Value, Is.EqualTo("alice@example.com"));
            Assert.That(token.GetClaim("name").Value, Is.EqualTo("Alice Example"));
            Assert.That(token.Subject, Is.EqualTo(new JsonWebToken(tokens.Text("access_token")).Subject));
        });
    }

    private async Task<HttpResponseMessage> UserInfoAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _server.Http.SendAsync(request);
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
}
