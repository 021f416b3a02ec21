using System.Text;
using McpIdentity.Tests.McpClients;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace McpIdentity.Tests.Gateway;

/// <summary>An MCP server without any protection, of the official TypeScript SDK, behind this one.</summary>
[Category("Clients"), Category("Node")]
[Parallelizable(ParallelScope.All)]
internal sealed class FrontedServerTests
{
    private NodeUpstream _notes = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _notes = await NodeUpstream.StartAsync("stateless");

    [OneTimeTearDown]
    public async Task StopAsync() => await _notes.DisposeAsync();

    // Three lines of configuration: where it is, what bob may not, and what everybody may.
    [TestCase("connect.mjs"), TestCase("connect-v2.mjs")]
    public async Task The_official_clients_sign_in_list_and_call_and_one_tool_is_not_for_bob(string script)
    {
        await using var server = await TestServer.StartAsync([.. Documented("json").Select(setting => setting.Replace("http://localhost:3001/mcp", _notes.Url, StringComparison.Ordinal))]);

        var alice = await TypeScriptClientTests.RunAsync(script, server.BaseUrl + "/mcp/notes", "--user", "alice", "--tool", "delete_note");
        var bob = await TypeScriptClientTests.RunAsync(script, server.BaseUrl + "/mcp/notes", "--user", "bob");

        Assert.Multiple(() =>
        {
            Assert.That(alice.Text("greeting"), Is.EqualTo("deleted"));
            Assert.That(alice.Text("greetingAfterRefresh"), Is.EqualTo("deleted"));
            Assert.That(bob.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()), Is.EquivalentTo(new[] { "greeting", "add_note", "count" }));
            Assert.That(bob.Text("greeting"), Does.StartWith("hello from Node").And.Not.Contain("authorization").IgnoreCase, "the token stays here");
        });
    }

    [Test]
    public async Task A_server_in_Node_checks_who_calls_with_the_documented_lines()
    {
        string? bearer = null;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            bearer = context.Request.Headers.Authorization.ToString()["Bearer ".Length..];
            return context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { } });
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url, "Gateway:Servers:notes:Upstream:Auth=Identity"));
        var token = await server.TokenForAsync("notes");
        server.Clock.SetUtcNow(DateTimeOffset.UtcNow); // jose goes by the machine's clock
        await server.CallerOf("notes").CallToolAsync("any", token);

        var script = Block("js").Replace("https://id.example.org", server.BaseUrl, StringComparison.Ordinal).Replace("http://localhost:3001/mcp", upstream.Url, StringComparison.Ordinal);
        await using var node = ChildProcess.Start("node", ["--input-type=module", "-e", $"const bearer = '{bearer}';\n{script}\nconsole.log(payload.email);"], NodePackages.Folder);
        var exitCode = await node.WaitForExitAsync();

        Assert.That((exitCode, node.Output.Trim()), Is.EqualTo((0, "alice@example.com")));
    }

    private static string Block(string language) =>
        File.ReadAllText(Repository.PathOf("docs/gateway.md")).Split($"```{language}\n")[1].Split("```")[0];

    private static IEnumerable<string> Documented(string language) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Block(language)))).Build().AsEnumerable()
            .Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}");
}
