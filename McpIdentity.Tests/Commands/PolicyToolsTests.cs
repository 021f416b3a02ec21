using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Commands;

/// <summary>What the verbs know of the tools that there are, and of people whose groups are not known: docs/policy.md, "Try before, look after".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.Self)]
internal sealed class PolicyToolsTests
{
    private const string Open = """{ "Rules": [ { "Servers": "notes", "Effect": "allow" } ] }""";

    private const string Proposed = """
        { "Rules": [ { "Servers": "Notes", "Tools": "annotation:read-only", "Effect": "allow" }, { "Servers": "notes", "Tools": "annotation:destructive", "Effect": "ask" }, { "Servers": "stored", "Tools": "drop", "Effect": "allow" } ] }
        """;

    private TemporaryFolder _folder = null!;
    private ScriptedServer _upstream = null!;
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = new TemporaryFolder();
        _upstream = await ScriptedServer.StartAsync(
            ScriptedServer.Tool("find", annotations: "{\"readOnlyHint\":true}"), ScriptedServer.Tool("add", annotations: "{\"destructiveHint\":false}"), ScriptedServer.Tool("drop"));
        _server = await TestServer.StartAsync($"Gateway:Servers:notes:Url={_upstream.Url}", "Gateway:Servers:notes:Review=Changed", "Gateway:CatalogueRefresh=0");
        await File.WriteAllTextAsync(_folder.File("open.json"), Open);
        await File.WriteAllTextAsync(_folder.File("proposed.json"), Proposed);
        await Verbs.DoAsync(_server, "servers", "add", "stored", "--url", _upstream.Url);
        await Verbs.DoAsync(_server, "policy", "apply", _folder.File("open.json"));
        _server.Clock.Advance(TimeSpan.FromSeconds(20)); // what a verb has written
        string token = "";
        await Until.TrueAsync(async () =>
        {
            using var alice = new Person(_server);
            var client = await OAuthClient.RegisterPublicAsync(_server);
            var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("resource", $"{_server.BaseUrl}/mcp/notes"), ("scope", "mcp mcp:call")));
            if (!answer.TryGetValue("code", out var code))
            {
                return false;
            }

            using var response = await client.RedeemAsync(code!);
            token = (await response.JsonAsync()).Text("access_token")!;
            return true;
        }, "the policy is in force");
        await _server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        await KnownAsync("drop +nothing");
        _server.Clock.Advance(TimeSpan.FromSeconds(20)); // what changes again and again is not written down each time
        _upstream.Tools = [.. _upstream.Tools.Take(2), ScriptedServer.Tool("drop", annotations: "{\"readOnlyHint\":true}")]; // and it may be a lie
        await _server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        await KnownAsync("drop +reads");

        Task KnownAsync(string pattern) => Until.TrueAsync(
            async () => System.Text.RegularExpressions.Regex.IsMatch(await Verbs.DoAsync(_server, "tools", "list", "notes"), pattern), $"the catalogue has {pattern}");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task Diff_asks_about_every_tool_of_the_catalogue_with_the_annotations_that_are_trusted()
    {
        var rows = Parse(await Verbs.DoAsync(_server, "policy", "diff", "--file", _folder.File("proposed.json"), "-o", "json"));

        Assert.That(
            rows.EnumerateArray().Where(row => row.Text("user") == "alice@example.com" && row.Text("server") == "notes" && row.Text("what") is "find" or "add" or "drop").Select(row => $"{row.Text("what")} {row.Text("effect")}"),
            Is.EquivalentTo(["add allow -> deny", "drop allow -> ask"]), "find stays allowed, and drop is judged by what it said before it changed");
        Assert.That(rows.EnumerateArray().Select(row => row.Text("server")), Does.Not.Contain("Notes"), "which is notes");
    }

    [TestCase("find", "", "allowed: alice@example.com, tool find at notes", "the tool says: readOnlyHint true\n")]
    [TestCase("drop", "", "allowed when the person has agreed: alice@example.com, tool drop", "stored policy, rule 2")]
    [TestCase("add", "", "not allowed: alice@example.com, tool add", "the tool says: destructiveHint false\n")]
    [TestCase("find", "--read-only false", "allowed when the person has agreed", "the tool says: readOnlyHint false\n")]
    [TestCase("drop", "--read-only true", "allowed: alice@example.com", "readOnlyHint true\n")]
    [TestCase("unknown", "", "allowed when the person has agreed", "stored policy, rule 2")]
    public async Task Test_reads_the_annotations_from_the_catalogue_unless_it_is_told_others(string tool, string options, params string[] says)
    {
        var said = await Verbs.DoAsync(_server,
            ["policy", "test", "--user", "alice@example.com", "--server", "NOTES", "--tool", tool, "--file", _folder.File("proposed.json"), .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        foreach (var text in says)
        {
            Assert.That(said.ReplaceLineEndings("\n"), Does.Contain(text.Replace(" at notes", " at NOTES", StringComparison.Ordinal)));
        }

        Assert.That(said.Contains("the tool says", StringComparison.Ordinal), Is.EqualTo(tool is "find" or "add" || options.Length > 0));
    }

    [Test]
    public async Task Check_knows_the_servers_that_are_stored() =>
        Assert.That(await Verbs.DoAsync(_server, "policy", "check", "--file", _folder.File("proposed.json")), Does.Contain("The policy is valid: 3 rules, 0 warnings."));

    [Test]
    public async Task Test_says_that_groups_are_not_known_and_what_follows()
    {
        await using (var scope = _server.Services.CreateAsyncScope())
        {
            var client = await OAuthClient.RegisterPublicAsync(_server);
            using var bob = new Person(_server, "bob");
            await client.ConnectAsync(bob);
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Users.Where(user => user.Email == "bob@example.com")
                .ExecuteUpdateAsync(set => set.SetProperty(user => user.Groups, "[\"staff\",\"\"]"));
        }

        await File.WriteAllTextAsync(_folder.File("strict.json"), """{ "Rules": [ { "Groups": "interns", "Effect": "deny" }, { "Groups": "staff", "Effect": "allow" } ] }""");
        string[] test = ["policy", "test", "--user", "bob@example.com", "--server", "notes", "--tool", "find", "--file", _folder.File("strict.json")];

        Assert.That(await Verbs.DoAsync(_server, test), Does.Contain("not allowed: bob@example.com").And.Contain("by stored policy, rule 1").And.Contain("groups: staff (claim:staff)").And.Contain("and others that the provider did not say"));
        var json = Parse(await Verbs.DoAsync(_server, [.. test, "-o", "json"]))[0];
        Assert.That((json.GetProperty("lacks_groups").GetBoolean(), json.GetProperty("read_only").GetBoolean()), Is.EqualTo((true, true)));
        Assert.That(await Verbs.DoAsync(_server, [.. test[..3], "alice@example.com", .. test[4..]]), Does.Contain("allowed: alice@example.com").And.Not.Contain("and others"));
    }

    private static JsonElement Parse(string output) => JsonDocument.Parse(output[output.IndexOf("[\n", StringComparison.Ordinal)..(output.LastIndexOf("\n]", StringComparison.Ordinal) + 2)]).RootElement;
}
