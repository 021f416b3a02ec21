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
    public async Task A_code_works_once_and_its_replay_ends_the_grant()   // security 3
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var first = await client.RedeemAsync(code);
        var tokens = await first.JsonAsync();

        using var replay = await client.RedeemAsync(code);

        Assert.That(await replay.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var userInfo = await UserInfoAsync(tokens.Text("access_token")!);
        Assert.That(userInfo.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_code_of_twelve_redemptions_at_once_succeeds_once()   // security 3
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RedeemAsync(code)));

        Assert.That(answers.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1));
        Assert.That(answers.Where(answer => !answer.IsSuccessStatusCode).Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task A_code_dies_after_a_minute()   // security 3
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var code = await client.AuthorizeAsync(alice);
        server.Clock.Advance(TimeSpan.FromSeconds(61));

        using var late = await client.RedeemAsync(code);

        Assert.That(await late.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [TestCase("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong", "invalid_grant")]
    [TestCase("code_verifier", null, "invalid_request")]
    [TestCase("redirect_uri", "http://127.0.0.1:4711/other", "invalid_grant")]
    [TestCase("redirect_uri", null, "invalid_request")]
    [TestCase("resource", "https://elsewhere.example/", "invalid_target")]
    [TestCase("code", "guessed", "invalid_grant")]
    [TestCase("code", null, "invalid_request")]
    [TestCase("grant_type", "password", "unsupported_grant_type")]
    [TestCase("grant_type", null, "invalid_request")]
    public async Task A_redemption_that_does_not_fit_is_refused(string parameter, string? value, string error)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);

        using var response = await client.RedeemAsync(code, (parameter, value));

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo(error));
    }

    [Test]
    public async Task A_wrong_target_does_not_burn_the_code()   // interop Q19
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var wrong = await client.RedeemAsync(code, ("resource", "https://elsewhere.example/"));

        using var right = await client.RedeemAsync(code, ("resource", _server.McpUrl + "/"));

        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK), await right.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task Codes_and_refresh_tokens_work_for_nobody_else()   // security 5
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
    public async Task A_refresh_rotates_and_the_reuse_of_the_old_token_ends_the_family()   // SEED-035, D-16 with a grace of 0
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var first = await client.ConnectAsync(alice);
        using var answer = await client.RefreshAsync(first.Text("refresh_token")!);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        var second = await answer.JsonAsync();
        Assert.That(second.Text("refresh_token"), Is.Not.EqualTo(first.Text("refresh_token")));
        Assert.That(second.Text("access_token"), Is.Not.EqualTo(first.Text("access_token")));
        Assert.That(second.Text("scope"), Is.EqualTo("mcp mcp:call"));

        using var reuse = await client.RefreshAsync(first.Text("refresh_token")!);

        Assert.That(await reuse.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var newest = await client.RefreshAsync(second.Text("refresh_token")!);
        Assert.That(await newest.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var userInfo = await UserInfoAsync(second.Text("access_token")!);
        Assert.That(userInfo.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task The_replay_of_one_grant_leaves_the_other_devices_of_the_person_alone()   // interop Q14
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var laptop = await client.ConnectAsync(alice);
        var phone = await client.ConnectAsync(alice);
        using var refresh = await client.RefreshAsync(laptop.Text("refresh_token")!);
        using var reuse = await client.RefreshAsync(laptop.Text("refresh_token")!);
        Assert.That(await reuse.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));

        using var other = await client.RefreshAsync(phone.Text("refresh_token")!);

        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Of_twelve_refreshes_at_once_one_succeeds()   // security 4 with a grace of 0
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(tokens.Text("refresh_token")!)));

        Assert.That(answers.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1));
    }

    [Test]
    public async Task A_refresh_narrows_the_scope_and_never_widens_it()   // security 5, RFC 6749 §6
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
    public async Task A_refresh_token_dies_after_seven_days()   // SEED-034
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        server.Clock.Advance(TimeSpan.FromDays(7) - TimeSpan.FromSeconds(5));
        using var justInTime = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(justInTime.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        server.Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromSeconds(1));

        using var late = await client.RefreshAsync((await justInTime.JsonAsync()).Text("refresh_token")!);

        Assert.That(await late.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
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

    [Test]
    public async Task A_secret_may_come_in_the_header_or_in_the_body_but_not_in_both()   // interop Q6
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var post = await _server.Http.PostAsync("/oauth/token", Form(
            ("grant_type", "client_credentials"), ("client_id", service.ClientId), ("client_secret", service.Secret!)));
        using var both = await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", service.ClientId), ("client_secret", service.Secret!));

        Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await both.OAuthErrorAsync(), Is.EqualTo("invalid_request"));
    }

    [Test]
    public async Task A_client_that_is_unknown_or_has_the_wrong_secret_is_401_invalid_client()   // interop Q9
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
        }
    }

    [Test]
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
