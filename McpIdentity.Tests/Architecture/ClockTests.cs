using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>What is told, kept or forgotten by a time of day goes by <see cref="TimeProvider"/>, which a test moves. How long something waits for a network, a database or the end of a process may go by the machine's.</summary>
[Category("Architecture")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class ClockTests
{
    [TestCase("McpIdentity.Server"), TestCase("McpIdentity.Mcp")]
    public void No_time_of_day_and_no_age_is_that_of_the_machine(string project)
    {
        var asking = Directory.EnumerateFiles(Repository.PathOf(project), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(Repository.PathOf(project), file).StartsWith("obj", StringComparison.Ordinal))
            .SelectMany(file => File.ReadLines(file).Select(line => $"{Path.GetFileName(file)}: {line.Trim()}"))
            .Where(line => Asks().IsMatch(line) && !line.StartsWith("BoundedCache.cs", StringComparison.Ordinal));

        Assert.That(asking, Is.Empty);
    }

    // A MemoryCache without a clock of its own takes the machine's.
    [GeneratedRegex(@"\bDateTime(Offset)?\.(Utc)?(Now|Today)\b|\bMemoryCacheOptions\b|\bnew PeriodicTimer\([^,)]*(\([^)]*\))?\)")]
    private static partial Regex Asks();
}
