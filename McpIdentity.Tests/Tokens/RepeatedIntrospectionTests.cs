using System.Net;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Tokens;

/// <summary>
/// A resource server asks about the same token again and again (RFC 7662): its signature is verified once, and everything that can
/// change is asked every time.
/// </summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RepeatedIntrospectionTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("SEED-045")]
    public async Task Every_answer_about_a_token_is_the_same_until_it_is_revoked()   // SEED-045
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server) { Unticked = ["echo"] };
        var token = (await client.ConnectAsync(alice, ("scope", "mcp mcp:call email"))).Text("access_token")!;

        var first = await IntrospectAsync(client, token);
        Assert.That(first, Does.Contain("\"active\": true").And.Contain("mcp_tools").And.Contain("alice@example.com"));
        Assert.That(await IntrospectAsync(client, token), Is.EqualTo(first));
        Assert.That(await IntrospectAsync(client, token), Is.EqualTo(first));

        using var revoked = await client.PostAsync("/oauth/revoke", ("token", token));
        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await IntrospectAsync(client, token), Is.EqualTo(await IntrospectAsync(client, "garbage")));
    }

    [Test]
    [Category("SEED-045")]
    public async Task A_token_that_was_good_a_moment_ago_is_inactive_when_it_has_expired()   // SEED-045
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        var token = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        Assert.That(await IntrospectAsync(service, token), Does.Contain("\"active\": true"));

        _server.Clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1)); // its lifetime, and a second for its parts

        Assert.That(await IntrospectAsync(service, token), Is.EqualTo(await IntrospectAsync(service, "garbage")));
    }

    [Test]
    [Category("SEED-045"), Category("B-14")]
    public async Task What_is_known_of_an_identity_token_makes_no_access_token_of_it()   // SEED-045, B-14
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "openid mcp"));
        var (identity, access) = (tokens.Text("id_token")!, tokens.Text("access_token")!);
        await IntrospectAsync(client, identity);
        await IntrospectAsync(client, access);

        Assert.That(await UserInfoAsync(identity), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await UserInfoAsync(access), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await UserInfoAsync(identity), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await IntrospectAsync(client, identity), Is.EqualTo(await IntrospectAsync(client, "garbage")));
    }

    private Task<OAuthClient> RegisterAsync() =>
        OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } });

    private static async Task<string> IntrospectAsync(OAuthClient caller, string token)
    {
        using var response = await caller.PostAsync("/oauth/introspect", ("token", token));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await response.Content.ReadAsStringAsync();
    }

    private async Task<HttpStatusCode> UserInfoAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo") { Headers = { Authorization = new("Bearer", token) } };
        using var response = await _server.Http.SendAsync(request);
        return response.StatusCode;
    }
}
