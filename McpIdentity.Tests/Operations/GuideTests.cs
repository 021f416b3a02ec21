using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Our documents hold what the guide that this product fulfils holds; their commands are <see cref="DocumentationTests"/>'s.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class GuideTests
{
    private static readonly string[] Files = [Repository.PathOf("README.md"), .. Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md")];
    private static readonly string All = string.Join('\n', Files.Select(File.ReadAllText));

    // The guide's eight headings, by where each stands here. That what they say is so, the tests of the features show.
    [TestCase("Overview", "README.md", "# McpIdentity")]
    [TestCase("Authentication types", "docs/auth-types.md", "# Auth types: what the MCP endpoint accepts")]
    [TestCase("OAuth configuration", "docs/configuration.md", "## OAuth")]
    [TestCase("JWT configuration", "docs/auth-types.md", "## JWTs")]
    [TestCase("Dual authentication", "docs/auth-types.md", "## Both")]
    [TestCase("Authentication flows", "docs/architecture.md", "## The way of an authorization")]
    [TestCase("Testing", "README.md", "## Tests and bench")]
    [TestCase("Production considerations", "docs/production.md", "# Into production")]
    [Category("SEED-096")]
    public void Every_heading_of_the_guide_has_a_section(string heading, string file, string section)
    {
        var lines = File.ReadAllLines(Repository.PathOf(file.Split('/'))).SkipWhile(line => line != section).Skip(1).TakeWhile(line => !line.StartsWith(section.Split(' ')[0] + " ", StringComparison.Ordinal)).ToList();

        Assert.That(lines.Count(line => line.Length > 0), Is.GreaterThan(2), $"{heading}: {file}, {section}");
    }

    [Test]
    [Category("SEED-094")]
    public void Every_setting_and_variable_that_the_documents_name_exists()
    {
        var settings = SettingsReference.All.Select(setting => setting.Key).ToHashSet(StringComparer.Ordinal);
        var sections = settings.SelectMany(key => Enumerable.Range(1, key.Count(c => c == ':')).Select(n => string.Join(':', key.Split(':')[..n]))).ToHashSet(StringComparer.Ordinal);

        var unknown = Files.SelectMany(file => SettingName().Matches(File.ReadAllText(file)).Select(match => (File: Path.GetFileName(file), Name: match.Value.TrimEnd(':'))))
            .Where(named => !sections.Contains(named.Name) && !settings.Any(key => Fits(key, named.Name)))
            .Select(named => $"{named.File}: {named.Name}").Distinct();
        Assert.That(unknown, Is.Empty);

        // An entry of a list or of a map has a number or a name where the reference has a brace; scopes of a method end in any text.
        static bool Fits(string key, string name)
        {
            var (expected, actual) = (key.Split(':'), name.Split(':'));
            return actual.Length >= expected.Length && actual.Length <= expected.Length + 2 &&
                expected.Zip(actual).All(pair => pair.First == pair.Second || pair.First.StartsWith('{'));
        }
    }

    [Test]
    [Category("SEED-087")]
    public void The_walk_through_ngrok_is_there() =>
        Assert.That(All, Does.Contain("ngrok http 8082").And.Contain("https://abc123.ngrok.io/oauth/callback").And.Contain("https://abc123.ngrok.io/mcp"));

    [Test]
    [Category("LINK-17")]
    public void Redirect_loops_are_explained() =>
        Assert.That(All, Does.Contain("JavaScript origin").And.Contain("People API"));

    [TestCase("\"OAuth failed\" with no clear error", "redirect_uri_mismatch", "invalid_client", "The port is taken", "TRUST_PROXY")]
    [TestCase("JWT authentication fails with \"Invalid signature\"", "Token has expired", "Invalid issuer", "Invalid audience", "insufficient_scope")]
    [TestCase("\"Session not found\"", "redis-cli", "Encryption key", "/health/ready")]
    [TestCase("tools/call is refused although the token is valid", "RequireAuthForToolsCall", "PublicTools", "mcp:call", "403 and not 401")]
    public void Every_problem_of_the_guide_has_its_causes(string problem, params string[] causes)
    {
        var section = File.ReadAllText(Repository.PathOf("docs", "troubleshooting.md")).Split("\n## ").Single(part => part.StartsWith(problem, StringComparison.Ordinal));

        foreach (var cause in causes)
        {
            Assert.That(section, Does.Contain(cause));
        }
    }

    [Test]
    public void Every_JSON_block_can_be_pasted()
    {
        foreach (var file in Files)
        {
            foreach (var json in JsonBlock().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            {
                Assert.That(() => JsonDocument.Parse(json), Throws.Nothing, $"{Path.GetFileName(file)}: {json}");
            }
        }
    }

    [GeneratedRegex(@"\b(Server|Database|OAuth|Jwt|Mcp|Cors)(:[A-Za-z0-9{}/]+)+:?")]
    private static partial Regex SettingName();

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
