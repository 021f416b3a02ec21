using McpIdentity.Server.Policy;

namespace McpIdentity.Tests.Policy;

/// <summary>Who may do what: docs/policy.md, "What a rule is". Each line is a policy, a question and the answer.</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyDecisionTests
{
    // Of a company, as docs/policy.md builds it.
    private const string Company = """
        {
          "Groups": {
            "developers": [ "claim:Engineering", "@example.org", "subject:carl" ],
            "robots": [ "client:backup", "client:report" ],
            "guests": "dora@example.com"
          },
          "Rules": [
            { "Servers": "payroll", "Effect": "deny", "Groups": "robots" },
            { "Servers": "github", "Groups": "developers", "Tools": "delete_*", "Effect": "ask" },
            { "Servers": "github", "Groups": "developers", "Tools": [ "*_issue", "get_*", "resource:repo://*/readme", "prompt:review" ], "Effect": "allow" },
            { "Servers": "github", "Groups": "staff", "Tools": "annotation:read-only", "Effect": "allow" },
            { "Servers": "wiki-*", "Tools": "annotation:destructive", "Effect": "deny" },
            { "Servers": "wiki-*", "Groups": "staff", "Effect": "allow" },
            { "Servers": "payroll", "Users": [ "anna@example.com", "subject:ben" ], "Clients": [ "desktop", "https://client.example/*" ], "Effect": "allow" },
            { "Servers": "files", "Clients": "service:*", "Tools": "read_file", "Effect": "allow" },
            { "Servers": "files", "Clients": "service:backup", "Effect": "allow" },
            { "Servers": "files", "Tools": [ "tool:resource:odd", "tool:annotation:read-only" ], "Effect": "allow" }
          ]
        }
        """;

    private static readonly string[][] Answers =
    [
        // who, client, server, what, effect, rule
        ["anna", "editor", "github", "create_issue", "Allow", "3"], // Engineering of the provider is developers
        ["anna", "editor", "github", "get_me", "Allow", "3"],
        ["anna", "editor", "github", "delete_repo", "Ask", "2"],
        ["anna", "editor", "github", "delete_issue", "Ask", "2"], // the first that matches, not the best
        ["anna", "editor", "github", "push_files", "Deny", "default"],
        ["anna", "editor", "github", "push_files (read-only)", "Allow", "4"], // by another group
        ["anna", "editor", "github", "push_files (both)", "Deny", "default"], // a tool that says both is believed the worse
        ["anna", "editor", "github", "Create_issue", "Allow", "3"], // * is any text
        ["anna", "editor", "github", "create_Issue", "Deny", "default"], // a name has a case
        ["anna", "editor", "github", "create_issues", "Deny", "default"],
        ["anna", "editor", "github", "_issue", "Allow", "3"], // an empty text too
        ["anna", "editor", "github", "get", "Deny", "default"],
        ["anna", "editor", "github", "issue", "Deny", "default"],
        ["anna", "editor", "github", "resource:repo://mcp/readme", "Allow", "3"],
        ["anna", "editor", "github", "resource:repo://mcp/secrets", "Deny", "default"],
        ["anna", "editor", "github", "resource:repo://mcp/x/../readme", "Deny", "default"], // RFC 3986 §5.2.4
        ["anna", "editor", "github", "resource:repo://mcp/%2E%2e/readme", "Deny", "default"],
        ["anna", "editor", "github", "resource:repo://mcp%2f..%2Freadme/readme", "Deny", "default"],
        ["anna", "editor", "github", "resource:repo://mcp/v1.2/readme", "Allow", "3"],
        ["anna", "editor", "github", "prompt:review", "Allow", "3"],
        ["anna", "editor", "github", "prompt:get_me", "Deny", "default"], // a tool's pattern names no prompt
        ["anna", "editor", "github", "resource:get_me", "Deny", "default"],
        ["anna", "editor", "github", "review", "Deny", "default"], // nor a prompt's a tool
        ["anna", "editor", "GitHub", "create_issue", "Allow", "3"], // names of servers have no case
        ["anna", "editor", "github2", "create_issue", "Deny", "default"],
        ["ben", "editor", "github", "create_issue", "Allow", "3"], // by his domain, whatever its case
        ["ben", "editor", "github", "delete_repo", "Ask", "2"],
        ["carl", "editor", "github", "create_issue", "Allow", "3"], // by his subject
        ["carl", "editor", "github", "push_files (read-only)", "Deny", "default"], // in no group of the provider
        ["dora", "editor", "github", "create_issue", "Allow", "3"], // the words of providers have no case
        ["dora", "editor", "github", "push_files (read-only)", "Deny", "default"],
        ["eve", "editor", "github", "create_issue", "Deny", "default"], // a provider cannot say a group that the policy defines
        ["eve", "editor", "github", "delete_repo", "Deny", "default"],
        ["service", "report", "github", "create_issue", "Deny", "default"],
        ["service", "report", "github", "get_me (read-only)", "Deny", "default"],
        ["anna", "editor", "wiki-sales", "write_page", "Deny", "5"], // nothing is known of it: destructive (MCP, ToolAnnotations)
        ["anna", "editor", "wiki-sales", "write_page (destructive)", "Deny", "5"],
        ["anna", "editor", "wiki-sales", "write_page (harmless)", "Allow", "6"],
        ["anna", "editor", "wiki-sales", "read_page (read-only)", "Allow", "6"],
        ["anna", "editor", "wiki-sales", "read_page (both)", "Deny", "5"],
        ["anna", "editor", "wiki-sales", "resource:wiki://home", "Allow", "6"], // the deny is of tools, the allow of everything
        ["anna", "editor", "wiki-sales", "prompt:summary", "Allow", "6"],
        ["anna", "editor", "wiki", "read_page (read-only)", "Deny", "default"],
        ["anna", "editor", "wiki-", "read_page (read-only)", "Allow", "6"],
        ["carl", "editor", "wiki-sales", "write_page", "Deny", "5"], // a deny without groups is for everybody
        ["carl", "editor", "wiki-sales", "read_page (read-only)", "Deny", "default"],
        ["service", "backup", "wiki-sales", "write_page", "Deny", "5"],
        ["anna", "desktop", "payroll", "list_salaries", "Allow", "7"],
        ["anna", "desktop", "payroll", "resource:salaries://2026", "Allow", "7"],
        ["anna", "editor", "payroll", "list_salaries", "Deny", "default"], // the person, but not through this client
        ["anna", "https://client.example/app.json", "payroll", "list_salaries", "Allow", "7"],
        ["anna", "https://client.example.evil.example/app.json", "payroll", "list_salaries", "Deny", "default"],
        ["ben", "desktop", "payroll", "list_salaries", "Allow", "7"],
        ["carl", "desktop", "payroll", "list_salaries", "Deny", "default"],
        ["eve", "desktop", "payroll", "list_salaries", "Deny", "default"], // her address only begins with Anna's
        ["dora", "desktop", "payroll", "list_salaries", "Deny", "default"],
        ["service", "desktop", "payroll", "list_salaries", "Deny", "default"], // a client that speaks for itself is no person
        ["service", "backup", "payroll", "list_salaries", "Deny", "1"],
        ["anna", "backup", "payroll", "list_salaries", "Deny", "default"], // and Anna is no robot, whatever she signs in through
        ["service", "report", "files", "read_file", "Allow", "8"],
        ["service", "report", "files", "write_file", "Deny", "default"],
        ["service", "backup", "files", "write_file", "Allow", "9"],
        ["service", "backup", "files", "resource:file:///etc/hosts", "Allow", "9"],
        ["anna", "backup", "files", "write_file", "Deny", "default"],
        ["anna", "report", "files", "read_file", "Deny", "default"],
        ["anna", "editor", "files", "resource:odd", "Deny", "default"], // a resource of that address
        ["anna", "editor", "files", "tool=resource:odd", "Allow", "10"], // a tool of that name
        ["anna", "editor", "files", "tool=annotation:read-only", "Allow", "10"],
        ["anna", "editor", "files", "write_file (read-only)", "Deny", "default"], // which says nothing of what is read-only
        ["anna", "editor", "elsewhere", "get_me (read-only)", "Deny", "default"],
        ["service", "backup", "elsewhere", "get_me (read-only)", "Deny", "default"],
    ];

    private static readonly PolicySet Policy = PolicyWorld.Of(Company);

    [TestCaseSource(nameof(Answers))]
    public void The_first_rule_that_matches_decides_and_without_one_it_is_refused(string who, string client, string server, string what, string effect, string rule)
    {
        var target = what.StartsWith("tool=", StringComparison.Ordinal) ? new PolicyTarget(PolicyTargetKind.Tool, what["tool=".Length..]) : PolicyWorld.Target(what);

        var decision = Policy.Decide(PolicyWorld.Caller(Policy, who, client), server, target);

        Assert.That((decision.Effect.ToString(), decision.Rule), Is.EqualTo((effect, rule == "default" ? rule : $"stored policy, rule {rule}")));
    }

    [TestCase("""{ "Rules": [ { "Effect": "allow" } ] }""", "anna", "*", true)]
    [TestCase("""{ "Rules": [] }""", "anna", "", false)]
    [TestCase("""{ "Rules": [ { "Tools": "x", "Scopes": "read", "Effect": "allow" }, { "Tools": "y", "Scopes": [ "write" ], "Effect": "ask" } ] }""", "anna", "read write", true)]
    [TestCase("""{ "Rules": [ { "Tools": "x", "Scopes": "read", "Effect": "allow" }, { "Tools": "y", "Effect": "allow" } ] }""", "anna", "*", true)]
    [TestCase("""{ "Rules": [ { "Scopes": "read", "Effect": "allow" }, { "Effect": "deny" }, { "Scopes": "write", "Effect": "allow" } ] }""", "anna", "read", true)]
    [TestCase("""{ "Rules": [ { "Effect": "deny" }, { "Effect": "allow" } ] }""", "anna", "", false)]
    [TestCase("""{ "Rules": [ { "Tools": "*", "Effect": "deny" }, { "Scopes": "read", "Effect": "allow" } ] }""", "anna", "read", true)] // resources are left
    [TestCase("""{ "Rules": [ { "Users": "carl@example.net", "Effect": "deny" }, { "Scopes": "read", "Effect": "allow" } ] }""", "anna", "read", true)]
    [TestCase("""{ "Rules": [ { "Users": "carl@example.net", "Effect": "deny" }, { "Scopes": "read", "Effect": "allow" } ] }""", "carl", "", false)]
    [TestCase("""{ "Rules": [ { "Groups": "staff", "Scopes": "read", "Effect": "allow" }, { "Clients": "other", "Effect": "allow" } ] }""", "anna", "read", true)]
    [TestCase("""{ "Rules": [ { "Groups": "staff", "Scopes": "read", "Effect": "allow" } ] }""", "service", "", false)]
    [TestCase("""{ "Rules": [ { "Servers": "wiki", "Effect": "allow" } ] }""", "anna", "", false)]
    public void The_scopes_that_can_be_granted_are_those_of_the_rules_that_could_allow_anything(string policy, string who, string scopes, bool mayReach)
    {
        var set = PolicyWorld.Of(policy);
        var caller = PolicyWorld.Caller(set, who);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', set.ScopesAt(caller, "github") ?? ["*"]), Is.EqualTo(scopes));
            Assert.That(set.MayReach(caller, "github"), Is.EqualTo(mayReach));
        }
    }

    [Test]
    public void What_comes_later_cannot_change_what_the_rules_before_it_mean()
    {
        var policy = PolicyWorld.Of(
            """{ "Groups": { "admins": "anna@example.com" }, "Rules": [ { "Groups": [ "admins", "staff" ], "Tools": "a", "Effect": "allow" }, { "Groups": "engineering", "Effect": "deny" } ] }""",
            """{ "Groups": { "Admins": "carl@example.net", "staff": [ "carl@example.net" ], "Engineering": "subject:nobody", "own": "carl@example.net" }, "Rules": [ { "Effect": "allow", "Tools": "b" }, { "Effect": "allow", "Groups": "own" } ] }""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Effect("anna", "a"), Is.EqualTo(PolicyEffect.Allow));
            Assert.That(Effect("ben", "a"), Is.EqualTo(PolicyEffect.Allow), "staff is what the provider says");
            Assert.That(Effect("dora", "b"), Is.EqualTo(PolicyEffect.Deny), "so is engineering");
            Assert.That(Effect("carl", "a"), Is.EqualTo(PolicyEffect.Allow), "by his own group, of the second document");
            Assert.That(policy.Decide(PolicyWorld.Caller(policy, "carl"), "github", new PolicyTarget(PolicyTargetKind.Tool, "a")).Rule, Does.EndWith("rule 2"));
            Assert.That(PolicyCheck.Problems(policy.Documents[1], policy.Documents[0]), Has.Exactly(3).Items.And.All.Contain("is spoken of by what comes before"));
        }

        PolicyEffect Effect(string who, string tool) => policy.Decide(PolicyWorld.Caller(policy, who), "github", new PolicyTarget(PolicyTargetKind.Tool, tool)).Effect;
    }
}
