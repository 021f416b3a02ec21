using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Hosting;

/// <summary>What a server believes of those who stand before it: SEED-036 to SEED-038; docs/interoperability.md, "Public address behind a proxy".</summary>
[Category("Proxy")]
[Parallelizable(ParallelScope.All)]
internal sealed class TrustProxyTests
{
    private const string Tunnel = "https://abc123.ngrok.io";

    private static readonly (string, string)[] FromTunnel =
        [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "abc123.ngrok.io")];

    [Test, Category("SEED-036"), Category("SEED-038")]
    public async Task A_tunnel_of_a_trusted_proxy_names_the_server_for_its_requests_alone()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true");

        foreach (var path in (string[])["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-protected-resource/mcp"])
        {
            Assert.That(await TextAsync(server, path, FromTunnel), Does.Contain(Tunnel).And.Not.Contain("localhost"));
            Assert.That(await TextAsync(server, path), Does.Contain(server.BaseUrl).And.Not.Contain("ngrok"), "and again without the tunnel");
        }

        using var challenged = await SendAsync(server, CallEcho(), FromTunnel);
        Assert.That(challenged.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(challenged.Headers.WwwAuthenticate.ToString(), Does.Contain($"{Tunnel}/.well-known/oauth-protected-resource/mcp"));
        Assert.That(JsonDocument.Parse(await TextAsync(server, "/.well-known/oauth-authorization-server", FromTunnel)).RootElement.Text("issuer"), Is.EqualTo(Tunnel));
    }

    [TestCase("Server:TrustProxy=false", Category = "SEED-036")]
    [TestCase("Logging:None=x", TestName = "Nothing_said_about_proxies_means_that_none_is_believed", Category = "SEED-036")]
    public async Task Without_trust_forwarded_headers_change_nothing(string setting)
    {
        await using var server = await TestServer.StartAsync(setting);
        await AssertUnchangedAsync(server);
    }

    [Test, Category("SEED-036"), Category("B-17")]
    public async Task Headers_from_a_peer_that_is_no_known_proxy_change_nothing()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true", "Server:KnownProxies:0=10.9.8.7");
        await AssertUnchangedAsync(server);
    }

    [Test, Category("LINK-08")]
    public async Task A_configured_address_is_the_only_one_whoever_says_otherwise()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true", "Server:PublicBaseUrl=https://id.example");

        foreach (var path in (string[])["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"])
        {
            Assert.That(await TextAsync(server, path, FromTunnel), Does.Contain("https://id.example").And.Not.Contain("ngrok").And.Not.Contain("localhost"));
        }
    }

    [Test]
    public async Task A_forwarded_scheme_that_no_browser_opens_names_nothing()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true");
        Assert.That(await TextAsync(server, "/.well-known/oauth-authorization-server", ("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Host", "abc123.ngrok.io")),
            Does.Not.Contain("javascript").And.Contain($"\"{server.BaseUrl}\""));
    }

    [Test, Category("SEED-036"), Category("SEED-037"), Category("SEED-087"), CancelAfter(120_000)]
    [Category("Nginx")]
    [Requirement("MCP-09")]
    public async Task Through_nginx_with_TLS_a_person_signs_in_and_the_token_is_of_the_address_that_the_client_sees()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true");
        await using var nginx = await NginxServer.StartAsync([server.BaseUrl], tls: true);
        using var http = ClientOf(nginx);
        using var alice = new Person(nginx.BaseUrl);
        var client = await OAuthClient.RegisterPublicAsync(http);

        var tokens = await client.ConnectAsync(alice);
        var token = tokens.Text("access_token")!;

        Assert.That(alice.Cookies.GetAllCookies().Where(cookie => cookie.Name.StartsWith("mcpidentity", StringComparison.Ordinal)),
            Is.Not.Empty.And.All.Property(nameof(Cookie.Secure)).True);
        var read = new JsonWebToken(token);
        Assert.That(read.Issuer, Is.EqualTo(nginx.BaseUrl));
        Assert.That(read.Audiences, Is.EqualTo((string[])[nginx.BaseUrl + "/mcp"]));

        using var called = await http.SendAsync(WithToken(CallEcho(), token));
        Assert.That(called.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var userinfo = await http.SendAsync(WithToken(new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo"), token));
        Assert.That(userinfo.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(new JsonWebToken((await refreshed.JsonAsync()).Text("access_token")).Issuer, Is.EqualTo(nginx.BaseUrl));

        using var elsewhere = await server.Http.SendAsync(WithToken(CallEcho(), token));
        Assert.That(elsewhere.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "the same server by another name is another issuer");
    }

    [Test, Category("SEED-036")]
    [Category("Nginx")]
    public async Task Through_nginx_without_trust_the_server_keeps_its_own_name()
    {
        await using var server = await TestServer.StartAsync();
        await using var nginx = await NginxServer.StartAsync([server.BaseUrl], tls: true);
        using var http = ClientOf(nginx);

        var metadata = await http.GetStringAsync("/.well-known/oauth-authorization-server");

        Assert.That(metadata, Does.Contain(server.BaseUrl).And.Not.Contain(nginx.BaseUrl));
    }

    [Test, Category("SEED-041"), Category("SEED-037")]
    [Category("Nginx")]
    public async Task Google_sends_people_back_to_the_address_that_they_came_to()
    {
        await using var server = await TestServer.StartAsync("Server:TrustProxy=true", "OAuth:GoogleClientId=id", "OAuth:GoogleClientSecret=secret");
        await using var nginx = await NginxServer.StartAsync([server.BaseUrl], tls: true);
        using var http = ClientOf(nginx);
        using var alice = new Person(nginx.BaseUrl);
        var client = await OAuthClient.RegisterPublicAsync(http);

        var atGoogle = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "google");

        Assert.That(atGoogle.Query["redirect_uri"], Is.EqualTo(nginx.BaseUrl + "/oauth/callback"));
    }

    [TestCase(null, null, false)]
    [TestCase("production", null, true)]
    [TestCase("production", "false", false)]
    [TestCase("development", "true", true)]
    [TestCase("development", null, false)]
    [Category("SEED-036")]
    [Category("Slow")]
    public async Task The_environment_decides_whether_proxies_are_trusted(string? nodeEnvironment, string? trustProxy, bool trusted)
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?> { ["NODE_ENV"] = nodeEnvironment, ["TRUST_PROXY"] = trustProxy },
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/oauth-authorization-server");
        foreach (var (name, value) in FromTunnel)
        {
            request.Headers.Add(name, value);
        }

        using var response = await server.Http.SendAsync(request);

        Assert.That(await response.Content.ReadAsStringAsync(), trusted ? Does.Contain(Tunnel) : Does.Not.Contain(Tunnel));
        await server.StopAsync();
        Assert.That(server.Output, trusted ? Does.Not.Contain("TRUST_PROXY=true") : Does.Contain("TRUST_PROXY=true"));
    }

    [Test, Category("SEED-088")]
    public async Task An_untrusted_proxy_is_mentioned_once()
    {
        await using var server = await ServerProcess.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/oauth-authorization-server");
            request.Headers.Add("X-Forwarded-Proto", "https");
            using var response = await server.Http.SendAsync(request);
        }

        await server.StopAsync();
        Assert.That(server.Output.Split("TRUST_PROXY=true"), Has.Length.EqualTo(2), server.Output);
    }

    [TestCase("--Server:KnownNetworks:0=0.0.0.0/0", "Production", "pretend to be anybody")]
    [TestCase("--Server:KnownNetworks:0=10.0.0.0", "Development", "which is no network")]
    [TestCase("--Server:KnownProxies:0=proxy.local", "Development", "which is no IP address")]
    [TestCase("--Server:ForwardLimit=0", "Development", "Server:ForwardLimit")]
    public async Task Trust_that_would_be_for_everyone_is_refused(string setting, string environment, string message)   // docs/production.md, "Behind a reverse proxy"
    {
        await using var server = ServerProcess.Launch(new ServerStart { Arguments = [setting], EnvironmentName = environment });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain(message));
    }

    private static async Task AssertUnchangedAsync(TestServer server)
    {
        Assert.That(await TextAsync(server, "/.well-known/oauth-authorization-server", FromTunnel), Does.Contain(server.BaseUrl).And.Not.Contain("ngrok"));
        using var challenged = await SendAsync(server, CallEcho(), FromTunnel);
        Assert.That(challenged.Headers.WwwAuthenticate.ToString(), Does.Contain(server.BaseUrl).And.Not.Contain("ngrok"));
    }

    private static async Task<string> TextAsync(TestServer server, string path, params (string Name, string Value)[] headers)
    {
        using var response = await SendAsync(server, new HttpRequestMessage(HttpMethod.Get, path), headers);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await response.Content.ReadAsStringAsync();
    }

    private static async Task<HttpResponseMessage> SendAsync(TestServer server, HttpRequestMessage request, params (string Name, string Value)[] headers)
    {
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using (request)
        {
            return await server.Http.SendAsync(request);
        }
    }

    private static HttpRequestMessage CallEcho() => new(HttpMethod.Post, "/mcp")
    {
        Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}""", Encoding.UTF8, "application/json"),
    };

    private static HttpRequestMessage WithToken(HttpRequestMessage request, string token)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private static HttpClient ClientOf(NginxServer nginx) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => NginxServer.IsItsCertificate(certificate) },
    })
    {
        BaseAddress = new Uri(nginx.BaseUrl),
    };
}
