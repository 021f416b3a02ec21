using System.Net;
using System.Net.Http.Json;
using McpIdentity.Mcp;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary><c>OAuth:Enabled</c> and <c>Mcp:Enabled</c>: one server, either half of it switched off.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class OAuthSwitchTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:Enabled=false", "Mcp:Auth:AuthType=jwt", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service", "Jwt:Audience=mcp-api");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("/oauth/authorize"), TestCase("/oauth/token"), TestCase("/oauth/userinfo"), TestCase("/oauth/introspect"), TestCase("/oauth/revoke")]
    [TestCase("/oauth/callback"), TestCase("/oauth/register"), TestCase("/register"), TestCase("/signin"), TestCase("/consent")]
    [TestCase("/.well-known/oauth-authorization-server"), TestCase("/.well-known/oauth-authorization-server/mcp")]
    [TestCase("/.well-known/openid-configuration"), TestCase("/mcp/.well-known/openid-configuration"), TestCase("/.well-known/jwks.json")]
    [Category("SEED-003"), Category("SEED-019"), Category("SEED-024")]
    public async Task Without_OAuth_nothing_of_the_authorization_server_is_there(string path)
    {
        using var get = await _server.Http.GetAsync(path);
        using var post = await _server.Http.PostAsJsonAsync(path, new { redirect_uris = new[] { "http://127.0.0.1/callback" } });

        Assert.That((get.StatusCode, post.StatusCode), Is.EqualTo((HttpStatusCode.NotFound, HttpStatusCode.NotFound)));
        Assert.That(await get.OAuthErrorAsync(), Is.EqualTo("not_found"));
        Assert.That(await post.OAuthErrorAsync(), Is.EqualTo("not_found"));
    }

    [Test]
    [Category("SEED-003"), Category("SEED-019")]
    public async Task Without_OAuth_the_MCP_endpoint_serves_JWTs_and_names_no_authorization_server()
    {
        var mcp = new McpCaller(_server);
        var metadata = await _server.Http.GetStringAsync("/.well-known/oauth-protected-resource");
        var good = await mcp.CallToolAsync("whoami", TestTokens.ForeignAt(_server.Clock.GetUtcNow()));
        var none = await mcp.CallToolAsync("whoami");

        Assert.That((good.Status, none.Status), Is.EqualTo((200, 401)), good.Body);
        Assert.That(good.Text, Does.Contain("\"auth_method\":\"jwt\""));
        Assert.That(metadata, Does.Not.Contain("authorization_servers").And.Contain(_server.McpUrl));
    }

    [Test]
    [Category("SEED-007")]
    public async Task Without_MCP_the_authorization_server_still_works()
    {
        await using var server = await TestServer.StartAsync("Mcp:Enabled=false");
        using var mcp = await server.Http.PostAsJsonAsync("/mcp", new { jsonrpc = "2.0", id = 1, method = "ping" });
        using var metadata = await server.Http.GetAsync("/.well-known/oauth-protected-resource");
        using var ofPath = await server.Http.GetAsync("/.well-known/oauth-protected-resource/mcp");
        using var alice = new Person(server);
        var tokens = await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice);

        Assert.That((mcp.StatusCode, metadata.StatusCode, ofPath.StatusCode), Is.EqualTo((HttpStatusCode.NotFound, HttpStatusCode.NotFound, HttpStatusCode.NotFound)));
        Assert.That(tokens.Text("access_token"), Is.Not.Empty);
    }

    [TestCase("oauth"), TestCase("both")]
    [Category("SEED-024")]
    public void A_resource_that_takes_our_tokens_needs_the_server_that_issues_them(string authType) => Assert.That(
        async () => await TestServer.StartAsync("OAuth:Enabled=false", $"Mcp:Auth:AuthType={authType}", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service"),
        Throws.Exception.With.Message.Contains("OAuth:Enabled (OAUTH_ENABLED) is false"));
}
