using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Tests.Operations;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Mcp;

/// <summary>The set-ups of the guide, pasted as JSON, and the order in which a JWT is judged.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class GuideTests
{
    private const string JwtOnly = """
        {
          "port": 8082,
          "jwt": { "secret": "Zq4vT8mLr2Xw9KdYb6NhJc3FgPs7AeUi5Vt1", "issuer": "your-service", "audience": "mcp-api" },
          "mcp": {
            "enabled": true,
            "auth": {
              "authType": "jwt",
              "jwt": { "enabled": true, "requireValidSignature": true, "requiredScopes": ["mcp", "mcp:call"], "allowExpiredTokens": false },
              "oauth": { "enabled": false },
              "requireAuthForToolsList": true,
              "requireAuthForToolsCall": true,
              "publicTools": []
            }
          }
        }
        """;

    private const string Both = """
        {
          "port": 8082,
          "jwt": { "secret": "Zq4vT8mLr2Xw9KdYb6NhJc3FgPs7AeUi5Vt1", "issuer": "your-service", "audience": "mcp-api" },
          "mcp": {
            "enabled": true,
            "auth": {
              "authType": "both",
              "oauth": { "enabled": true, "requireValidSession": true },
              "jwt": { "enabled": true, "requireValidSignature": true, "requiredScopes": ["mcp"], "allowExpiredTokens": false },
              "requireAuthForToolsList": false,
              "requireAuthForToolsCall": true,
              "publicTools": ["greeting"]
            }
          }
        }
        """;

    [Test]
    [Category("SEED-011"), Category("SEED-016"), Category("SEED-019"), Category("SEED-020"), Category("LINK-18")]
    public async Task The_set_up_for_services_asks_for_a_JWT_everywhere()
    {
        await using var host = await McpHost.StartAsync(Read(JwtOnly));
        var (list, greeting) = (await host.CallAsync("tools/list"), await host.CallToolAsync("greeting"));
        var ours = await host.CallAsync("tools/list", bearer: TestTokens.Own(host.Keys.Key));
        var good = await host.CallToolAsync("greeting", TestTokens.Foreign());
        var half = await host.CallToolAsync("greeting", TestTokens.Foreign(("scopes", new[] { "mcp" })));
        var without = await host.CallToolAsync("greeting", TestTokens.Foreign(("scopes", null)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((list.Status, greeting.Status, ours.Status, good.Status, half.Status, without.Status), Is.EqualTo((401, 401, 401, 200, 403, 403)));
            Assert.That(half.Challenge, Does.Contain("error=\"insufficient_scope\"").And.Contain("scope=\"mcp mcp:call\""));
            Assert.That(without.Challenge, Does.Contain("scope=\"mcp mcp:call\""));
        }
    }

    [Test]
    [Category("SEED-004"), Category("SEED-011"), Category("SEED-013"), Category("SEED-055")]
    public async Task The_set_up_for_both_accepts_either_and_leaves_one_tool_open()
    {
        await using var host = await McpHost.StartAsync(Read(Both));
        var auth = host.Services.GetRequiredService<IOptions<McpOptions>>().Value.Auth;
        var (list, greeting, echo) = (await host.CallAsync("tools/list"), await host.CallToolAsync("greeting"), await host.CallToolAsync("whoami"));
        var (own, jwt) = (await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key)), await host.CallToolAsync("whoami", TestTokens.Foreign()));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(auth, Has.Property("AuthType").EqualTo(McpAuthType.Both).And.Property("PublicTools").EqualTo(new[] { "greeting" }));
            Assert.That(auth.Jwt.RequiredScopes, Is.EqualTo(["mcp"]));
            Assert.That((list.Status, greeting.Status, echo.Status, own.Status, jwt.Status), Is.EqualTo((200, 200, 401, 200, 200)));
        }
    }

    [Test]
    [Category("SEED-048"), Category("SEED-089"), Category("SEED-091")]
    public async Task A_JWT_is_judged_by_signature_then_by_time_then_by_scope()
    {
        await using var host = await McpHost.StartAsync(Read(JwtOnly));
        (string, object?) expired = ("exp", TestTokens.Now.AddHours(-1).ToUnixTimeSeconds());
        (string, object?) scopeless = ("scopes", new[] { "other" });
        var forged = await host.CallToolAsync("greeting", TestTokens.Foreign("another-secret-that-is-as-long-as-it-must-be", [expired, scopeless]));
        var late = await host.CallToolAsync("greeting", TestTokens.Foreign(expired, scopeless));
        var narrow = await host.CallToolAsync("greeting", TestTokens.Foreign(scopeless));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((forged.Status, late.Status, narrow.Status), Is.EqualTo((401, 401, 403)));
            Assert.That(forged.Challenge, Does.Contain("Invalid signature"));
            Assert.That(late.Challenge, Does.Contain("Token has expired"));
            Assert.That(narrow.Challenge, Does.Contain("insufficient_scope"));
        }
    }

    /// <summary>A stale bearer made even the metadata answer 401 in the system that the guide describes.</summary>
    [Test]
    [Category("B-04"), Category("B-21"), Category("SEED-044")]
    public async Task A_bad_bearer_disturbs_nothing_but_the_endpoint_and_the_endpoint_speaks_the_protocol()
    {
        await using var server = await TestServer.StartAsync();
        foreach (var path in new[] { "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource", "/.well-known/jwks.json" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = new("Bearer", "stale") } };
            using var response = await server.Http.SendAsync(request);
            Assert.That((int)response.StatusCode, Is.EqualTo(200), path);
        }

        var mcp = new McpCaller(server);
        foreach (var version in new[] { "2025-03-26", "2025-06-18", "2025-11-25" })
        {
            var answer = await mcp.CallAsync("initialize", new { protocolVersion = version, capabilities = new { }, clientInfo = new { name = "test", version = "1" } });
            Assert.That(answer.Json.GetProperty("result").Text("protocolVersion"), Is.EqualTo(version), "the client's version is answered");
        }

        using var get = await server.Http.GetAsync("/mcp");
        using var rpc = await server.Http.PostAsync("/rpc", new StringContent("""{"jsonrpc":"2.0","id":1,"method":"mcp.echo"}""", Encoding.UTF8, "application/json"));
        Assert.That(((int)get.StatusCode, (int)rpc.StatusCode), Is.EqualTo((405, 404)));
    }

    private static Dictionary<string, string?> Read(string json) => new ConfigurationBuilder()
        .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build()
        .AsEnumerable().ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.OrdinalIgnoreCase);
}
