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
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp mcp:call profile email"));

        using var response = await SendAsync(method, "/oauth/userinfo", tokens.Text("access_token"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        var person = await response.JsonAsync();
        Assert.That(person.Text("sub"), Is.Not.Empty);
        Assert.That(person.Text("email"), Is.EqualTo("alice@example.com"));
        Assert.That(person.Text("name"), Is.EqualTo("Alice Example"));
        Assert.That(person.GetProperty("email_verified").GetBoolean(), Is.True);
        Assert.That(person.Text("scope"), Is.EqualTo("mcp mcp:call profile email"));
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
    public async Task Revocation_of_an_unknown_token_is_200_and_of_another_clients_token_does_nothing()   // RFC 7009 §2.2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);

        using var unknown = await client.PostAsync("/oauth/revoke", ("token", "garbage"));
        using var foreign = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
        using var foreignAccess = await other.PostAsync("/oauth/revoke", ("token", tokens.Text("access_token")));

        Assert.That(unknown.StatusCode, Is.EqualTo(HttpStatusCode.OK));
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
