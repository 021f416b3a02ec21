using System.Diagnostics;
using System.Text;
using McpIdentity.Server.Policy;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Policy;

/// <summary>Whatever a document has is a policy or a list of what is wrong with it: docs/policy.md, "Where rules stand".</summary>
[Category("Policy"), Category("Fuzzing")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyReaderFuzzTests
{
    private const int Seed = 20261129;
    private const int Documents = 3000;

    private static readonly string[] Members = ["Groups", "Users", "Clients", "Servers", "Tools", "Effect", "Scopes", "Rules", "groups", "TOOLS", "Tool", "Rulez", "", " ", "0", "a:b", "$schema", "\\u0000", "\\ud83d\\ude00"];

    private static readonly string[] Texts =
    [
        "allow", "deny", "ask", "Allow ", "permit", "", " ", ",", "*", "**", "a,b", "anna@example.com", "@example.org", "@", "subject:", "subject:x", "client:backup", "claim:", "claim:Engineering", "service:", "service:*",
        "annotation:read-only", "annotation:", "resource:", "resource:file:///../x", "prompt:*", "tool:", "read", "a b", "\\n", "\\u0000", "\\ud800", "\\u202e", "\\ud83d\\ude00", "é", "e\\u0301", "İ", "ß", new string('x', 3000), "%", "resource:file:///%zz",
    ];

    [Test]
    public void Thousands_of_odd_documents_are_policies_or_lists_of_problems_and_never_a_fault()
    {
        var random = new Random(Seed);
        var (good, bad) = (0, 0);
        for (var i = 0; i < Documents; i++)
        {
            var json = Document(random);
            try
            {
                var read = PolicyDocument.Parse(PolicyDocument.Stored, Encoding.UTF8.GetBytes(json));
                string[] problems = [.. PolicyCheck.Problems(read)];
                Assert.That(problems, Has.Length.LessThanOrEqualTo(101).And.All.Matches<string>(problem => problem is { Length: > 10 and <= 500 } && !problem.Any(char.IsControl)), json);
                if (problems.Length == 0)
                {
                    good++;
                    Use(read, json);
                }
                else
                {
                    bad++;
                }
            }
            catch (Exception exception) when (exception is not ResultStateException)
            {
                Assert.Fail($"{json}\n{exception}");
            }
        }

        TestContext.Out.WriteLine($"{good} policies, {bad} lists of problems");
        Assert.That(new[] { good, bad }, Is.All.GreaterThan(Documents / 20), "each is among them");
    }

    [TestCase("rules", "there are 40000 rules; 1000 at most")]
    [TestCase("entries", "entries; 10000 at most")]
    [TestCase("groups", "1000 at most")]
    [TestCase("problems", "There are 900 more problems")]
    [TestCase("depth", "cannot be read")]
    [TestCase("bytes", "1048576 at most")]
    public void A_huge_document_is_refused_in_moments(string what, string problem)
    {
        var json = what switch
        {
            "rules" => $$"""{ "Rules": [ {{string.Join(',', Enumerable.Repeat("""{"Effect":"deny"}""", 40_000))}} ] }""",
            "entries" => $$"""{ "Groups": { "all": [ {{string.Join(',', Enumerable.Range(0, 40_000).Select(i => $"\"p{i}@example.com\""))}} ] } }""",
            "groups" => $$"""{ "Groups": { {{string.Join(',', Enumerable.Range(0, 60_000).Select(i => $"\"g{i}\":\"a\""))}} } }""",
            "problems" => $$"""{ "Rules": [ {{string.Join(',', Enumerable.Repeat("{}", 1000))}} ] }""",
            "depth" => $$"""{ "Rules": {{new string('[', 10_000)}}{{new string(']', 10_000)}} }""",
            _ => $$"""{ "Groups": { "all": "{{new string('x', 1024 * 1024)}}" } }""",
        };
        var started = Stopwatch.GetTimestamp();

        var problems = PolicyCheck.Problems(PolicyDocument.Parse(PolicyDocument.File, Encoding.UTF8.GetBytes(json))).ToList();

        Assert.That(problems, Has.Some.Contains(problem));
        Assert.That(Stopwatch.GetElapsedTime(started), Is.LessThan(TimeSpan.FromSeconds(20)), "on a busy machine");
    }

    [TestCase("utf-16"), TestCase("utf-16BE"), TestCase("utf-32"), TestCase("utf-32BE"), TestCase("latin1")]
    [Category("RFC 8259 §8.1")]
    public async Task What_is_not_UTF_8_is_not_applied_to_be_found_unreadable_by_the_nodes(string encoding)
    {
        await using var server = await TestServer.StartAsync();
        await using var scope = server.Services.CreateAsyncScope();
        var text = Encoding.GetEncoding(encoding);
        byte[] document = [.. text.GetPreamble(), .. text.GetBytes("""{ "Rules": [ { "Groups": "Käufer", "Effect": "deny" }, { "Effect": "allow" } ] }""")];

        var (applied, problems) = await scope.ServiceProvider.GetRequiredService<StoredPolicies>()
            .ApplyAsync(document, "a test", null, CancellationToken.None);

        Assert.That(applied, Is.Null);
        Assert.That(problems, Has.Count.EqualTo(1).And.Some.Contains("stored policy cannot be read"));
        Assert.That(PolicyDocument.Parse(PolicyDocument.File, document).Problems, Has.Some.Contains("it is not UTF-8"));
    }

    // What was taken can be decided by, compared and quoted; and what is quoted is the same policy.
    private static void Use(PolicyOptions read, string json)
    {
        var policy = new PolicySet(read);
        foreach (var who in (PolicyCaller[])[new("anna", "editor") { Email = "anna@example.com" }, new("backup", "backup") { IsService = true }, new(null, null) { LacksGroups = true }])
        {
            foreach (var target in (PolicyTarget[])[new(PolicyTargetKind.Tool, ""), new(PolicyTargetKind.Resource, "file:///x"), new(PolicyTargetKind.Prompt, "review")])
            {
                policy.Decide(who, "github", target);
                policy.ScopesAt(who, "github");
            }
        }

        Assert.That(PolicyCheck.Warnings(policy, ["github"]).ToList(), Is.Not.Null);
        var again = PolicyDocument.Parse(PolicyDocument.Stored, Encoding.UTF8.GetBytes(PolicyText.Of(read)));
        Assert.That(PolicyCheck.Problems(again), Is.Empty, json);
        Assert.That(PolicyText.Of(again), Is.EqualTo(PolicyText.Of(read)), json);
        Assert.That(PolicyTextDiff.Of(read, again), Is.Empty, json);
    }

    private static string Document(Random random) => random.Next(20) switch
    {
        0 => Value(random, 0),
        1 => $$"""{ {{Quote(Pick(random, Members))}}: {{Value(random, 0)}} }""",
        _ => $$"""{ "Groups": { {{Some(random, 3, () => $"{Quote(Pick(random, Members))}: {(random.Next(3) == 0 ? Value(random, 1) : Good(random, "Users"))}")}} }, "Rules": [ {{Some(random, 4, () => Rule(random))}} ] }""",
    };

    private static string Rule(Random random)
    {
        var members = new List<string> { $"\"Effect\": {(random.Next(8) == 0 ? Value(random, 1) : Good(random, "Effect"))}" };
        foreach (var member in Members.Take(5).Append("Scopes").Where(_ => random.Next(4) == 0))
        {
            members.Add($"{Quote(random.Next(20) == 0 ? Pick(random, Members) : member)}: {(random.Next(10) == 0 ? Value(random, 1) : Good(random, member))}");
        }

        return "{ " + string.Join(", ", members) + " }";
    }

    // As somebody would write it who has read the documentation.
    private static string Good(Random random, string member) => Quote(Pick(random, member switch
    {
        "Effect" => ["allow", "ask", "ask", "Allow "],
        "Users" => ["anna@example.com", "@example.org", "subject:x", "anna@example.com,@example.org"],
        "Clients" => ["editor", "service:*", "*"],
        "Scopes" => ["read", "read,write"],
        "Tools" => ["delete_*", "annotation:read-only", "resource:*", "*", "tool:resource:odd"],
        _ => ["github", "\\ud83d\\ude00", "e\\u0301", "İ"],
    }));

    private static string Value(Random random, int depth) => random.Next(depth > 3 ? 4 : 7) switch
    {
        0 => "null",
        1 => Pick(random, ["true", "false", "0", "-1.5e300", "123456789012345678901234567890"]),
        2 or 3 => Quote(Pick(random, Texts)),
        4 => "[" + Some(random, 4, () => Value(random, depth + 1)) + "]",
        5 => "[" + Some(random, 4, () => Quote(Pick(random, Texts))) + "]",
        _ => "{" + Some(random, 3, () => $"{Quote(Pick(random, Members))}: {Value(random, depth + 1)}") + "}",
    };

    private static string Some(Random random, int max, Func<string> one) => string.Join(", ", Enumerable.Range(0, random.Next(max + 1)).Select(_ => one()));

    private static string Quote(string text) => $"\"{text}\"";

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];
}
