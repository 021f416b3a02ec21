using System.Text.Json;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Examples;

/// <summary>The commands of the guide that this product fulfils, word for word; only the port is the test's.</summary>
[Category("Examples")]
[Parallelizable(ParallelScope.All)]
internal sealed class GuideCommandTests
{
    private const string Discovery = "curl http://localhost:8082/.well-known/oauth-authorization-server";

    private const string ToolsList = """
        curl -X POST http://localhost:8082/mcp \
          -H "Content-Type: application/json" \
          -H "Authorization: Bearer YOUR_JWT_TOKEN" \
          -d '{
            "jsonrpc": "2.0",
            "method": "tools/list",
            "params": {},
            "id": 1
          }'
        """;

    private const string Dual = """
        curl -X POST http://localhost:8082/mcp \
          -H "Authorization: Bearer YOUR_JWT_TOKEN" \
          -d '{"jsonrpc":"2.0","method":"tools/list","id":1}'
        """;

    private const string ExpectedDiscovery = """
        {
          "issuer": "http://localhost:8082",
          "authorization_endpoint": "http://localhost:8082/oauth/authorize",
          "token_endpoint": "http://localhost:8082/oauth/token",
          "userinfo_endpoint": "http://localhost:8082/oauth/userinfo",
          "registration_endpoint": "http://localhost:8082/register",
          "jwks_uri": "http://localhost:8082/.well-known/jwks.json"
        }
        """;

    [Test]
    [Category("SEED-039"), Category("SEED-083")]
    public async Task The_discovery_command_gets_the_expected_response()
    {
        await using var server = await TestServer.StartAsync();

        var answer = await RunAsync(server, Discovery);

        using var expected = JsonDocument.Parse(ExpectedDiscovery.Replace("http://localhost:8082", server.BaseUrl, StringComparison.Ordinal));
        Assert.That(expected.RootElement.EnumerateObject().Select(member => (member.Name, answer.Text(member.Name))),
            Is.EqualTo(expected.RootElement.EnumerateObject().Select(member => (member.Name, member.Value.GetString()))));
    }

    [TestCase(ToolsList, "jwt", Category = "SEED-086")]
    [TestCase(Dual, "both", Category = "SEED-054")]
    [TestCase(ToolsList, "both", Category = "SEED-052")]
    public async Task The_JWT_commands_list_the_tools(string command, string authType)
    {
        await using var server = await TestServer.StartAsync(
            [.. TestTokens.GuideSettings, $"Mcp:Auth:AuthType={authType}", "Mcp:Auth:Jwt:RequiredScopes:0=mcp", "Mcp:Auth:RequireAuthForToolsList=true"]);

        var answer = await RunAsync(server, command);

        Assert.That(answer.Text("jsonrpc"), Is.EqualTo("2.0"));
        Assert.That(answer.GetProperty("id").GetInt32(), Is.EqualTo(1));
        Assert.That(answer.GetProperty("result").GetProperty("tools").EnumerateArray().Select(tool => tool.Text("name")), Has.Member("greeting"));
    }

    private static async Task<JsonElement> RunAsync(TestServer server, string command)
    {
        using var shell = new Shell();
        var (exitCode, output) = await shell.RunAsync(command
            .Replace("http://localhost:8082", server.BaseUrl, StringComparison.Ordinal)
            .Replace("YOUR_JWT_TOKEN", TestTokens.OfTheGuide(), StringComparison.Ordinal));
        Assert.That(exitCode, Is.Zero, output);
        // Whoever accepts everything, as curl does, may be answered with an event stream.
        var json = output.Split('\n').FirstOrDefault(line => line.StartsWith("data:", StringComparison.Ordinal))?[5..] ?? output;
        return JsonDocument.Parse(json).RootElement;
    }
}
