using McpIdentity.Tests.Coverage;

namespace McpIdentity.Tests.Mcp;

/// <summary>What a request says of the protocol revision that it speaks.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RevisionTests
{
    private const string Modern = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}""";

    private McpHost _host = null!;
    private string _token = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await McpHost.StartAsync();
        _token = TestTokens.Own(_host.Keys.Key);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    [TestCase("1999-01-01"), TestCase("2099-01-01"), TestCase("latest")]
    [Requirement("MCP-42")]
    public async Task A_version_that_is_not_served_is_400(string version)
    {
        var answer = await _host.CallAsync("tools/list", bearer: _token, change: request => request.Headers.Add("MCP-Protocol-Version", version));

        Assert.That(answer.Status, Is.EqualTo(400), answer.Body);
        Assert.That(answer.Json.TryGetProperty("error", out _), Is.True);
    }

    [Test]
    [Requirement("MCP-43")]
    public async Task Without_a_version_header_a_request_is_served() =>
        Assert.That((await _host.CallAsync("tools/list", bearer: _token)).Tools, Has.Member("echo"));

    [TestCase("2025-03-26"), TestCase("2025-06-18"), TestCase("2025-11-25")]
    [Requirement("MCP-56")]
    public async Task Each_earlier_revision_is_agreed_upon(string version)
    {
        var answer = await _host.CallAsync("initialize", new { protocolVersion = version, capabilities = new { }, clientInfo = new { name = "x", version = "1" } });

        Assert.That(answer.Json.GetProperty("result").GetProperty("protocolVersion").GetString(), Is.EqualTo(version));
    }

    [TestCase("initialize", """{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}""", null)]
    [TestCase("tools/list", $$"""{"_meta":{{Modern}}}""", "2026-07-28")]
    [Requirement("MCP-51")]
    public async Task No_session_identifier_is_given(string method, string parameters, string? version)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""", System.Text.Encoding.UTF8, "application/json"),
        };
        if (version is not null)
        {
            request.Headers.Add("MCP-Protocol-Version", version);
            request.Headers.Add("Mcp-Method", method);
        }

        using var response = await _host.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        Assert.That(response.Headers.Contains("Mcp-Session-Id"), Is.False);
    }

    /// <summary>Who may call what decides what is listed.</summary>
    [Test]
    [Requirement("MCP-52"), Requirement("MCP-53")]
    public async Task A_list_of_tools_is_for_its_reader_alone()
    {
        var answer = await _host.PostAsync($$"""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{{Modern}} } }""", _token, request =>
        {
            request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
            request.Headers.Add("Mcp-Method", "tools/list");
        });

        var result = answer.Json.GetProperty("result");
        Assert.That(result.GetProperty("cacheScope").GetString(), Is.EqualTo("private"));
        Assert.That(result.GetProperty("ttlMs").GetInt64(), Is.Zero);
        Assert.That(result.GetProperty("resultType").GetString(), Is.EqualTo("complete"));
    }
}
