using McpIdentity.Tests.Support;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.McpClients;

/// <summary>
/// What clients of the official SDKs see when their session is lost between two calls. The protocol has them begin anew
/// (MCP 2025-11-25, transports, "Session Management"); the SDKs report it and leave that to their host (docs/stateful-sessions.md).
/// </summary>
[Category("Clients")]
[Parallelizable(ParallelScope.All)]
internal sealed class LostSessionTests
{
    [Test]
    public async Task A_restart_is_felt_in_sessions_alone_and_whoever_connects_anew_goes_on([Values("stateless", "stateful")] string mode)
    {
        using var folder = new TemporaryFolder();
        string[] settings = [$"Mcp:SessionMode={mode}", $"Server:Port={Ports.Next()}", $"Database:ConnectionString=Data Source={Path.Combine(folder.Path, "kept.db")}"];
        var server = await TestServer.StartAsync(settings);
        try
        {
            using var alice = new Person(server);
            var token = (await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token")!;
            await using var client = await ConnectAsync(server.McpUrl, token);
            Assert.That(await GreetAsync(client), Does.Contain("Alice Example"));
            Assert.That(client.SessionId, mode == "stateful" ? Is.Not.Empty : Is.Null);

            await server.DisposeAsync();
            server = await TestServer.StartAsync(settings);

            if (mode == "stateless")
            {
                Assert.That(await GreetAsync(client), Does.Contain("Alice Example"), "nothing was lost");
                return;
            }

            Assert.That(async () => await GreetAsync(client), Throws.Exception.With.Message.Contains("404"), "the SDK says so");
            await using var next = await ConnectAsync(server.McpUrl, token);
            Assert.That(await GreetAsync(next), Does.Contain("Alice Example"));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [TestCase("v1"), TestCase("v2")]
    [Category("Node")]
    public async Task A_TypeScript_client_is_told_and_goes_on_when_it_connects_anew(string version)
    {
        await using var server = await TestServer.StartAsync("Mcp:SessionMode=stateful");
        using var alice = new Person(server);
        var token = (await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token")!;

        var result = await TypeScriptClientTests.RunAsync("lost-session.mjs", version, server.McpUrl, token);

        Assert.Multiple(() =>
        {
            Assert.That(result.Text("before"), Does.Contain("Alice Example"));
            Assert.That(result.Text("session"), Is.Not.Empty);
            Assert.That(result.GetProperty("lost").Text("message"), Does.Contain("Session not found"));
            Assert.That(result.Text("after"), Does.Contain("Alice Example"));
        });
    }

    private static async Task<McpClient> ConnectAsync(string url, string token) => await McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(url),
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = "Bearer " + token },
        }),
        new McpClientOptions { ProtocolVersion = "2025-11-25" });

    private static async Task<string> GreetAsync(McpClient client) =>
        ((TextContentBlock)(await client.CallToolAsync("greeting", new Dictionary<string, object?>())).Content[0]).Text;
}
