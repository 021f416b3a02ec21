using System.Text.Json;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Policy;

/// <summary>What is decided, what <c>policy test</c> says and a second, plain reading of the rules are the same.</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.Self)]
internal sealed class PolicyAgreementTests
{
    private const int Seed = 20261129;
    private const int Policies = 100;
    private const int QuestionsEach = 10;

    private static readonly string[] Groups = ["developers", "staff", "Admins", "robots"];
    private static readonly string[] Entries = ["anna@example.com", "@example.com", "@EXAMPLE.org", "subject:anna", "subject:ben", "client:backup", "client:editor", "claim:Engineering", "claim:staff"];
    private static readonly string[] Users = ["ANNA@example.com", "@example.org", "subject:ben", "@example.com"];
    private static readonly string[] Clients = ["editor", "desk*", "service:backup", "service:*", "backup", "*"];
    private static readonly string[] Servers = ["github", "git*", "*hub", "wiki-*", "*", "*i*b*"];
    private static readonly string[] Tools =
        ["create_issue", "delete_*", "*_issue", "*e*e*", "*", "annotation:read-only", "annotation:destructive", "resource:file:///*", "resource:*", "prompt:review", "prompt:*", "tool:resource:odd", "get_?", "a.b"];
    private static readonly string[] Names = ["create_issue", "delete_repo", "delete_issue", "get_?", "get_me", "a.b", "axb", "resource:odd", "", "review", "file:///etc/hosts", "Delete_repo", "line\nbreak"];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public void A_thousand_random_questions_are_answered_the_same_by_all_three()
    {
        var random = new Random(Seed);
        var dryRun = _server.Services.GetRequiredService<PolicyDryRun>();
        var answers = new Dictionary<string, int>();
        for (var i = 0; i < Policies; i++)
        {
            string[] documents = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Document(random))];
            var policy = PolicyWorld.Of(documents);
            var plain = new PlainPolicy([.. documents.Select(document => JsonDocument.Parse(document).RootElement)]);
            for (var j = 0; j < QuestionsEach; j++)
            {
                var who = Asker(random);
                var server = Pick(random, ["github", "GitHub", "wiki-sales", "payroll", "hub"]);
                var what = new PlainPolicy.Thing(Pick(random, ["tool", "tool", "tool", "resource", "prompt"]), Pick(random, Names), Hint(random), Hint(random));
                // A demo user's address and groups count.
                var person = who.Subject is null ? null : new VouchedPerson(who.Subject, DemoProvider.Name, who.Email, who.Email is not null) { Groups = who.Lacks ? [.. who.Said, SaidGroups.Unknown] : who.Said };
                var target = new PolicyTarget(Enum.Parse<PolicyTargetKind>(what.Kind, ignoreCase: true), what.Name) { ReadOnly = what.ReadOnly, Destructive = what.Destructive };

                var answer = dryRun.Ask(policy, person, who.Client, server, target);
                var decision = policy.Decide(answer.Caller, server, target);
                var (effect, rule) = plain.Decide(who, server, what);
                var scopes = plain.Scopes(who, server);

                var question = $"{string.Join('\n', documents)}\n{who} {string.Join(',', who.Said)} at {server}: {what}";
                Assert.That((decision.Effect.ToString().ToLowerInvariant(), PlaceOf(policy, decision)), Is.EqualTo((effect, rule)), question);
                Assert.That(answer.Decision, Is.EqualTo(decision), question);
                Assert.That(answer.Rule is null ? 0 : policy.Rules.ToList().FindIndex(one => one.Written == answer.Rule) + 1, Is.EqualTo(rule), question);
                Assert.That(answer.Scopes?.ToHashSet(), scopes is null ? Is.Null : Is.EquivalentTo(scopes), question);
                Assert.That(policy.MayReach(answer.Caller, server), Is.EqualTo(scopes is not { Count: 0 }), question);
                answers[effect + (rule == 0 ? " by none" : "")] = answers.GetValueOrDefault(effect + (rule == 0 ? " by none" : "")) + 1;
            }
        }

        TestContext.Out.WriteLine(string.Join(", ", answers.Select(answer => $"{answer.Key}: {answer.Value}")));
        Assert.That(answers.Values.Sum(), Is.EqualTo(Policies * QuestionsEach));
        Assert.That(answers.Values, Has.Count.EqualTo(4).And.All.GreaterThan(50), "each answer is among them");
    }

    // Several documents number their rules each from one.
    private static int PlaceOf(PolicySet policy, PolicyDecision decision) => policy.Rules.ToList().FindIndex(rule => ReferenceEquals(rule.Decision, decision)) + 1;

    private static PlainPolicy.Asker Asker(Random random)
    {
        var client = Pick(random, ["editor", "desktop", "backup"]);
        return random.Next(4) switch
        {
            0 => new(null, client, null, []),
            1 => new("anna", client, "Anna@Example.com", ["Engineering"]),
            2 => new("ben", client, "ben@example.org", ["STAFF", "developers"], Lacks: random.Next(2) == 0),
            _ => new("carl", client, null, ["admins", "robots", "claim:Engineering"], Lacks: random.Next(2) == 0),
        };
    }

    private static string Document(Random random) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["Groups"] = Groups.Where(_ => random.Next(3) == 0).ToDictionary(group => group, _ => Some(random, Entries)),
        ["Rules"] = Enumerable.Range(0, random.Next(0, 8)).Select(_ => Rule(random)).ToList(),
    });

    private static Dictionary<string, object> Rule(Random random)
    {
        var rule = new Dictionary<string, object> { ["Effect"] = Pick(random, ["allow", "deny", "ask"]) };
        foreach (var (member, entries, oneIn) in ((string, string[], int)[])[("Groups", Groups, 2), ("Users", Users, 4), ("Clients", Clients, 4), ("Servers", Servers, 2), ("Tools", Tools, 2)])
        {
            if (random.Next(oneIn) == 0)
            {
                rule[member] = Some(random, entries);
            }
        }

        if (!rule["Effect"].Equals("deny") && random.Next(2) == 0)
        {
            rule["Scopes"] = Some(random, ["read", "write", "admin"]);
        }

        return rule;
    }

    private static string[] Some(Random random, string[] from) => [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Pick(random, from)).Distinct()];

    private static bool? Hint(Random random) => random.Next(3) switch { 0 => true, 1 => false, _ => null };

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];
}
