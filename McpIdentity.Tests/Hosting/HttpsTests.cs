using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Production is used over https alone: SEED-076.</summary>
[Category("Proxy")]
[Parallelizable(ParallelScope.All)]
internal sealed class HttpsTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "environment=Production", "OAuth:EncryptionKey=8c1f2e9b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c", "OAuth:GoogleClientId=id", "OAuth:GoogleClientSecret=s",
        "Server:TrustProxy=true", "Server:PublicBaseUrl=https://id.example");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("/oauth/token")]
    [TestCase("/oauth/revoke")]
    [TestCase("/oauth/introspect")]
    [TestCase("/oauth/userinfo")]
    [TestCase("/register")]
    [TestCase("/oauth/authorize")]
    [TestCase("/signin")]
    [TestCase("/consent")]
    [TestCase("/oauth/callback")]
    [TestCase("/mcp")]
    [Category("SEED-076")]
    [Requirement("MCP-09")]
    public async Task Plain_http_is_refused_where_secrets_travel(string path)
    {
        using var response = await _server.Http.PostAsync(path, new FormUrlEncodedContent([]));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("https").And.Contain("TRUST_PROXY"));
        Assert.That(response.Headers.Contains("Strict-Transport-Security"), Is.False, "RFC 6797 §7.2: never over http");
    }

    [Test, Category("SEED-076"), Category("SEED-037")]
    public async Task Https_at_a_trusted_proxy_is_https_and_the_browser_is_told_to_keep_to_it()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/authorize?client_id=unknown");
        request.Headers.Add("X-Forwarded-Proto", "https");
        using var response = await _server.Http.SendAsync(request);

        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("This app is not known here").And.Not.Contain("TRUST_PROXY"));
        Assert.That(response.Headers.GetValues("Strict-Transport-Security").Single(), Does.StartWith("max-age="));
    }

    [Test, Category("SEED-076")]
    public async Task Health_and_metadata_need_no_https()
    {
        foreach (var path in (string[])["/health/ready", "/.well-known/oauth-authorization-server"])
        {
            using var response = await _server.Http.GetAsync(path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), path);
        }
    }
}
