using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>A test that moves the clock has the server to itself: to those beside it time would pass in the middle of a request.</summary>
[Category("Architecture")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class SharedClockTests
{
    [Test]
    public void No_fixture_whose_tests_run_beside_each_other_moves_the_clock_of_the_server_that_they_share()
    {
        var fixtures = Directory.EnumerateFiles(Repository.PathOf("McpIdentity.Tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/node_modules/", StringComparison.Ordinal))
            .Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file)))
            .Where(fixture => SideBySide().IsMatch(fixture.Text)).ToList();

        Assert.That(fixtures, Has.Count.GreaterThan(100));
        Assert.That(fixtures.Where(fixture => MovesField().IsMatch(fixture.Text)).Select(fixture => fixture.Name), Is.Empty);
    }

    [GeneratedRegex(@"Parallelizable\(ParallelScope\.(All|Children)\)")]
    private static partial Regex SideBySide();

    [GeneratedRegex(@"\b_\w+\.Clock\.(Advance|AdjustTime|SetUtcNow)|\b_clock\.(Advance|AdjustTime|SetUtcNow)")]
    private static partial Regex MovesField();
}
