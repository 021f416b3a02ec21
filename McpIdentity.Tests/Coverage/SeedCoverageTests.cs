using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Coverage;

/// <summary>Every number of the guide's list has a test, and the document says which.</summary>
[Category("Coverage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class SeedCoverageTests
{
    // LINK-18, and whatever else no program can prove. A longer list needs a better reason than haste.
    private const int MostThatOnlyATextFulfils = 3;

    private const string Regenerate = "UPDATE_COVERAGE=1 dotnet test McpIdentity.Tests -c Release --filter FullyQualifiedName~SeedCoverageTests";

    private static IEnumerable<string> Every => Enumerable.Range(1, 96).Select(n => $"SEED-{n:000}")
        .Concat(Enumerable.Range(1, 18).Select(n => $"LINK-{n:00}"))
        .Concat(Enumerable.Range(1, 24).Select(n => $"B-{n:00}"));

    [OneTimeSetUp]
    public void UpdateWhereAsked()
    {
        if (Environment.GetEnvironmentVariable("UPDATE_COVERAGE") is { Length: > 0 })
        {
            SeedCoverage.Update();
        }
    }

    [Test]
    public void The_list_holds_every_number_once() =>
        Assert.That(SeedCoverage.Requirements.Select(requirement => requirement.Number), Is.EquivalentTo(Every));

    [Test]
    public void Every_number_has_a_test() =>
        Assert.That(
            SeedCoverage.Requirements.Where(requirement => requirement.Exception is null && !SeedCoverage.Tests.Contains(requirement.Number))
                .Select(requirement => $"{requirement.Number}: {requirement.Text}"),
            Is.Empty,
            "Put [Category(\"…\")] with the number on the test that proves it.");

    [Test]
    public void What_only_a_text_fulfils_is_little_and_says_where() =>
        Assert.That(
            SeedCoverage.Requirements.Where(requirement => requirement.Exception?.StartsWith("documentation: ", StringComparison.Ordinal) is true).ToList(),
            Has.Count.LessThanOrEqualTo(MostThatOnlyATextFulfils));

    [Test]
    public void An_exception_says_which_kind_it_is() =>
        Assert.That(
            SeedCoverage.Requirements.Select(requirement => requirement.Exception).OfType<string>(),
            Is.All.StartsWith("documentation: ").Or.StartsWith(SeedCoverage.Open));

    [Test]
    public void What_has_a_test_is_not_called_open_any_more() =>
        Assert.That(
            SeedCoverage.Requirements.Where(requirement => requirement.Exception?.StartsWith(SeedCoverage.Open, StringComparison.Ordinal) is true && SeedCoverage.Tests.Contains(requirement.Number))
                .Select(requirement => requirement.Number),
            Is.Empty, $"The marks are taken away by\n  {Regenerate}");

    [Test]
    public void No_test_carries_a_number_that_does_not_exist() =>
        Assert.That(SeedCoverage.Tests.Select(number => number.Key).Except(Every), Is.Empty);

    [Test]
    public void The_document_is_what_the_tests_say()
    {
        var path = Repository.PathOf(SeedCoverage.Document);

        Assert.That(
            File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "", Is.EqualTo(SeedCoverage.Write()),
            $"{SeedCoverage.Document} is out of date; it is written by\n  {Regenerate}");
    }
}
