using System.Net;
using McpIdentity.Tests.McpClients;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>An MCP server without any protection, of the official TypeScript SDK, behind this one.</summary>
[Category("Clients"), Category("Node")]
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
        await using var server = await TestServer.StartAsync(
            $"Gateway:Servers:notes:Url={_notes.Url}",
            "Policy:Rules:0:Users=bob@example.com", "Policy:Rules:0:Tools=delete_note", "Policy:Rules:0:Effect=deny",
            "Policy:Rules:1:Effect=allow");

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
}
