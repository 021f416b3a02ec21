using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Coverage;

/// <summary>Whatever a revision of MCP demands has a test, and the document says which.</summary>
[Category("Coverage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class McpCoverageTests
{
    private const string Regenerate = "UPDATE_COVERAGE=1 dotnet test McpIdentity.Tests -c Release --filter FullyQualifiedName~McpCoverageTests";

    [OneTimeSetUp]
    public void UpdateWhereAsked()
    {
        if (Environment.GetEnvironmentVariable("UPDATE_COVERAGE") is { Length: > 0 })
        {
            McpCoverage.Update();
        }
    }

    [Test]
    public void The_list_has_one_line_a_number_in_order() => Assert.That(
        McpCoverage.Requirements.Select(requirement => requirement.Number),
        Is.EqualTo(Enumerable.Range(1, McpCoverage.Requirements.Count).Select(n => $"MCP-{n:00}")));

    [Test]
    public void Each_line_says_for_every_revision_how_strongly_it_is_asked_for() => Assert.That(
        McpCoverage.Requirements.Where(requirement => requirement.Levels.Count != McpCoverage.Revisions.Length || !requirement.Levels.All(level => level is "MUST" or "SHOULD" or "MAY" or "-"))
            .Select(requirement => requirement.Number),
        Is.Empty);

    [Test]
    public void Every_MUST_has_a_test() => Assert.That(
        McpCoverage.Requirements.Where(requirement => requirement.IsMust && requirement.Exception is null && !McpCoverage.Tests.Contains(requirement.Number))
            .Select(requirement => $"{requirement.Number}: {requirement.Text}"),
        Is.Empty, "Put [Requirement(\"…\")] with the number on the test that proves it.");

    [Test]
    public void An_exception_says_which_kind_it_is() => Assert.That(
        McpCoverage.Requirements.Select(requirement => requirement.Exception).OfType<string>(), Is.All.StartsWith(McpCoverage.Open).Or.StartsWith(McpCoverage.NotMet));

    [Test]
    public void What_has_a_test_is_neither_open_nor_not_met() => Assert.That(
        McpCoverage.Requirements.Where(requirement => requirement.Exception is not null && McpCoverage.Tests.Contains(requirement.Number)).Select(requirement => requirement.Number),
        Is.Empty, $"The marks \"open\" are taken away by\n  {Regenerate}");

    [Test]
    public void No_test_carries_a_number_that_does_not_exist() => Assert.That(
        McpCoverage.Tests.Select(number => number.Key).Except(McpCoverage.Requirements.Select(requirement => requirement.Number)), Is.Empty);

    [Test]
    public void The_document_is_what_the_tests_say()
    {
        var path = Repository.PathOf(McpCoverage.Document);

        Assert.That(
            File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "", Is.EqualTo(McpCoverage.Write()),
            $"{McpCoverage.Document} is out of date; it is written by\n  {Regenerate}");
    }
}
