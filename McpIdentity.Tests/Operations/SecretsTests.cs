using System.Text.RegularExpressions;
using McpIdentity.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>No secret is in the repository: SEED-074.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class SecretsTests
{
    // Samples of the guide, which Production refuses, references to other places, and what a reader is to put there.
    private static readonly Regex Placeholder = new(@"^(your[-_].*|from_secrets_manager|\$.*|<.*>|….*|\.\.\.|an?[- ].*|another-secret|/run/secrets/.*|data/.*|null)?$", RegexOptions.IgnoreCase);

    [TestCase(".env.oauth"), TestCase(".env"), TestCase("data/"), TestCase("*.pfx")]
    [Category("SEED-074")]
    public void What_holds_secrets_is_ignored_by_git(string entry) =>
        Assert.That(File.ReadAllLines(Repository.PathOf(".gitignore")), Has.Member(entry));

    [Test]
    [Category("SEED-074")]
    public void Documents_and_settings_hold_placeholders_only()
    {
        var files = new[] { "docs", "examples", "scripts" }.SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(Repository.Root))
            .Where(file => !file.Contains("/bin/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/data/", StringComparison.Ordinal))
            .Where(file => Path.GetFileName(file) is not (".env.oauth" or ".env"));

        var found = files.SelectMany(file => Assignment().Matches(File.ReadAllText(file))
            .Where(match => !Placeholder.IsMatch(match.Groups["value"].Value.Trim()))
            .Select(match => $"{Path.GetRelativePath(Repository.Root, file)}: {match.Value.Trim()}"));

        Assert.That(found, Is.Empty);
    }

    // NAME=value at the begin of a line, and "Name": "value" in JSON.
    [GeneratedRegex("""(?m)^(export )?(GOOGLE_CLIENT_SECRET|GITHUB_CLIENT_SECRET|MICROSOFT_CLIENT_SECRET|MCP_CLIENT_SECRET|ENCRYPTION_KEY|JWT_SECRET|REDIS_PASSWORD)=(?<value>[^#\s]*)|"(GoogleClientSecret|GitHubClientSecret|MicrosoftClientSecret|EncryptionKey|Secret|Password)"\s*:\s*"(?<value>[^"]*)""")]
    private static partial Regex Assignment();
}
