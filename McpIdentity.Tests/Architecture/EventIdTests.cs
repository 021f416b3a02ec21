using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>Whoever watches the log by the numbers of its events can tell them apart.</summary>
[Category("Architecture")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class EventIdTests
{
    [Test]
    public void Every_event_of_the_log_has_a_number_of_its_own()
    {
        var numbers = new[] { "McpIdentity.Server", "McpIdentity.Mcp" }
            .SelectMany(project => Directory.EnumerateFiles(Repository.PathOf(project), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(file => EventId().Matches(File.ReadAllText(file)).Select(match => (Number: match.Groups[1].Value, File: Path.GetFileName(file))))
            .ToLookup(pair => pair.Number, pair => pair.File);

        Assert.That(numbers, Has.Count.GreaterThan(50));
        Assert.That(numbers.Where(number => number.Count() > 1).Select(number => $"{number.Key}: {string.Join(", ", number)}"), Is.Empty);
    }

    [GeneratedRegex(@"LoggerMessage\((?:EventId = )?(\d+)")]
    private static partial Regex EventId();
}
