using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>Arrows between folders point down: no circle, and none that docs/architecture.md does not have.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed partial class ArrowTests
{
    [TestCase("McpIdentity.Server"), TestCase("McpIdentity.Mcp")]
    public async Task The_folders_form_no_circle(string project) => await ArrowsAsync(project);

    [Test]
    public async Task The_table_of_rooms_has_the_arrows_that_there_are()
    {
        var table = File.ReadLines(Repository.PathOf("docs", "architecture.md")).Select(line => Row().Match(line)).Where(match => match.Success)
            .ToDictionary(match => match.Groups[1].Value, match => Words(match.Groups[2].Value));

        var arrows = await ArrowsAsync("McpIdentity.Server");

        Assert.That(table.Keys, Is.EquivalentTo(arrows.Keys), "each folder has a row");
        using (Assert.EnterMultipleScope())
        {
            foreach (var (folder, uses) in arrows)
            {
                Assert.That(table[folder], Is.EquivalentTo(uses), $"{folder} (docs/arrows.sh --files {folder} says which file)");
            }
        }
    }

    [Test]
    public void The_server_knows_of_the_module_only_what_a_host_knows() => Assert.That(
        Directory.EnumerateFiles(Repository.PathOf("McpIdentity.Server"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            // Client assertions and software statements are JWTs of issuers too: judged by the one strict reader there is.
            .Where(file => !file.Contains("/Clients/Assertions/", StringComparison.Ordinal) && !file.Contains("/Clients/Statements/", StringComparison.Ordinal))
            // The gate, with rules of its own, stands before the servers that this one fronts.
            .Where(file => !file.Contains("/Gateway/", StringComparison.Ordinal))
            // A token whose signature was good is remembered at introspection as it is at the module's endpoint.
            .Where(file => !file.Contains("/Tokens/", StringComparison.Ordinal))
            .Where(file => Inside().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName),
        Is.Empty, "the module's gate, credentials, options' rules and metadata are its own");

    // README, the architecture, the file: what a newcomer asks is three hops away.
    [TestCase("a request's must match", "RedirectUris.cs"), TestCase("reuse of a code or refresh token ends the grant", "SpendGrantTokens.cs"), TestCase("a public tool needs no token", "AccessRules.cs")]
    [TestCase("Production refuses an http issuer", "ServerOptionsRules.cs"), TestCase("Google sends the browser back to", "CallbackEndpoint.cs")]
    public void What_a_newcomer_asks_is_three_hops_from_the_README(string question, string file)
    {
        var architecture = File.ReadAllText(Repository.PathOf("docs", "architecture.md"));
        var answer = architecture.Split('\n').Single(line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains(question, StringComparison.Ordinal));

        Assert.That(File.ReadAllText(Repository.PathOf("README.md")), Does.Contain("(docs/architecture.md)"));
        Assert.That(answer, Does.Contain(file));
    }

    [Test]
    public void The_files_that_the_architecture_names_exist() => Assert.That(
        NamedFile().Matches(File.ReadAllText(Repository.PathOf("docs", "architecture.md"))).Select(match => match.Groups[1].Value).Where(file => !File.Exists(Repository.PathOf(file))),
        Is.Empty);

    // The script is what people run; it fails on a circle.
    private static async Task<Dictionary<string, string[]>> ArrowsAsync(string project)
    {
        await using var script = ChildProcess.Start("bash", ["docs/arrows.sh", project], Repository.Root);

        Assert.That(await script.WaitForExitAsync(), Is.Zero, script.Output);
        return script.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Arrow().Match(line)).Where(match => match.Success)
            .ToDictionary(match => match.Groups[1].Value, match => Words(match.Groups[2].Value));
    }

    private static string[] Words(string text) => text.Trim() is "-" or "–" or "" ? [] : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"^\d+ (\S+) +-> (.*)$")]
    private static partial Regex Arrow();

    [GeneratedRegex(@"^\| `(\w+)/` \|[^|]*\|([^|]*)\|$")]
    private static partial Regex Row();

    [GeneratedRegex("`(McpIdentity[^` ]*\\.cs)`")]
    private static partial Regex NamedFile();

    [GeneratedRegex(@"McpIdentity\.Mcp\.(Gate|Credentials|Options|Metadata)\b")]
    private static partial Regex Inside();
}
