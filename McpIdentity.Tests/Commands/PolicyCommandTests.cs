using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>The verbs of docs/policy.md, beside a server that serves.</summary>
[Category("Policy"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyCommandTests
{
    private static readonly string[] Configured = ["--Policy:Rules:0:Servers=payroll", "--Policy:Rules:0:Effect=deny", "--Policy:Groups:developers=alice@example.com"];

    private ServerProcess _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await ServerProcess.StartAsync(new ServerStart { Arguments = Configured });
        using var alice = new Person(_server.BaseUrl);
        await (await OAuthClient.RegisterPublicAsync(_server.Http)).ConnectAsync(alice);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_policy_is_checked_applied_tested_compared_and_rolled_back()
    {
        await WriteAsync("policy.json", """{ "Rules": [ { "Servers": "github", "Groups": "developers", "Tools": "create_*", "Effect": "allow", "Scopes": "mcp" } ] }""");
        await WriteAsync("proposed.json", """
            {
              "Groups": { "readers": "claim:staff" },
              "Rules": [ { "Servers": "github", "Groups": "readers", "Tools": "annotation:read-only", "Effect": "allow" }, { "Servers": "github", "Groups": "stuff", "Effect": "ask" } ]
            }
            """);
        await WriteAsync("wrong.json", """{ "Groups": { "developers": "bob@example.com" }, "Rules": [ { "Effect": "permit" } ] }""");

        Assert.That(await SaysAsync(0, "apply", "policy.json", "--note", "the first"), Does.Contain("applied: version 1").And.Contain("stored policy, rule 1 names the server 'github', and there is none of that name now."));
        Assert.That(await SaysAsync(1, "check", "--file", "wrong.json"), Does.Contain("group developers is spoken of").And.Contain("stored policy, rule 1, Effect is 'permit'"));
        Assert.That(await SaysAsync(0, "check", "--file", "proposed.json"), Does.Contain("The policy is valid: 3 rules").And.Contain("names the group 'stuff', which Groups does not define"));

        Assert.That(await SaysAsync(0, "test", "--user", "alice@example.com", "--server", "github", "--tool", "create_issue"), Does.Contain("allowed: alice@example.com, tool create_issue at github")
            .And.Contain("""by stored policy, rule 1: {"Groups":"developers","Servers":"github","Tools":"create_*","Scopes":"mcp","Effect":"allow"}""")
            .And.Contain("groups: admins (claim:admins); developers (alice@example.com); staff (claim:staff)").And.Contain("scopes there: mcp"));
        var proposed = Parse(await SaysAsync(0, "test", "--user", "ALICE@example.com", "--server", "github", "--tool", "list_issues", "--read-only", "true", "--file", "proposed.json", "-o", "json"))[0];
        Assert.That((proposed.Text("effect"), proposed.Text("rule"), proposed.Text("name")), Is.EqualTo(("allow", "stored policy, rule 1", "list_issues")));
        Assert.That(proposed.GetProperty("groups").EnumerateArray().Select(group => group.GetString()), Is.EqualTo(["admins", "developers", "readers", "staff"]));

        var changes = Parse(await SaysAsync(0, "diff", "--file", "proposed.json", "--tool", "push_files", "-o", "json"));
        string?[][] rows = [.. changes.EnumerateArray().Select(row => (string?[])[row.Text("change"), row.Text("user"), row.Text("server"), row.Text("what"), row.Text("effect")])];
        Assert.That(rows, Does.Contain(new[] { "decision", "alice@example.com", "github", "create_*", "allow -> deny" }));
        Assert.That(rows, Does.Contain(new[] { "decision", "alice@example.com", "github", "(any other) read-only", "deny -> allow" }));
        Assert.That(rows.Where(row => row[0] != "decision").Select(row => row[0]), Is.EqualTo(["removed", "added", "added", "added"]));
        Assert.That(rows.Where(row => row[0] == "decision").Select(row => row[1]).Distinct(), Is.EqualTo(["alice@example.com"]), "nothing changes for services");

        Assert.That(await SaysAsync(0, "apply", "proposed.json"), Does.Contain("applied: version 2"));
        Assert.That(await SaysAsync(0, "rollback", "1"), Does.Contain("applied: version 3"));
        var versions = Parse(await SaysAsync(0, "versions", "-o", "json"));
        Assert.That(versions.EnumerateArray().Select(version => (version.GetProperty("version").GetInt64(), version.Text("note"), version.GetProperty("in_force").GetBoolean())),
            Is.EqualTo([(3L, "as version 1", true), (2L, (string?)null, false), (1L, "the first", false)]));
        Assert.That(await SaysAsync(0, "show"), Does.Contain("Policy:Rules:0").And.Contain("stored policy, rule 1").And.Contain("Policy:Groups:developers").And.Contain("create_*"));
        var (_, audit) = await RunAsync("audit", "list", "-o", "json");
        Assert.That(Parse(audit).EnumerateArray().Select(act => act.Text("event")).Where(act => act!.StartsWith("policy_", StringComparison.Ordinal)),
            Is.EquivalentTo(["policy_applied", "policy_applied", "policy_rolled_back"]));
    }

    [Test]
    public async Task Who_has_never_signed_in_services_and_resources_can_be_asked_about()
    {
        Assert.That(await SaysAsync(0, "test", "--user", "nobody@example.com", "--client", "editor", "--server", "payroll", "--resource", "salaries://2026"),
            Does.Contain("not allowed: nobody@example.com through editor, resource salaries://2026 at payroll").And.Contain("by Policy:Rules:0").And.Contain("has never signed in"));
        Assert.That(await SaysAsync(0, "test", "--client", "backup", "--server", "files", "--prompt", "review"), Does.Contain("not allowed: the client backup, prompt review at files").And.Contain("by no rule"));
        Assert.That(await SaysAsync(2, "test", "--client", "backup", "--server", "files"), Does.Contain("Name one of --tool, --resource and --prompt."));
    }

    private Task WriteAsync(string name, string json) => File.WriteAllTextAsync(Path.Combine(_server.Folder, name), json);

    private async Task<string> SaysAsync(int expected, params string[] verb)
    {
        var (exitCode, output) = await RunAsync(["policy", .. verb]);
        Assert.That(exitCode, Is.EqualTo(expected), output);
        return output;
    }

    private Task<(int ExitCode, string Output)> RunAsync(params string[] verb) => ServerProcess.RunAsync(
        new ServerStart { Folder = _server.Folder, Arguments = [.. verb, .. Configured, $"--Database:ConnectionString=Data Source={Path.Combine(_server.Folder, "mcpidentity.db")}"] });

    // What is said of it stands on standard error, before or behind.
    private static JsonElement Parse(string output) => JsonDocument.Parse(output[output.IndexOf("[\n", StringComparison.Ordinal)..(output.LastIndexOf("\n]", StringComparison.Ordinal) + 2)]).RootElement;
}
