using McpIdentity.Server.Policy;

namespace McpIdentity.Tests.Policy;

/// <summary>What an operator is told to look at.</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyWarningTests
{
    [TestCase("""{ "Effect": "deny" }""", """{ "Groups": "staff", "Effect": "allow" }""", true)]
    [TestCase("""{ "Groups": [ "staff", "others" ], "Effect": "deny" }""", """{ "Groups": "STAFF", "Tools": "x", "Effect": "allow" }""", true)]
    [TestCase("""{ "Groups": "staff", "Effect": "deny" }""", """{ "Groups": [ "staff", "others" ], "Effect": "allow" }""", false)]
    [TestCase("""{ "Tools": "delete_*", "Effect": "deny" }""", """{ "Tools": [ "delete_repo", "delete_*_now" ], "Effect": "allow" }""", true)]
    [TestCase("""{ "Tools": "delete_*", "Effect": "deny" }""", """{ "Tools": [ "delete_repo", "dele*" ], "Effect": "allow" }""", false)]
    [TestCase("""{ "Tools": "*", "Effect": "deny" }""", """{ "Tools": "annotation:read-only", "Effect": "allow" }""", true)]
    [TestCase("""{ "Tools": "*", "Effect": "deny" }""", """{ "Effect": "allow" }""", false)]
    [TestCase("""{ "Tools": "*", "Effect": "deny" }""", """{ "Tools": "resource:*", "Effect": "allow" }""", false)]
    [TestCase("""{ "Tools": "annotation:destructive", "Effect": "deny" }""", """{ "Tools": "annotation:destructive", "Effect": "allow" }""", true)]
    [TestCase("""{ "Tools": "annotation:destructive", "Effect": "deny" }""", """{ "Tools": "delete_repo", "Effect": "allow" }""", false)]
    [TestCase("""{ "Users": "@example.com", "Effect": "deny" }""", """{ "Users": [ "anna@Example.com", "@example.com" ], "Effect": "allow" }""", true)]
    [TestCase("""{ "Users": "@example.com", "Effect": "deny" }""", """{ "Users": "subject:anna", "Effect": "allow" }""", false)]
    [TestCase("""{ "Users": "@example.com", "Effect": "deny" }""", """{ "Groups": "staff", "Effect": "allow" }""", false)]
    [TestCase("""{ "Clients": "service:*", "Effect": "deny" }""", """{ "Clients": "service:backup", "Effect": "allow" }""", true)]
    [TestCase("""{ "Clients": "service:*", "Effect": "deny" }""", """{ "Clients": "backup", "Effect": "allow" }""", false)]
    [TestCase("""{ "Clients": "*", "Effect": "deny" }""", """{ "Clients": "service:backup", "Effect": "allow" }""", true)]
    [TestCase("""{ "Servers": "git*", "Effect": "deny" }""", """{ "Servers": [ "GitHub", "gitlab*" ], "Effect": "allow" }""", true)]
    [TestCase("""{ "Servers": "git*", "Effect": "deny" }""", """{ "Servers": "*", "Effect": "allow" }""", false)]
    public void A_rule_that_can_never_match_is_named(string first, string second, bool isDead)
    {
        var warnings = PolicyCheck.Warnings(PolicyWorld.Of($$"""{ "Rules": [ {{first}}, {{second}} ] }"""), ["github", "gitlab"]);

        Assert.That(warnings, isDead ? Is.EqualTo(["stored policy, rule 2 can never match: stored policy, rule 1 matches all that it does, and comes first."]) : Is.Empty);
    }

    [Test]
    public void A_server_that_there_is_not_is_named()
    {
        var warnings = PolicyCheck.Warnings(PolicyWorld.Of("""{ "Rules": [ { "Servers": [ "GitHub", "gti*", "*hub" ], "Effect": "allow" } ] }"""), ["github"]);

        Assert.That(warnings, Is.EqualTo(["stored policy, rule 1 names the server 'gti*', and there is none of that name now."]));
    }
}
