using McpIdentity.Server.Policy;

namespace McpIdentity.Tests.Policy;

/// <summary>Whose groups are not all known is in those that refuse, and in none that allow: docs/policy.md, "Groups".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class UnknownGroupTests
{
    private const string Groups = """ "interns": "claim:Interns", "named": "ben@example.org", "mixed": [ "ben@example.org", "claim:Interns" ], "robots": "client:backup" """;

    // carl has no group that is known; anna's provider has said Engineering and staff. A rule in the shape "effect groups more".
    [TestCase("deny strangers", "Deny", Description = "a group of the provider's")]
    [TestCase("deny interns", "Deny", Description = "defined by a claim")]
    [TestCase("deny mixed", "Deny", Description = "by a claim among others")]
    [TestCase("deny named,interns", "Deny", Description = "one of several groups")]
    [TestCase("deny named", "Allow", Description = "who is in it is known")]
    [TestCase("deny robots", "Allow")]
    [TestCase("deny named,robots", "Allow")]
    [TestCase("deny strangers \"Servers\":\"wiki\"", "Allow", Description = "at another server")]
    [TestCase("deny strangers \"Users\":\"ben@example.org\"", "Allow", Description = "another person")]
    [TestCase("deny strangers \"Users\":\"carl@example.net\"", "Deny")]
    [TestCase("deny strangers \"Clients\":\"desktop\"", "Allow", Description = "through another client")]
    [TestCase("deny strangers \"Tools\":\"delete_*\"", "Allow", Description = "another tool")]
    [TestCase("deny strangers \"Tools\":\"annotation:destructive\"", "Deny")]
    [TestCase("allow strangers", "Allow", Description = "by the rule after it, and not by it")]
    [TestCase("ask strangers", "Allow")]
    [TestCase("ask interns", "Allow")]
    public void A_rule_that_refuses_by_a_group_of_the_providers_holds_for_whose_groups_are_not_known(string rule, string effect)
    {
        var policy = Of(rule, "allow * ");

        var decision = policy.Decide(PolicyWorld.Caller(policy, "carl", lacksGroups: true), "github", PolicyWorld.Target("create_issue"));

        Assert.That((decision.Effect.ToString(), decision.Rule), Is.EqualTo((effect, effect == "Deny" ? "stored policy, rule 1" : "stored policy, rule 2")));
        Assert.That(policy.Decide(PolicyWorld.Caller(policy, "carl"), "github", PolicyWorld.Target("create_issue")).Rule, Is.EqualTo("stored policy, rule 2"), "whose groups are known is in none of them");
    }

    [TestCase("allow Engineering", "Allow", Description = "what is known counts")]
    [TestCase("ask staff", "Ask")]
    [TestCase("allow interns", "Deny", Description = "what is not known allows nothing")]
    [TestCase("ask mixed", "Deny")]
    public void What_is_known_of_their_groups_counts_as_ever(string rule, string effect)
    {
        var policy = Of(rule);

        Assert.That(policy.Decide(PolicyWorld.Caller(policy, "anna", lacksGroups: true), "github", PolicyWorld.Target("create_issue")).Effect.ToString(), Is.EqualTo(effect));
    }

    [Test]
    public void At_mint_too_and_never_for_a_service()
    {
        var policy = Of("deny strangers", "allow * ");

        Assert.That(policy.MayReach(PolicyWorld.Caller(policy, "carl", lacksGroups: true), "github"), Is.False);
        Assert.That(policy.ScopesAt(PolicyWorld.Caller(policy, "carl", lacksGroups: true), "github"), Is.Empty);
        Assert.That(policy.MayReach(PolicyWorld.Caller(policy, "service", "backup"), "github"), Is.True);
    }

    private static PolicySet Of(params string[] rules) => PolicyWorld.Of($$"""{ "Groups": { {{Groups}} }, "Rules": [ {{string.Join(", ", rules.Select(Rule))}} ] }""");

    private static string Rule(string text) => text.Split(' ', 3) is [var effect, var groups, .. var more]
        ? "{ " + string.Join(", ", ((string[])[$"\"Effect\": \"{effect}\"", groups == "*" ? "" : $"\"Groups\": \"{groups}\"", .. more]).Where(member => member.Length > 0)) + " }"
        : throw new ArgumentException(text, nameof(text));
}
