using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Audit;

/// <summary>What the MCP module alone, in another host, writes of its decisions.</summary>
[Category("SEED-061")]
[Parallelizable]
internal sealed class McpDecisionTests
{
    private DirectoryInfo _folder = null!;
    private McpHost _host = null!;

    private string LogPath => Path.Combine(_folder.FullName, "security.log");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("mcpidentity-log-");
        _host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:SecurityLogging:Enabled"] = "true",
            ["Mcp:SecurityLogging:LogToFile"] = "true",
            ["Mcp:SecurityLogging:LogFilePath"] = LogPath,
            ["Mcp:Auth:AuthType"] = "both",
            ["Mcp:Auth:Jwt:AllowExpiredTokens"] = "true",
            ["Mcp:RateLimiting:Enabled"] = "true",
            ["Mcp:RateLimiting:MaxToolCalls"] = "5",
        });
        _host.Sessions.Ended.Add("dead");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _host.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test, Category("SEED-051")]
    public async Task A_call_that_is_allowed_says_who_called_what_and_by_which_credential()
    {
        await _host.CallToolAsync("ping", TestTokens.Own(_host.Keys.Key, changes: ("sub", "anna")));
        var line = await LogLines.WaitForAsync(LogPath, "mcp_auth_success", line => line.Text("subject") == "anna");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(line.Text("level"), Is.EqualTo("info"));
            Assert.That(line.Text("result"), Is.EqualTo("success"));
            Assert.That(line.Text("time"), Is.EqualTo("2026-11-24T12:00:00.000Z"));
            Assert.That(line.Text("client_id"), Is.EqualTo("client-1"));
            Assert.That(line.Text("auth_method"), Is.EqualTo("oauth"));
            Assert.That(line.Text("method"), Is.EqualTo("tools/call"));
            Assert.That(line.Text("tool"), Is.EqualTo("ping"));
            Assert.That(line.Text("session_id"), Is.EqualTo("session-1"));
            Assert.That(line.Text("grant_id"), Is.EqualTo("grant-1"));
            Assert.That(line.Text("address"), Is.EqualTo("127.0.0.1"));
            Assert.That(line.Text("trace_id"), Does.Match("^[0-9a-f]{32}$"));
        }
    }

    [Test, Category("SEED-052")]
    public async Task A_foreign_token_is_told_apart()
    {
        await _host.CallToolAsync("ping", TestTokens.Foreign(("sub", "robot-7")));
        var line = await LogLines.WaitForAsync(LogPath, "mcp_auth_success", line => line.Text("subject") == "robot-7");

        Assert.That(line.Text("auth_method"), Is.EqualTo("jwt"));
    }

    [TestCase("garbage", "Malformed token"), TestCase("expired", "Token has expired"), TestCase("dead", "Session not found"), TestCase("none", "Authentication required")]
    public async Task A_credential_that_is_refused_says_why(string credential, string reason)
    {
        await _host.CallToolAsync("whoami", credential switch
        {
            "none" => null,
            "expired" => TestTokens.Own(_host.Keys.Key, changes: ("exp", TestTokens.Now.AddHours(-1).ToUnixTimeSeconds())),
            "dead" => TestTokens.Own(_host.Keys.Key, changes: ("sid", "dead")),
            _ => credential,
        });
        var line = await LogLines.WaitForAsync(LogPath, "mcp_auth_failure", line => line.Text("reason") == reason);

        Assert.That((line.Text("level"), line.Text("result"), line.Text("tool")), Is.EqualTo(("warn", "failure", "whoami")));
    }

    [Test]
    public async Task A_scope_that_is_missing_is_named()
    {
        await _host.CallToolAsync("admin_status", TestTokens.Own(_host.Keys.Key, changes: ("sub", "no-admin")));
        var line = await LogLines.WaitForAsync(LogPath, "scope_denied", line => line.Text("subject") == "no-admin");

        Assert.That(line.Text("reason"), Is.EqualTo("missing scope mcp:admin"));
    }

    [Test]
    public async Task Anonymous_discovery_is_a_decision_too()
    {
        await _host.CallAsync("tools/list");
        await LogLines.WaitForAsync(LogPath, "mcp_anonymous_access", line => line.Text("method") == "tools/list");
    }

    [Test]
    public async Task An_expired_token_that_is_accepted_is_a_warning_and_so_is_the_setting()
    {
        await _host.CallToolAsync("ping", TestTokens.Foreign(("sub", "old-robot"), ("exp", TestTokens.Now.AddHours(-1).ToUnixTimeSeconds())));
        var line = await LogLines.WaitForAsync(LogPath, "expired_token_accepted", line => line.Text("subject") == "old-robot");
        var setting = await LogLines.WaitForAsync(LogPath, "config_warning");

        Assert.That((line.Text("level"), line.Text("result")), Is.EqualTo(("warn", "warning")));
        Assert.That(setting.Text("reason"), Does.Contain("AllowExpiredTokens"));
    }

    [Test]
    public async Task A_flood_is_written_once_a_window()
    {
        var token = TestTokens.Own(_host.Keys.Key, changes: ("sub", "flood"));
        for (var call = 0; call < 10; call++)
        {
            await _host.CallToolAsync("ping", token);
        }

        await _host.CallToolAsync("whoami", TestTokens.Own(_host.Keys.Key, changes: ("sub", "after the flood")));
        await LogLines.WaitForAsync(LogPath, "mcp_auth_success", line => line.Text("subject") == "after the flood");
        var line = LogLines.Read(LogPath).Single(line => line.Text("event") == "rate_limited" && line.Text("subject") == "flood");

        Assert.That((line.Text("level"), line.Text("tool")), Is.EqualTo(("warn", "ping")));
        Assert.That(line.Text("reason"), Does.Contain("5 requests"));
    }

    [Test]
    public async Task Only_reporting_is_called_so()
    {
        var path = Path.Combine(_folder.FullName, "reporting.log");
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:SecurityLogging:Enabled"] = "true",
            ["Mcp:SecurityLogging:LogToFile"] = "true",
            ["Mcp:SecurityLogging:LogFilePath"] = path,
            ["Mcp:AuthEnforcement:Enabled"] = "false",
        });
        await host.CallToolAsync("whoami");

        var line = await LogLines.WaitForAsync(path, "mcp_auth_failure");
        Assert.That(line.Text("result"), Is.EqualTo("not_enforced"));
    }
}
