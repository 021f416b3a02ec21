using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.AspNetCore;
using YamlDotNet.Serialization;

namespace McpIdentity.Tests.Conformance;

/// <summary>All that the official suite requires of an MCP server, of the endpoint in the real server with the suite's fixtures.</summary>
[Category("Conformance"), Category("Node"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class ServerConformanceTests
{
    [Test]
    [Requirement("MCP-41"), Requirement("MCP-44"), Requirement("MCP-45"), Requirement("MCP-47"), Requirement("MCP-48"), Requirement("MCP-49"), Requirement("MCP-50"), Requirement("MCP-52"), Requirement("MCP-55")]
    public async Task The_endpoint_passes_without_authorization([Values("2025-11-25", "2026-07-28")] string revision)
    {
        await using var server = await StartAsync("Mcp:Auth:AuthType=none");

        await PassAsync(server.McpUrl, revision);
    }

    [Test]
    [Requirement("MCP-55")]
    public async Task The_endpoint_passes_with_a_token([Values("2025-11-25", "2026-07-28")] string revision)
    {
        await using var server = await StartAsync();
        using var alice = new Person(server);
        var token = (await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token")!;
        await using var proxy = await TokenProxy.StartAsync(server.McpUrl, token);

        await PassAsync(proxy.Url, revision);
    }

    /// <summary>What needs a session passes where sessions are chosen: nothing is expected to fail.</summary>
    [Test]
    [Requirement("MCP-55")]
    public async Task In_sessions_everything_of_2025_11_25_passes()
    {
        await using var server = await StartAsync("Mcp:SessionMode=stateful");
        using var alice = new Person(server);
        var token = (await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token")!;
        await using var proxy = await TokenProxy.StartAsync(server.McpUrl, token);

        await PassAsync(proxy.Url, "2025-11-25", inSessions: true);
    }

    /// <summary>The same of a server with the fixtures behind this one; what it fails by itself (below) is the same list.</summary>
    [TestCase("2025-11-25", false), TestCase("2026-07-28", false), TestCase("2025-11-25", true)]
    public async Task Another_server_passes_through_the_gateway(string revision, bool inSessions)
    {
        var mode = inSessions ? HttpServerSessionMode.StatefulForInitializeClients : HttpServerSessionMode.Stateless;
        await using var upstream = await Upstream.StartAsync(mode, builder => builder.WithConformanceFixtures());
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url));
        await using var proxy = await TokenProxy.StartAsync(server.BaseUrl + "/mcp/notes", await server.TokenForAsync("notes"));

        await PassAsync(proxy.Url, revision, inSessions);
    }

    [Test]
    public async Task What_is_expected_to_fail_fails_without_the_module_too([Values("2025-11-25", "2026-07-28")] string revision) =>
        Assert.That(await FailuresOfTheSdkAsync(revision), Is.SupersetOf(ListIn(ExpectedFailures(revision))));

    private static async Task<List<string>> FailuresOfTheSdkAsync(string revision)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls($"http://localhost:{Ports.Next()}");
        builder.Services.AddRouting();
        builder.Services.AddMcpServer().WithHttpTransport(transport => transport.SessionMode = HttpServerSessionMode.Stateless).WithConformanceFixtures();
        await using var app = builder.Build();
        app.MapMcp("/mcp");
        await app.StartAsync();

        await using var suite = ConformanceSuite.Start("server", "--url", app.Urls.First() + "/mcp", "--requirements", revision);
        var (_, checks) = await suite.EndAsync();
        Assert.That(checks, Is.Not.Empty, suite.Output);
        return [.. checks.Where(check => check.HasFailed).Select(check => check.Name)];
    }

    private static Task<TestServer> StartAsync(params string[] settings) =>
        TestServer.StartAsync(builder => builder.Services.AddMcpServer().WithConformanceFixtures(), settings);

    private static async Task PassAsync(string url, string revision, bool inSessions = false)
    {
        await using var suite = ConformanceSuite.Start(["server", "--url", url, "--requirements", revision, .. inSessions ? Array.Empty<string>() : ["--expected-failures", ExpectedFailures(revision)]]);
        var (exitCode, checks) = await suite.EndAsync();

        // The suite runs more than it requires (extensions, scenarios that its own server does not pass) and counts only the required.
        var required = ListIn(NodePackages.PathOf("@modelcontextprotocol", "conformance", "requirements", revision + ".yaml"));
        var counted = checks.Where(check => required.Contains(check.Scenario)).ToList();
        var expected = inSessions ? [] : ListIn(ExpectedFailures(revision));
        Assert.Multiple(() =>
        {
            Assert.That(counted.Where(check => check.HasFailed && !expected.Contains(check.Name)), Is.Empty);
            Assert.That(counted.Select(check => check.Scenario).Distinct(), Is.EquivalentTo(required), "each was run");
            Assert.That(exitCode, Is.Zero, suite.Output);
        });
        await TestContext.Out.WriteLineAsync(
            $"{revision}: {required.Count} scenarios, {string.Join(", ", counted.GroupBy(check => check.Status).Select(group => $"{group.Count()} {group.Key}"))}\n" +
            string.Join('\n', counted.Where(check => check.Status is not ("SUCCESS" or "INFO"))));
    }

    // In the suite's own form: a scenario a line, and why. One that passes after all fails the run.
    private static string ExpectedFailures(string revision) => Repository.PathOf("McpIdentity.Tests", "Conformance", $"expected-failures-{revision}.yml");

    private static List<string> ListIn(string path) =>
        new DeserializerBuilder().IgnoreUnmatchedProperties().Build().Deserialize<Requirements>(File.ReadAllText(path)).Server;

    private sealed class Requirements
    {
        [YamlMember(Alias = "server")]
        public List<string> Server { get; set; } = [];
    }
}
