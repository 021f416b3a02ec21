using System.Diagnostics;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.McpClients;

/// <summary>The official TypeScript clients, as processes of their own: SEED-006, SEED-084.</summary>
[Category("Clients"), Category("Node"), Category("SEED-006"), Category("SEED-084")]
[Parallelizable(ParallelScope.All)]
internal sealed class TypeScriptClientTests
{
    [TestCase("connect.mjs", "stateless"), TestCase("connect-v2.mjs", "stateless"), TestCase("connect.mjs", "stateful")]
    [Category("SEED-006"), Category("SEED-040"), Category("SEED-084")]
    public async Task The_client_discovers_registers_signs_in_calls_refreshes_and_calls_again(string script, string sessionMode)
    {
        await using var server = await TestServer.StartAsync($"Mcp:SessionMode={sessionMode}");

        var result = await RunAsync(script, server.McpUrl, "--user", "bob");

        Assert.Multiple(() =>
        {
            Assert.That(result.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()), Is.SupersetOf(["greeting", "ping"]));
            Assert.That(result.Text("greeting"), Does.Contain("Bob Example"));
            Assert.That(result.Text("greetingAfterRefresh"), Does.Contain("Bob Example"));
            Assert.That(result.GetProperty("refreshTokenRotated").GetBoolean(), Is.True);
        });
    }

    [Test]
    [Category("SEED-004")]
    public async Task Beside_JWTs_people_still_sign_in()
    {
        await using var server = await TestServer.StartAsync(
            "Mcp:Auth:AuthType=both", "Jwt:Secret=a-secret-of-this-test-that-is-long-enough", "Jwt:Issuer=your-service", "Jwt:Audience=mcp-api");

        var result = await RunAsync("connect.mjs", server.McpUrl, "--user", "bob", "--tool", "whoami");

        Assert.That(result.Text("greeting"), Does.Contain("bob@example.com").And.Contain("\"auth_method\":\"oauth\""));
        Assert.That(result.GetProperty("refreshTokenRotated").GetBoolean(), Is.True);
    }

    /// <summary>Runs one of the scripts in <c>McpClients/typescript</c>; their last line of output is JSON.</summary>
    internal static async Task<JsonElement> RunAsync(string script, params string[] arguments)
    {
        Needs.Check(Needs.Node);
        var start = new ProcessStartInfo("node", [script, .. arguments])
        {
            WorkingDirectory = Path.Combine(Repository.Root, "McpIdentity.Tests", "McpClients", "typescript"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, await errors + await output);
        return JsonDocument.Parse((await output).Trim().Split('\n')[^1]).RootElement;
    }
}
