using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Policy;

/// <summary>How a policy is written: docs/policy.md, "Where rules stand".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class PolicySettingsTests
{
    [Test]
    public async Task A_member_is_a_list_or_one_text_with_commas()
    {
        await using var file = new SettingsFile().Build("", "--Policy:Groups:developers=anna@example.com, @example.org", "--Policy:Groups:robots:0=client:backup",
            "--Policy:Rules:0:Groups=developers,robots", "--Policy:Rules:0:Tools:0=get_*", "--Policy:Rules:0:Tools:1=annotation:read-only", "--Policy:Rules:0:Effect=Allow",
            "--Policy:Rules:1:Effect=deny", "--Policy:GroupClaims=groups, cognito:groups");

        var policy = file.Options<PolicyOptions>();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(policy.Groups["Developers"], Is.EqualTo(["anna@example.com", "@example.org"]));
            Assert.That(policy.Groups["robots"], Is.EqualTo(["client:backup"]));
            Assert.That(policy.Rules[0].Groups, Is.EqualTo(["developers", "robots"]));
            Assert.That(policy.Rules[0].Tools, Is.EqualTo(["get_*", "annotation:read-only"]));
            Assert.That(policy.Rules[0].Servers, Is.Null);
            Assert.That(policy.Rules[1].Tools, Is.Null);
            Assert.That(policy.ClaimsOfGroups, Is.EqualTo(["groups", "cognito:groups"]));
        }
    }

    [Test]
    public async Task Without_a_word_about_it_groups_stand_in_groups_and_roles()
    {
        await using var file = new SettingsFile().Build("");

        Assert.That(file.Options<PolicyOptions>().ClaimsOfGroups, Is.EqualTo(["groups", "roles"]));
    }

    [Test]
    public void All_that_is_wrong_with_a_policy_stands_in_one_list_each_with_its_setting()
    {
        var problems = SettingsFile.ProblemsOf(file => file.Build("", [.. Wrong, $"--Policy:File={file.InFolder("policy.json", WrongFile)}"]));

        using (Assert.EnterMultipleScope())
        {
            foreach (var problem in (string[])
            [
                "Policy:Groups:developers has 'anna'; it is an e-mail address",
                "Policy:Groups:developers has 'claim:'",
                "Policy:Groups:nobody says nothing",
                "Policy:Groups:a*: the name",
                "Policy:Rules:0:Effect is ''; allowed: allow, deny, ask.",
                "Policy:Rules:1:Effect is 'permit'",
                "Policy:Rules:1:Users has 'Anna'",
                "Policy:Rules:1:Groups has 'claim:staff'",
                "Policy:Rules:2:Tools says nothing",
                "Policy:Rules:2:Clients has 'service:'",
                "Policy:Rules:2:Servers is a text in one place and a list in another",
                "Policy:Rules:3:Scopes has no meaning where the effect is deny",
                "Policy:Rules:3:Tools has 'annotation:readonly'",
                "Policy:Rules:3:Tools has 'resource:'",
                "Policy:Rules:4:Scopes has 'a b'",
                "Policy:Rules:4:Users says nothing",
                "Policy:Rules:5:Tool is not a setting. Did you mean Tools?",
                "policy file: Rulez is nothing that a policy has",
                "policy file, rule 1: Server is nothing that a rule has",
                "policy file, rule 1, Tools says nothing",
                "policy file, rule 2, Groups is no list of texts",
                "policy file, rule 2, Effect is ''",
                "policy file, group bad has 'x'",
                "policy file, group developers is spoken of by what comes before",
            ])
            {
                Assert.That(problems, Does.Contain(problem));
            }
        }
    }

    [TestCase("""{ "Rules": [ { "Effect": "allow" } ] """, "policy file cannot be read")]
    [TestCase("""[ ]""", "policy file cannot be read")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "effect": "deny" } ] }""", "policy file cannot be read")]
    [TestCase("""{ "Rules": "allow" }""", "Rules is a text")]
    [TestCase("""{ "Groups": "allow" }""", "Groups is a text")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Tools": null } ] }""", "rule 1, Tools says nothing")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Users": [ "" ] } ] }""", "rule 1, Users says nothing")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Users": { "a": { "b": "c@example.com" } } } ] }""", "rule 1, Users is no list of texts")]
    [TestCase("""{ "Groups": { "a:b": [ "c@example.com" ] } }""", "The name of a group has no colon")]
    [TestCase("""{ "Groups": { " ": [ "c@example.com" ] } }""", "Groups has a group without a name")]
    [TestCase("""{ "Groups": { "a": "anna@example.com", "A": "ben@example.com" } }""", "policy file cannot be read")]
    [TestCase("""{ "Rules": { "second": { "Effect": "allow" }, "first": { "Effect": "deny" } } }""", "Rules has first, and is a list of objects: their order decides", Description = "an object has no order")]
    [TestCase("""{ "Rules": { "Effect": "allow" } }""", "Rules has Effect, and is a list of objects")]
    [TestCase("""{ "Rules": [ "allow" ] }""", "rule 1, Effect is ''")]
    [TestCase("""{ "Rules": [ null ] }""", "rule 1, Effect is ''")]
    [TestCase("""{ "Rules": [ { "Effect": [ "allow" ] } ] }""", "rule 1, Effect is ''")]
    [TestCase("""{ "Rules": [ { "Effect": true } ] }""", "rule 1, Effect is 'True'")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Scopes": "*" } ] }""", "rule 1, Scopes has '*', which stands for nothing there", Description = "or it would grant nothing")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Users": "*" } ] }""", "rule 1, Users has '*'")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Groups": "*" } ] }""", "rule 1, Groups has '*'")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Groups": {} } ] }""", "rule 1, Groups says nothing")]
    [TestCase("""{ "Rules": [ { "Effect": "\ud800" } ] }""", "policy file cannot be read", Description = "half of a surrogate pair, RFC 8259 §8.2")]
    [TestCase("""{ "Rules": [ { "Effect": "allow", "Tоols": "x" } ] }""", "rule 1: Tоols is nothing that a rule has", Description = "a Cyrillic letter")]
    public void A_file_that_cannot_be_what_was_meant_is_refused(string json, string problem) =>
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("", $"--Policy:File={file.InFolder("policy.json", json)}")), Does.Contain("Policy:File (").And.Contain(problem));

    [Test]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("", "--Policy:File=/nowhere/policy.json")), Does.Contain("Policy:File (/nowhere/policy.json): policy file cannot be read"));

    [Test, Category("Docs")]
    public void The_examples_of_the_documentation_are_policies()
    {
        var examples = Example().Matches(File.ReadAllText(Repository.PathOf("docs", "policy.md"))).Select(match => match.Groups[1].Value).ToList();

        Assert.That(examples, Has.Count.EqualTo(4));
        foreach (var example in examples)
        {
            var document = JsonNode.Parse(example)!;
            var policy = PolicyWorld.Of((document["Policy"] ?? document).ToJsonString());
            Assert.That(PolicyCheck.Warnings(policy, ["github", "wiki", "payroll"]), Is.Empty, example);
        }
    }

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    private const string WrongFile = """
        {
          // a comment may stand here
          "Rulez": [],
          "Groups": { "bad": "x", "developers": "anna@example.com" },
          "Rules": [ { "Server": "github", "Tools": [], "Effect": "allow" }, { "Groups": [ [ "a" ] ] } ],
        }
        """;

    private static readonly string[] Wrong =
    [
        "--Policy:Groups:developers=anna,claim:", "--Policy:Groups:nobody=", "--Policy:Groups:a*=anna@example.com",
        "--Policy:Rules:0:Tools=x",
        "--Policy:Rules:1:Effect=permit", "--Policy:Rules:1:Users=Anna", "--Policy:Rules:1:Groups=claim:staff",
        "--Policy:Rules:2:Effect=allow", "--Policy:Rules:2:Tools=", "--Policy:Rules:2:Clients=service:", "--Policy:Rules:2:Servers=a,b", "--Policy:Rules:2:Servers:0=c",
        "--Policy:Rules:3:Effect=deny", "--Policy:Rules:3:Scopes=read", "--Policy:Rules:3:Tools=annotation:readonly,resource:",
        "--Policy:Rules:4:Effect=ask", "--Policy:Rules:4:Scopes=a b", "--Policy:Rules:4:Users:0=",
        "--Policy:Rules:5:Effect=allow", "--Policy:Rules:5:Tool=x",
    ];
}
