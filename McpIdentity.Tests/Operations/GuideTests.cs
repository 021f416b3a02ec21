using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Our documents hold what the guide that this product fulfils holds; their commands are <see cref="DocumentationTests"/>'s.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class GuideTests
{
    private static readonly string All = string.Join('\n', Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md").Prepend(Repository.PathOf("README.md")).Select(File.ReadAllText));

    // The guide's eight headings, by what each must say here.
    [TestCase("What it is", "identity provider")]
    [TestCase("Authentication types", "Mcp:Auth:AuthType", "oauth", "jwt", "both", "none")]
    [TestCase("OAuth configuration", "GOOGLE_CLIENT_ID", "ENCRYPTION_KEY", "TRUST_PROXY", "SESSION_STORAGE")]
    [TestCase("JWT configuration", "JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE", "RequiredScopes")]
    [TestCase("Dual authentication", "Mcp:Auth:AuthType=both")]
    [TestCase("Authentication flows", "authorization code flow", "/oauth/callback")]
    [TestCase("Testing", "curl -X POST http://localhost:8082/mcp", "pnpm demo:oauth")]
    [TestCase("Production considerations", "HTTPS", "Strong encryption keys", "Secure session storage", "Token rotation", "Rate limiting", "Audit logging", "Scope validation", "Token expiration")]
    [Category("SEED-096"), Category("LINK-07")]
    public void Every_heading_of_the_guide_is_covered(string heading, params string[] words)
    {
        foreach (var word in words)
        {
            Assert.That(All, Does.Contain(word), heading);
        }
    }

    [Test]
    [Category("SEED-087")]
    public void The_walk_through_ngrok_is_there() =>
        Assert.That(All, Does.Contain("ngrok http 8082").And.Contain("https://abc123.ngrok.io/oauth/callback").And.Contain("https://abc123.ngrok.io/mcp"));

    [Test]
    [Category("SEED-075")]
    public void Every_secret_can_come_from_a_file_and_the_managers_are_named() =>
        Assert.That(All, Does.Contain("ENCRYPTION_KEY_FILE").And.Contain("GOOGLE_CLIENT_SECRET_FILE").And.Contain("JWT_SECRET_FILE").And.Contain("REDIS_PASSWORD_FILE").And.Contain("Vault").And.Contain("AWS"));

    [Test]
    [Category("LINK-17")]
    public void Redirect_loops_are_explained() =>
        Assert.That(All, Does.Contain("JavaScript origin").And.Contain("People API"));

    [TestCase("\"OAuth failed\" with no clear error", "redirect_uri_mismatch", "invalid_client", "The port is taken", "TRUST_PROXY")]
    [TestCase("JWT authentication fails with \"Invalid signature\"", "Token has expired", "Invalid issuer", "Invalid audience", "insufficient_scope")]
    [TestCase("\"Session not found\"", "redis-cli", "Encryption key", "/health/ready")]
    [TestCase("tools/call is refused although the token is valid", "RequireAuthForToolsCall", "PublicTools", "mcp:call", "403 and not 401")]
    [Category("SEED-091")]
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
        foreach (var file in Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md").Prepend(Repository.PathOf("README.md")))
        {
            foreach (var json in JsonBlock().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            {
                Assert.That(() => JsonDocument.Parse(json), Throws.Nothing, $"{Path.GetFileName(file)}: {json}");
            }
        }
    }

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();
}
