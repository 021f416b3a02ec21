using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Conformance;

/// <summary>The official suite's checks of an authorization server, in each revision of MCP that it knows.</summary>
[Category("Conformance"), Category("Node"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuthorizationConformanceTests
{
    [Test]
    [Requirement("MCP-01"), Requirement("MCP-02"), Requirement("MCP-04"), Requirement("MCP-06")]
    public async Task The_suite_finds_nothing_to_object_to([Values("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")] string revision)
    {
        await using var server = await TestServer.StartAsync();
        using var alice = new Person(server);
        using var http = new HttpClient();
        var port = Ports.Next();
        var client = await OAuthClient.RegisterPublicAsync(server, $"http://127.0.0.1:{port}/callback");

        await using var suite = ConformanceSuite.Start(
            "authorization", "--url", server.BaseUrl, "--client-id", client.ClientId, "--resource", server.McpUrl, "-p", $"{port}", "--spec-version", revision);
        var url = await suite.ReadAsync(
            output => output.Split('\n').FirstOrDefault(line => line.StartsWith(server.BaseUrl + "/oauth/authorize?", StringComparison.Ordinal)), "The suite's authorization URL");
        using var _ = await http.GetAsync(await alice.LeaveAsync(url.Trim()));
        var (exitCode, checks) = await suite.EndAsync();

        Assert.That(checks.Where(check => check.Status != "SUCCESS"), Is.Empty);
        Assert.That(checks.Select(check => check.Scenario).Distinct(), Is.EquivalentTo(["authorization-server-metadata-endpoint", "authorization-code-grant"]), suite.Output);
        Assert.That(exitCode, Is.Zero, suite.Output);
        await TestContext.Out.WriteLineAsync($"{revision}: {checks.Count(check => check.Status == "SUCCESS")} checks passed");
    }
}
