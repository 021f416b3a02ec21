using System.Net;
using System.Net.Http.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Faults of the system that the guide describes: doors beside the gate, and work that nobody asked for.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class NoBackdoorTests
{
    private static readonly object Call = new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "echo", arguments = new { message = "inside" } } };

    [TestCase("/rpc"), TestCase("/trpc/mcp.echo"), TestCase("/mcp/"), TestCase("//mcp"), TestCase("/MCP"), TestCase("/mcp/echo"), TestCase("/sse"), TestCase("/message")]
    [TestCase("/mcp?authenticated_user=alice"), TestCase("/")]
    [Category("B-16")]
    public async Task No_address_runs_a_tool_without_a_credential(string address)
    {
        await using var server = await TestServer.StartAsync();

        using var response = await server.Http.PostAsJsonAsync(server.BaseUrl + address, Call);

        Assert.That((int)response.StatusCode, Is.InRange(400, 499));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("inside"));
    }

    [Test]
    [Category("B-22")]
    public async Task No_variable_of_a_test_runner_opens_the_server()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?>
            {
                ["NODE_ENV"] = "test",
                ["VITEST"] = "true",
                ["JEST_WORKER_ID"] = "1",
                ["DISABLE_RATE_LIMITING"] = "true",
                ["DISABLE_AUTH"] = "true",
            },
        });

        using var response = await server.Http.PostAsJsonAsync("/mcp", Call);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(server.Output, Does.Not.Contain("unrestricted"));
    }

    [TestCase("--help"), TestCase("--version")]
    [Category("B-23")]
    public async Task A_question_to_the_program_leaves_nothing_behind(string argument)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-nothing-");

        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.FullName, Arguments = [argument] });

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(Directory.EnumerateFileSystemEntries(folder.FullName), Is.Empty);
        folder.Delete();
    }
}
