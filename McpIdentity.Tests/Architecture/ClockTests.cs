using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>What the servers do by time they do by <see cref="TimeProvider"/>, which a test moves (docs/architecture.md, "What a request asks of the database").</summary>
[Category("Architecture")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class ClockTests
{
    [TestCase("McpIdentity.Server"), TestCase("McpIdentity.Mcp")]
    public void Nothing_asks_the_clock_of_the_machine_by_itself(string project)
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
