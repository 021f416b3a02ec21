using System.Net;
using System.Net.Http.Headers;
using System.Text;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Tokens;

/// <summary>Userinfo, introspection and revocation: SEED-045, RFC 7662, RFC 7009.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TokenManagementTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("GET")]
    [TestCase("POST")]
    [Category("SEED-045")]
    public async Task Userinfo_says_who_the_token_speaks_for(string method)   // SEED-045
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);

        using var response = await SendAsync(method, "/oauth/userinfo", tokens.Text("access_token"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        var person = await response.JsonAsync();
        Assert.That(person.Text("sub"), Is.Not.Empty);
        Assert.That(person.Text("email"), Is.EqualTo("alice@example.com"));
        Assert.That(person.Text("name"), Is.EqualTo("Alice Example"));
        Assert.That(person.GetProperty("email_verified").GetBoolean(), Is.True);
        Assert.That(person.Text("scope"), Is.EqualTo("mcp mcp:call"));
    }

    [Test]
    [Category("SEED-045"), Category("B-14")]
    public async Task Userinfo_refuses_everything_but_an_access_token()   // SEED-045, B-14
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "openid"));
        foreach (var token in new[] { null, "garbage", tokens.Text("refresh_token"), tokens.Text("id_token"), tokens.Text("access_token") + "x", TestTokens.OfTheGuide() })
        {
            using var response = await SendAsync("GET", "/oauth/userinfo", token);

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized).Or.EqualTo(HttpStatusCode.BadRequest), token);
            Assert.That(response.Headers.WwwAuthenticate.ToString(), Does.StartWith("Bearer"), token);
            Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
        }

        using var call = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent("""{"jsonrpc":"2.0","method":"tools/list","id":1}""", Encoding.UTF8, "application/json") };
        call.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Text("refresh_token"));
        using var refused = await _server.Http.SendAsync(call);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "nor does the MCP endpoint take a refresh token");

        using var inQuery = await SendAsync("GET", "/oauth/userinfo?access_token=" + tokens.Text("access_token"), null);
        Assert.That(inQuery.IsSuccessStatusCode, Is.False, "tokens never travel in a query (RFC 9700 §4.3.2)");
    }

    [Test]
    [Category("SEED-045")]
    public async Task Revoking_either_token_ends_the_grant()   // docs/decisions/0002
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        foreach (var kind in new[] { "refresh_token", "access_token" })
        {
            var tokens = await client.ConnectAsync(alice);

            using var revocation = await client.PostAsync("/oauth/revoke", ("token", tokens.Text(kind)));

            Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK), await revocation.Content.ReadAsStringAsync());
            using var userInfo = await SendAsync("GET", "/oauth/userinfo", tokens.Text("access_token"));
            Assert.That(userInfo.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), kind);
            using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), kind);
        }
    }

    [Test]
    public async Task Revocation_of_an_unknown_token_is_200_and_of_another_clients_token_is_refused()   // RFC 7009 §2.1, §2.2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "openid mcp"));

        using var unknown = await client.PostAsync("/oauth/revoke", ("token", "garbage"));
        using var foreign = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
        using var foreignAccess = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")));
        using var foreignHinted = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")), ("token_type_hint", "refresh_token"));
        using var foreignIdentity = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("id_token")));
        using var foreignCode = await other.PostAsync("/oauth/revoke", ("token", await client.AuthorizeAsync(alice)));
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var foreignByService = await service.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")));
        var ofService = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token");
        using var ofServiceByOther = await other.PostAsync("/oauth/revoke", ("token", ofService));
        using var ofServiceStill = await service.PostAsync("/oauth/introspect", ("token", ofService));

        Assert.That(unknown.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (var refused in new[] { foreign, foreignAccess, foreignHinted, foreignIdentity, foreignCode, foreignByService, ofServiceByOther })
        {
            Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "RFC 6749 §5.2: was issued to another client");
        }

        Assert.That((await ofServiceStill.JsonAsync()).GetProperty("active").GetBoolean(), Is.True);
        using var userInfo = await SendAsync("GET", "/oauth/userinfo", tokens.Text("access_token"));
        Assert.That(userInfo.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Introspection_answers_the_client_about_its_own_tokens_only()   // RFC 7662 §2.2, §4
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        var other = await OAuthClient.RegisterServiceAsync(_server);
        var token = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token");

        using var own = await service.PostAsync("/oauth/introspect", ("token", token));
        using var foreign = await other.PostAsync("/oauth/introspect", ("token", token));
        using var garbage = await service.PostAsync("/oauth/introspect", ("token", "garbage"));
        using var anonymous = await _server.Http.PostAsync("/oauth/introspect", new FormUrlEncodedContent([new("token", token)]));

        var answer = await own.JsonAsync();
        Assert.That(answer.GetProperty("active").GetBoolean(), Is.True);
        Assert.That(answer.Text("iss"), Is.EqualTo(_server.BaseUrl));
        Assert.That(answer.Text("scope"), Is.EqualTo("mcp mcp:call"));
        Assert.That((await foreign.JsonAsync()).GetProperty("active").GetBoolean(), Is.False);
        Assert.That((await garbage.JsonAsync()).GetProperty("active").GetBoolean(), Is.False);
        Assert.That(anonymous.IsSuccessStatusCode, Is.False);
    }

    // RFC 7662 §2.1, §4: whoever cannot prove who they are learns nothing, whether the token is good or not.
    [TestCase("public client, by form"), TestCase("public client, by header"), TestCase("public client with a secret"), TestCase("public client with a secret, by header")]
    [TestCase("public client with an assertion"), TestCase("unknown client"), TestCase("unknown client, by header"), TestCase("nobody"), TestCase("wrong secret"), TestCase("wrong secret, by header")]
    [TestCase("confidential client without its secret"), TestCase("confidential client with an assertion")]
    public async Task Introspection_says_the_same_of_every_token_to_whoever_does_not_authenticate(string caller)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "openid mcp"));
        var dead = await client.ConnectAsync(alice);
        using var revocation = await client.PostAsync("/oauth/revoke", ("token", dead.Text("refresh_token")));
        var answers = new List<string>();
        foreach (var token in new[] { tokens.Text("access_token"), tokens.Text("refresh_token"), tokens.Text("id_token"), await client.AuthorizeAsync(alice), dead.Text("access_token"), dead.Text("refresh_token"), "garbage" })
        {
            using var response = await IntrospectAsync(token!);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), await response.Content.ReadAsStringAsync());
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
            answers.Add(await response.Content.ReadAsStringAsync());
        }

        Assert.That(answers.Distinct().Count(), Is.EqualTo(1));

        Task<HttpResponseMessage> IntrospectAsync(string token)
        {
            (string? Id, string? Secret, string? Header) = caller switch
            {
                "public client, by form" => (client.ClientId, null, null),
                "public client, by header" => ((string?)null, (string?)null, client.ClientId + ":"),
                "public client with a secret" => (client.ClientId, "x", null),
                "public client with a secret, by header" => (null, null, client.ClientId + ":x"),
                "public client with an assertion" => (client.ClientId, null, null),
                "unknown client" => ("nobody", "x", null),
                "unknown client, by header" => (null, null, "nobody:x"),
                "nobody" => (null, null, null),
                "wrong secret" => (service.ClientId, "x", null),
                "wrong secret, by header" => (null, null, service.ClientId + ":x"),
                _ => (service.ClientId, null, null),
            };
            var form = new Dictionary<string, string?> { ["token"] = token, ["client_id"] = Id, ["client_secret"] = Secret };
            if (caller.EndsWith("assertion", StringComparison.Ordinal))
            {
                (form["client_assertion_type"], form["client_assertion"]) = ("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", TestTokens.OfTheGuide());
            }

            var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/introspect") { Content = new FormUrlEncodedContent(form.Where(field => field.Value is not null)!) };
            request.Headers.Authorization = Header is null ? null : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(Header)));
            return _server.Http.SendAsync(request);
        }
    }

    [Test]
    public async Task Introspection_of_what_is_no_access_or_refresh_token_of_the_caller_is_inactive_like_garbage()   // RFC 7662 §2.2
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } });
        var other = await OAuthClient.RegisterServiceAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "openid mcp"));
        var code = await client.AuthorizeAsync(alice);
        using var garbage = await other.PostAsync("/oauth/introspect", ("token", "garbage"));
        foreach (var (caller, token) in new[] { (client, tokens.Text("id_token")), (client, code), (other, tokens.Text("access_token")), (other, tokens.Text("refresh_token")), (other, tokens.Text("id_token")), (other, code) })
        {
            using var response = await caller.PostAsync("/oauth/introspect", ("token", token));

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(await garbage.Content.ReadAsStringAsync()));
        }

        using var redeemed = await client.RedeemAsync(code);
        Assert.That(redeemed.StatusCode, Is.EqualTo(HttpStatusCode.OK), "it was looked at, not spent");
    }

    [TestCase("GET"), TestCase("PUT"), TestCase("HEAD")]
    public async Task Introspection_is_by_post_alone(string method)   // RFC 7662 §2.1
    {
        using var response = await SendAsync(method, "/oauth/introspect?token=x&client_id=y", null);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(response.Content.Headers.Allow, Is.EqualTo(new[] { "POST" }));
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string url, string? token)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), url);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return await _server.Http.SendAsync(request);
    }
}
