using System.Text.RegularExpressions;
using McpIdentity.Tests.McpClients;

namespace McpIdentity.Tests.Support;

/// <summary>What <c>./test.sh --fast</c> leaves out is what needs a program beside .NET, and no test can need one without saying so.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class NeedsTests
{
    private static IEnumerable<TestCaseData> Starts =>
    [
        Case(Needs.Browser, "a page", () => Chromium.OpenAsync()),
        Case(Needs.Nginx, "a proxy", () => NginxServer.StartAsync([])),
        Case(Needs.Node, "a client", () => TypeScriptClientTests.RunAsync("connect.mjs")),
        Case(Needs.Node, "a script of npm", () => ChildProcess.RunAsync("bash", ["-c", "exec npm --version"], "/")),
        Case(Needs.Postgres, "its own", () => PostgresServer.StartAsync()),
        Case(Needs.PgBouncer, "a pooler", () => ChildProcess.RunAsync("pgbouncer", ["--version"], "/")),
        Case(Needs.Postgres, "the shared one", PostgresServer.SharedAsync),
        Case(Needs.Redis, "its own", () => RedisServer.StartAsync()),
        Case(Needs.Redis, "the shared one", RedisServer.SharedAsync),
    ];

    [TestCaseSource(nameof(Starts))]
    public void A_test_that_does_not_say_what_it_needs_does_not_get_it(string category, Func<Task> start) => Assert.That(
        async () => await start(),
        Throws.InvalidOperationException.With.Message.Contain(nameof(A_test_that_does_not_say_what_it_needs_does_not_get_it)).And.Message.Contain($"[Category(\"{category}\")]"));

    [Test, Category("a need")]
    public void The_category_may_stand_on_the_test() => Assert.That(() => Needs.Check("a need"), Throws.Nothing);

    [TestCase(Category = "a need")]
    public void The_category_may_stand_on_the_case() => Assert.That(() => Needs.Check("a need"), Throws.Nothing);

    [Test]
    public void The_fast_run_leaves_out_every_need()
    {
        var leftOut = LeftOut().Matches(File.ReadAllText(Repository.PathOf("test.sh"))).Select(match => match.Groups["category"].Value);

        Assert.That(leftOut, Is.EquivalentTo(Needs.All.Append("Slow")));
    }

    private static TestCaseData Case(string category, string what, Func<Task> start) => new TestCaseData(category, start).SetArgDisplayNames(category, what);

    [GeneratedRegex(@"Category!=(?<category>\w+)")]
    private static partial Regex LeftOut();
}
