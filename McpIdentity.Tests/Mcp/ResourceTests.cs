using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using McpIdentity.Tests.Coverage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.Mcp;

/// <summary>The endpoint seen from outside: its metadata, its hosts and origins, and the official client.</summary>
[Category("RFC 9728")]
[Parallelizable(ParallelScope.All)]
internal sealed class ResourceTests
{
    private const string WellKnown = "/.well-known/oauth-protected-resource";

    private McpHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _host = await McpHost.StartAsync(new Dictionary<string, string?>
    {
        ["Mcp:DnsRebinding:AllowedHosts:0"] = "alias.example",
        ["Mcp:DnsRebinding:AllowedOrigins:0"] = "https://app.example",
    });

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    // LINK-01.
    [TestCase(WellKnown), TestCase(WellKnown + "/mcp"), TestCase("/mcp" + WellKnown)]
    [Category("LINK-01")]
    [Requirement("MCP-29"), Requirement("MCP-31"), Requirement("MCP-40")]
    public async Task Metadata_names_the_resource_and_its_issuer(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = "evil.example";
        request.Headers.Add("X-Forwarded-Host", "evil.example");
        using var response = await _host.Client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(body, Is.EqualTo("""
                {"resource":"https://mcp.example/mcp","authorization_servers":["https://mcp.example"],"scopes_supported":["mcp","mcp:call"],"bearer_methods_supported":["header"],"resource_name":"MCP server"}
                """));
            Assert.That(response.Headers.CacheControl!.ToString(), Is.EqualTo("public, max-age=300"));
            Assert.That(response.Headers.GetValues("Access-Control-Allow-Origin"), Has.Member("*"));
            Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/json"));
        }
    }

    [Test]
    public async Task Metadata_that_is_known_already_is_304()
    {
        using var first = await _host.Client.GetAsync(WellKnown);
        using var request = new HttpRequestMessage(HttpMethod.Get, WellKnown + "/mcp");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await _host.Client.SendAsync(request);

        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [TestCase("HEAD", WellKnown, 200), TestCase("POST", WellKnown, 405), TestCase("DELETE", WellKnown + "/mcp", 405), TestCase("GET", WellKnown + "/other", 404)]
    public async Task Metadata_is_only_read_and_only_where_it_is(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _host.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
    }

    // RFC 9728 §2: authorization_servers holds issuer identifiers, which are URLs (RFC 8414 §2).
    [TestCase("jwt", "your-service", null), TestCase("jwt", "https://idp.example", "https://idp.example")]
    [TestCase("both", "your-service", "https://mcp.example"), TestCase("both", "https://idp.example", "https://mcp.example https://idp.example")]
    public async Task Metadata_names_foreign_issuers_that_are_URLs(string authType, string issuer, string? servers)
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:AuthType"] = authType, ["Jwt:Issuer"] = issuer });
        var document = JsonDocument.Parse(await host.Client.GetStringAsync(WellKnown)).RootElement;

        Assert.That(
            document.TryGetProperty("authorization_servers", out var named) ? string.Join(' ', named.EnumerateArray().Select(one => one.GetString())) : null,
            Is.EqualTo(servers));
    }

    // LINK-13.
    [TestCase("Origin: http://localhost:4000", 200), TestCase("Origin: http://127.0.0.1:1", 200), TestCase("Origin: https://mcp.example", 200)]
    [TestCase("Origin: https://app.example", 200), TestCase("Origin: http://[::1]:4000", 200)]
    [TestCase("Origin: https://evil.example", 403), TestCase("Origin: null", 403), TestCase("Origin: https://mcp.example.evil.example", 403)]
    [TestCase("Origin: http://mcp.example", 403), TestCase("Origin: https://mcp.example:444", 403), TestCase("Origin: https://localhost@evil.example", 403)]
    [TestCase("Origin: file://localhost", 403), TestCase("Origin: http://localhost.evil.example", 403), TestCase("Origin: http://loopback:4000", 403)]
    [TestCase("Host: mcp.example", 200), TestCase("Host: localhost:8082", 200), TestCase("Host: [::1]:8082", 200), TestCase("Host: alias.example:80", 200)]
    [TestCase("Host: evil.example", 403), TestCase("Host: mcp.example.evil.example", 403), TestCase("Host: 10.0.0.1", 403), TestCase("Host: loopback", 403)]
    [Category("LINK-13")]
    [Requirement("MCP-41")]
    public async Task Only_expected_hosts_and_origins_are_served(string header, int status) =>
        Assert.That(await _host.RawAsync(header), Does.StartWith($"HTTP/1.1 {status}"));

    // The address is https: a page that shows a token needs no rule, for no browser adds one by itself.
    [TestCase("Authorization: Bearer {0}\r\nOrigin: https://evil.example", 200), TestCase("Authorization: Bearer x\r\nOrigin: https://evil.example", 401)]
    [TestCase("Authorization: \r\nOrigin: https://evil.example", 403), TestCase("Authorization: Bearer {0}\r\nHost: evil.example", 403)]
    public async Task A_token_needs_no_rule_about_origins(string headers, int status) =>
        Assert.That(await _host.RawAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, headers, TestTokens.Own(_host.Keys.Key))), Does.StartWith($"HTTP/1.1 {status}"));

    [Test]
    public async Task A_foreign_origin_is_told_so_and_logged()
    {
        var answer = await _host.RawAsync("Origin: https://evil.example");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Does.Contain("Invalid Origin header: https://evil.example"));
            Assert.That(_host.Logs.At(LogLevel.Warning), Has.Some.Contains("WrongSite"));
        }
    }

    [Test]
    public async Task A_caller_who_hangs_up_leaves_no_error_behind()
    {
        for (var i = 0; i < 20; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(_host.Client.BaseAddress!.Host, _host.Client.BaseAddress.Port);
            await client.GetStream().WriteAsync("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"u8.ToArray());
            client.LingerState = new LingerOption(true, 0);
        }

        await _host.CallAsync("ping");

        Assert.That(_host.Logs.At(LogLevel.Error).Concat(_host.Logs.At(LogLevel.Critical)), Is.Empty);
    }

    [Test]
    public async Task The_official_client_lists_and_calls()
    {
        await using var client = await ConnectAsync(TestTokens.Own(_host.Keys.Key));
        var tools = await client.ListToolsAsync();
        var result = await client.CallToolAsync("greeting");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', tools.Select(tool => tool.Name).Order()), Is.EqualTo("echo greeting ping whoami"));
            Assert.That(((TextContentBlock)result.Content[0]).Text, Is.EqualTo("Hello, Alice!"));
        }
    }

    [Test]
    public async Task The_official_client_may_look_but_not_call_without_a_token()
    {
        await using var client = await ConnectAsync(null);
        var tools = await client.ListToolsAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(tools.Select(tool => tool.Name), Has.Member("echo"));
            Assert.That(async () => await client.CallToolAsync("whoami"), Throws.Exception.With.Message.Contains("401"));
        }
    }

    // The second layer: a route that goes around the gate reaches no tool.
    [Test]
    public async Task Without_the_gate_nothing_runs()
    {
        await using var host = await McpHost.StartAsync(route: app => app.MapMcp("/side-door"));
        var call = await host.PostAsync(
            """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping"}}""", TestTokens.Own(host.Keys.Key), request => At(request, "/side-door"));
        var list = await host.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", change: request => At(request, "/side-door"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(call.Body, Does.Contain("Not authorized").And.Not.Contain("pong"));
            Assert.That(list.Body, Does.Contain("Not authorized").And.Not.Contain("echo"));
        }

        static void At(HttpRequestMessage request, string path)
        {
            request.RequestUri = new Uri(path, UriKind.Relative);
            request.Headers.Add("Accept", "application/json, text/event-stream");
        }
    }

    private Task<McpClient> ConnectAsync(string? token) => McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
    {
        Endpoint = new Uri(_host.Client.BaseAddress!, "/mcp"),
        TransportMode = HttpTransportMode.StreamableHttp,
        AdditionalHeaders = token is null ? null : new Dictionary<string, string> { ["Authorization"] = "Bearer " + token },
    }));
}
