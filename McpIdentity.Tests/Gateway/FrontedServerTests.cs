using System.Text;
using System.Text.Json.Nodes;
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
    private const string Documented3001 = "http://localhost:3001/mcp";

    private static readonly string[] Commands = [.. ShellBlock.In("docs/gateway.md").Where(block => block.RunBy == nameof(FrontedServerTests)).SelectMany(block => block.Commands)];

    private ChildProcess _notes = null!;
    private string _url = "";

    // The file of the document, where the packages are that its first command installs.
    [OneTimeSetUp]
    public async Task StartAsync()
    {
        Needs.Check(Needs.Node);
        var packages = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(NodePackages.Folder, "package.json")))!["dependencies"]!;
        Assert.That(Commands[..2], Is.EqualTo(new[] { $"npm install @modelcontextprotocol/sdk@{packages["@modelcontextprotocol/sdk"]} zod@{packages["zod"]}", "node server.mjs" }));
        var port = Ports.Next();
        _url = Documented3001.Replace("3001", $"{port}", StringComparison.Ordinal);
        _notes = ChildProcess.Start("node", ["--input-type=module", "-e", Block("js", "createServer").Replace("3001", $"{port}", StringComparison.Ordinal)], NodePackages.Folder);
        using var http = new HttpClient();
        await _notes.WaitUntilAsync(async cancellationToken =>
        {
            try
            {
                using var answer = await http.GetAsync(_url, cancellationToken);
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "The documented server");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _notes.DisposeAsync();

    [Test]
    [Category("Docs")]
    public async Task The_commands_of_the_document_show_that_it_is_there()
    {
        await using var server = await TestServer.StartAsync(Settings());
        Assert.That(Commands[2], Is.EqualTo("dotnet run --project McpIdentity.Server"));

        var tested = await Verbs.DoAsync(server, [.. Commands[3].Split(" -- ")[1].Split(' ')]);
        using var shell = new Shell();
        shell.Environment["EXPECTED_STATUS"] = "401";
        var (exitCode, said) = await shell.RunAsync(Commands[4].Replace("http://localhost:8082", server.BaseUrl, StringComparison.Ordinal));

        Assert.That(tested, Does.Contain("notes 1.0.0").And.Contain("3 tools").And.Match("list_notes +reads"));
        Assert.That((exitCode, said.Contains($"resource_metadata=\"{server.BaseUrl}/.well-known/oauth-protected-resource/mcp/notes\"", StringComparison.Ordinal)), Is.EqualTo((0, true)), said);
        Assert.That(Commands[5], Does.EndWith(" http://localhost:8082/mcp/notes"));
    }

    // Three lines of configuration: where it is, what bob may not, and what everybody may.
    [TestCase("connect.mjs"), TestCase("connect-v2.mjs")]
    public async Task The_official_clients_sign_in_list_and_call_and_one_tool_is_not_for_bob(string script)
    {
        await using var server = await TestServer.StartAsync(Settings());

        var alice = await TypeScriptClientTests.RunAsync(script, server.BaseUrl + "/mcp/notes", "--user", "alice", "--tool", "delete_note");
        var bob = await TypeScriptClientTests.RunAsync(script, server.BaseUrl + "/mcp/notes", "--user", "bob", "--tool", "list_notes");

        Assert.Multiple(() =>
        {
            Assert.That(alice.Text("greeting"), Does.StartWith("deleted: "));
            Assert.That(alice.Text("greetingAfterRefresh"), Does.StartWith("deleted: "));
            Assert.That(bob.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()), Is.EquivalentTo(new[] { "list_notes", "add_note" }));
            Assert.That(bob.Text("greeting"), Is.Empty, "nobody has written one");
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

        var script = Block("js", "jose").Replace("https://id.example.org", server.BaseUrl, StringComparison.Ordinal).Replace(Documented3001, upstream.Url, StringComparison.Ordinal);
        await using var node = ChildProcess.Start("node", ["--input-type=module", "-e", $"const bearer = '{bearer}';\n{script}\nconsole.log(payload.email);"], NodePackages.Folder);
        var exitCode = await node.WaitForExitAsync();

        Assert.That((exitCode, node.Output.Trim()), Is.EqualTo((0, "alice@example.com")));
    }

    // Of several the one with a certain word.
    private static string Block(string language, string word) =>
        File.ReadAllText(Repository.PathOf("docs/gateway.md")).Split($"```{language}\n")[1..].Select(rest => rest.Split("```")[0]).First(block => block.Contains(word, StringComparison.Ordinal));

    private string[] Settings() =>
        [.. new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(Block("json", Documented3001)))).Build().AsEnumerable()
            .Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}".Replace(Documented3001, _url, StringComparison.Ordinal))];
}
