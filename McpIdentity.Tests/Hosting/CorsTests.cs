using System.Net;
using System.Text;
using McpIdentity.Mcp.Limits;
using McpIdentity.Server.Hosting;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Browser clients at other origins, and pages that pretend to be one: SEED-067, LINK-16; docs/interoperability.md, "CORS".</summary>
[Category("CORS")]
[Parallelizable(ParallelScope.All)]
internal sealed class CorsTests
{
    private const string Jam = "http://localhost:4000";
    private const string Headers = "authorization,content-type,accept,mcp-protocol-version,mcp-method,mcp-name,mcp-session-id,last-event-id,x-mcp-jwt";

    private TestServer _server = null!;
    private TestServer _limited = null!;
    private TestServer _counting = null!;
    private TestServer _https = null!;
    private TestServer _open = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync();
        _limited = await TestServer.StartAsync("Cors:Origin=https://app.example,https://other.example", "Cors:Credentials=true", "Server:AllowedHosts:0=*.internal");
        _https = await TestServer.StartAsync("Server:PublicBaseUrl=https://id.example", "Cors:Origin=https://app.example,chrome-extension://abcdefgh,vscode-webview://,claude.ai");
        _open = await TestServer.StartAsync("Cors:Origin=*");
        _counting = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=true", "Mcp:RateLimiting:AuthEndpointMaxRequests=1", "Mcp:RateLimiting:RegistrationMaxRequests=1");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _limited.DisposeAsync();
        await _counting.DisposeAsync();
        await _https.DisposeAsync();
        await _open.DisposeAsync();
    }

    [TestCase("/mcp")]
    [TestCase("/register")]
    [TestCase("/oauth/token")]
    [TestCase("/oauth/revoke")]
    [TestCase("/oauth/introspect")]
    [TestCase("/oauth/userinfo")]
    [TestCase("/.well-known/oauth-authorization-server")]
    [TestCase("/.well-known/oauth-protected-resource/mcp")]
    [TestCase("/.well-known/jwks.json")]
    [Category("SEED-067")]
    public async Task A_preflight_allows_what_browser_clients_send(string path)
    {
        using var response = await SendAsync(_server, Preflight(path, Jam));

        Assert.That((int)response.StatusCode, Is.EqualTo(204));
        Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.EqualTo("*"));
        Assert.That(Header(response, "Access-Control-Allow-Credentials"), Is.Empty);
        Assert.That(Headers.Split(','), Is.SubsetOf(Header(response, "Access-Control-Allow-Headers").ToLowerInvariant().Split(',', StringSplitOptions.TrimEntries)));
    }

    [TestCase("POST", "/mcp", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}""", 401)]
    [TestCase("POST", "/oauth/token", "", 400)]
    [TestCase("POST", "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=nobody", 401)]
    [TestCase("POST", "/oauth/revoke", "", 400)]
    [TestCase("POST", "/oauth/revoke", "token=x&client_id=nobody", 401)]
    [TestCase("GET", "/oauth/revoke", null, 400)]
    [TestCase("POST", "/oauth/introspect", "token=x&client_id=nobody", 401)]
    [TestCase("POST", "/register", "{}", 400)]
    [TestCase("GET", "/oauth/userinfo", null, 401)]
    [TestCase("GET", "/.well-known/nothing", null, 404)]
    [Category("SEED-067")]
    public async Task A_refusal_can_be_read_by_the_page_that_caused_it(string method, string path, string? body, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Add("Origin", Jam);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, path.StartsWith("/oauth/", StringComparison.Ordinal) ? "application/x-www-form-urlencoded" : "application/json");
        using var response = await SendAsync(_server, request);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.EqualTo("*"));
        Assert.That(Header(response, "Access-Control-Expose-Headers"), Does.Contain("WWW-Authenticate").And.Contain("Retry-After").And.Contain("RateLimit-Reset"));
    }

    // A browser client that is too fast must learn for how long to wait, or it goes on.
    [TestCase("/oauth/token")]
    [TestCase("/oauth/revoke")]
    [TestCase("/oauth/introspect")]
    [TestCase("/register")]
    [Category("SEED-067")]
    public async Task A_page_that_asks_too_often_can_read_how_long_to_wait(string path)
    {
        using var last = await SendAsync(_counting, FromJam(path));
        using var refused = await SendAsync(_counting, FromJam(path));

        Assert.That((int)last.StatusCode, Is.Not.EqualTo(429));
        Assert.That((int)refused.StatusCode, Is.EqualTo(429));
        Assert.That(Header(refused, "Access-Control-Allow-Origin"), Is.EqualTo("*"));
        Assert.That(Header(refused, "Access-Control-Expose-Headers"), Does.Contain("Retry-After"));
        Assert.That(Header(refused, "Retry-After"), Is.Not.Empty);

        static HttpRequestMessage FromJam(string path)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent([]) };
            request.Headers.Add("Origin", Jam);
            return request;
        }
    }

    [TestCase("/oauth/authorize")]
    [TestCase("/signin")]
    [TestCase("/login")]
    [TestCase("/consent")]
    [TestCase("/oauth/callback")]
    [Category("SEED-067")]
    public async Task Pages_have_no_cors(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Origin", Jam);
        using var response = await SendAsync(_server, request);
        using var preflight = await SendAsync(_server, Preflight(path, Jam));

        Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.Empty);
        Assert.That(Header(preflight, "Access-Control-Allow-Origin"), Is.Empty);
    }

    [TestCase("https://app.example", true)]
    [TestCase("https://other.example", true)]
    [TestCase("https://evil.example", false)]
    [TestCase("null", false)]
    [Category("LINK-16")]
    public async Task A_list_of_origins_admits_those_and_no_other(string origin, bool admitted)
    {
        using var response = await SendAsync(_limited, Preflight("/mcp", origin));
        using var call = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", Encoding.UTF8, "application/json") };
        call.Headers.Add("Origin", origin);
        using var answer = await SendAsync(_limited, call);

        Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.EqualTo(admitted ? origin : ""));
        Assert.That(Header(response, "Access-Control-Allow-Credentials"), Is.EqualTo(admitted ? "true" : ""));
        Assert.That(answer.StatusCode, Is.EqualTo(admitted ? HttpStatusCode.OK : HttpStatusCode.Forbidden), "who may read may ask");
    }

    // Of three servers: without https and without a list; with https and a list; with *.
    [TestCase("http", "https://evil.example", false, false), TestCase("http", "https://evil.example", true, false), TestCase("http", "http://localhost:4000", false, true), TestCase("http", "null", true, false)]
    [TestCase("https", "https://evil.example", false, false), TestCase("https", "https://evil.example", true, true), TestCase("https", "https://app.example", false, true), TestCase("https", "chrome-extension://abcdefgh", false, true)]
    [TestCase("https", "chrome-extension://other", false, false), TestCase("https", "vscode-webview://0a1b2c", false, true), TestCase("https", "https://claude.com", false, true), TestCase("https", "https://chatgpt.com", false, false)]
    [TestCase("*", "https://evil.example", false, true), TestCase("*", "null", true, true)]
    public async Task The_preflight_and_the_call_agree(string server, string origin, bool withToken, bool admitted)
    {
        var asked = server == "http" ? _server : server == "https" ? _https : _open;
        using var preflight = await SendAsync(asked, Preflight("/mcp", origin, withToken ? "authorization,content-type" : "content-type"));
        using var call = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", Encoding.UTF8, "application/json") };
        call.Headers.Add("Origin", origin);
        if (withToken)
        {
            call.Headers.Add("Authorization", "Bearer outdated");
        }

        using var answer = await SendAsync(asked, call);

        Assert.That(Header(preflight, "Access-Control-Allow-Origin").Length > 0, Is.EqualTo(admitted), "the preflight");
        Assert.That((int)answer.StatusCode, Is.EqualTo(!admitted ? 403 : withToken ? 401 : 200), "the call");
        Assert.That(Header(answer, "Access-Control-Allow-Origin").Length > 0, Is.EqualTo(admitted), "who may call may read the refusal of its token, to get another");
    }

    [TestCase("Cors:Origin=null"), TestCase("Cors:Origin=https://a.example/"), TestCase("Cors:Origin=https://a.example/x"), TestCase("Cors:Origin=https://*.a.example"), TestCase("Cors:Origin=https://"), TestCase("Cors:Origin=a.example")]
    [TestCase("Cors:Origin=https://a.example:443"), TestCase("Cors:Origin=*,https://a.example"), TestCase("Cors:Origin=file://"), TestCase("Mcp:DnsRebinding:AllowedOrigins:0=https://a.example/x"), TestCase("Mcp:DnsRebinding:AllowedOrigins:0=null")]
    public void An_entry_without_effect_stops_the_start(string setting) => Assert.That(
        async () => await TestServer.StartAsync(setting), Throws.Exception.With.Message.Contains(setting.Split(':', '=')[1]));

    [TestCase("evil.example", "/.well-known/oauth-authorization-server", 200)]
    [TestCase("evil.example", "/oauth/authorize", 400)]
    [TestCase("evil.example", "/signin", 400)]
    [TestCase("evil.example", "/register", 400)]
    [TestCase("evil.example", "/mcp", 403)]
    [TestCase("10.1.2.3", "/health/ready", 200)]
    [TestCase("node1.internal", "/", 200)]
    [TestCase("127.0.0.1", "/", 200)]
    [TestCase("localhost.evil.example", "/", 400)]
    [Category("LINK-13")]
    public async Task A_request_for_another_host_is_not_answered(string host, string path, int status)
    {
        using var request = new HttpRequestMessage(path == "/mcp" ? HttpMethod.Post : HttpMethod.Get, path);
        request.Content = path == "/mcp" ? new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", Encoding.UTF8, "application/json") : null;
        request.Headers.Host = host;
        using var response = await SendAsync(_limited, request);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("evil.example"));
    }

    private static HttpRequestMessage Preflight(string path, string origin, string headers = Headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, path);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", headers);
        return request;
    }

    private static async Task<HttpResponseMessage> SendAsync(TestServer server, HttpRequestMessage request)
    {
        using (request)
        {
            return await server.Http.SendAsync(request);
        }
    }

    private static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
}
