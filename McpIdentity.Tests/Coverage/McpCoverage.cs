using System.Text;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Coverage;

/// <summary>Something that MCP asks for, how strongly each revision does, and the reason where no test proves it.</summary>
internal sealed record McpRequirement(string Section, string Number, string Text, IReadOnlyList<string> Levels, string? Exception)
{
    public bool IsMust => Levels.Contains("MUST");
}

/// <summary>Which tests prove what MCP asks for: the list in <c>mcp-requirements.txt</c> against the categories of this assembly.</summary>
internal static partial class McpCoverage
{
    public const string Document = "docs/conformance.md";
    public const string Open = "open: ";
    public const string NotMet = "not met: ";

    public static readonly string[] Revisions = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

    private static readonly string ListPath = Repository.PathOf("McpIdentity.Tests", "Coverage", "mcp-requirements.txt");

    public static IReadOnlyList<McpRequirement> Requirements { get; private set; } = Read();

    public static ILookup<string, string> Tests { get; } = SeedCoverage.TestsWith(category => Number().IsMatch(category));

    public static string Write()
    {
        var text = new StringBuilder($"""
            # What MCP asks for, and which test proves it

            Written from the test assembly: `UPDATE_COVERAGE=1 dotnet test McpIdentity.Tests -c Release --filter FullyQualifiedName~McpCoverageTests`.
            The numbers and what they ask stand in `McpIdentity.Tests/Coverage/mcp-requirements.txt`, in our words; a test carries those that
            it proves, so `dotnet test --filter Category=MCP-06` runs the proof of one. What only clients have to do is left out.

            """);
        foreach (var section in Requirements.GroupBy(requirement => requirement.Section))
        {
            text.Append($"\n## {section.Key}\n\n| number | asks for | {string.Join(" | ", Revisions)} | proved by |\n|---|---|{string.Concat(Revisions.Select(_ => "---|"))}---|\n");
            foreach (var requirement in section)
            {
                var proof = Tests[requirement.Number].Select(test => test.Replace("|", "\\|", StringComparison.Ordinal)).ToList();
                text.Append($"| {requirement.Number} | {requirement.Text} | {string.Join(" | ", requirement.Levels)} | ")
                    .Append(proof.Count > 0 ? string.Join("<br>", proof) : requirement.Exception ?? "nothing yet").Append(" |\n");
            }
        }

        text.Append($"""

            ## The official conformance suite

            `McpIdentity.Tests/Conformance` runs `@modelcontextprotocol/conformance` against the server: the checks of an authorization server in
            each revision ({string.Join(", ", Revisions)}), and all that 2025-11-25 and 2026-07-28 require of an MCP server, with the suite's own
            tools, resources and prompts, without authorization and with a token.
            In sessions ([`Mcp:SessionMode=Stateful`](stateful-sessions.md)) everything that 2025-11-25 requires passes, with nothing left out. The
            endpoint is stateless by default, and there these checks are expected to fail; a test shows that they fail in the stateless SDK
            without our module too:


            """);
        foreach (var (revision, line) in ExpectedFailures())
        {
            text.Append($"- {revision}, {line}\n");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Takes the mark "open" from every number that has a test by now, and writes the document.</summary>
    public static void Update()
    {
        var lines = File.ReadAllLines(ListPath).Select(line => line.Split('\t') is [var number, .. var rest, var exception] &&
            exception.StartsWith(Open, StringComparison.Ordinal) && Tests.Contains(number) ? $"{number}\t{string.Join('\t', rest)}" : line).ToList();
        File.WriteAllText(ListPath, string.Join('\n', lines) + "\n");
        Requirements = Read();
        File.WriteAllText(Repository.PathOf(Document), Write());
    }

    private static IEnumerable<(string Revision, string Line)> ExpectedFailures() => Revisions
        .Select(revision => (revision, path: Repository.PathOf("McpIdentity.Tests", "Conformance", $"expected-failures-{revision}.yml")))
        .Where(file => File.Exists(file.path))
        .SelectMany(file => File.ReadLines(file.path).Select(line => ExpectedFailure().Match(line)).Where(match => match.Success)
            .Select(match => (file.revision, $"`{match.Groups["check"].Value}`: {match.Groups["why"].Value}")));

    private static List<McpRequirement> Read()
    {
        var section = "";
        var requirements = new List<McpRequirement>();
        foreach (var line in File.ReadLines(ListPath))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                section = line[3..];
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                var columns = line.Split('\t');
                requirements.Add(new McpRequirement(section, columns[0], columns[1], columns[2..6], columns.ElementAtOrDefault(6)));
            }
        }

        return requirements;
    }

    [GeneratedRegex(@"^MCP-\d{2}$")]
    private static partial Regex Number();

    [GeneratedRegex(@"^  - (?<check>\S+) # (?<why>.+)$")]
    private static partial Regex ExpectedFailure();
}
