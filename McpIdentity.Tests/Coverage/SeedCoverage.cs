using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using NUnit.Framework.Interfaces;

namespace McpIdentity.Tests.Coverage;

/// <summary>A number of the guide's list, what it asks in our words, and the reason where no test proves it.</summary>
internal sealed record Requirement(string Section, string Number, string Text, string? Exception);

/// <summary>Which tests prove which number: the list in <c>requirements.txt</c> against the categories of this assembly.</summary>
internal static partial class SeedCoverage
{
    public const string Document = "docs/seed-coverage.md";
    public const string Open = "open: ";

    private static readonly string ListPath = Repository.PathOf("McpIdentity.Tests", "Coverage", "requirements.txt");

    public static IReadOnlyList<Requirement> Requirements { get; private set; } = ReadRequirements();

    /// <summary>By number, the tests that carry it: class and sentence.</summary>
    public static ILookup<string, string> Tests { get; } = TestsWith(IsNumber);

    public static string Write()
    {
        var text = new StringBuilder("""
            # Which test proves what

            Written from the test assembly: `UPDATE_COVERAGE=1 dotnet test McpIdentity.Tests -c Release --filter FullyQualifiedName~SeedCoverageTests`.
            The numbers and what they ask stand in `McpIdentity.Tests/Coverage/requirements.txt`; a test carries the numbers that it
            proves as categories, so `dotnet test --filter Category=SEED-043` runs the proof of one.

            """);
        foreach (var section in Requirements.GroupBy(requirement => requirement.Section))
        {
            text.Append($"\n## {section.Key}\n\n| number | asks for | proved by |\n|---|---|---|\n");
            foreach (var requirement in section)
            {
                var proof = Tests[requirement.Number].Select(test => test.Replace("|", "\\|", StringComparison.Ordinal)).ToList();
                text.Append($"| {requirement.Number} | {requirement.Text} | {(proof.Count > 0 ? string.Join("<br>", proof) : requirement.Exception ?? "**nothing**")} |\n");
            }
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Takes the mark "open" from every number that has a test by now, and writes the document.</summary>
    public static void Update()
    {
        var lines = File.ReadAllLines(ListPath).Select(line => line.Split('\t') is [var number, var text, var exception] &&
            exception.StartsWith(Open, StringComparison.Ordinal) && Tests.Contains(number) ? $"{number}\t{text}" : line).ToList();
        File.WriteAllText(ListPath, string.Join('\n', lines) + "\n");
        Requirements = ReadRequirements();
        File.WriteAllText(Repository.PathOf(Document), Write());
    }

    public static bool IsNumber(string category) => Number().IsMatch(category);

    /// <summary>By category, the tests that carry it.</summary>
    public static ILookup<string, string> TestsWith(Func<string, bool> isNumber) => typeof(SeedCoverage).Assembly.GetTypes().Where(type => !type.IsAbstract)
        .SelectMany(type => type.GetMethods().Where(IsTest).SelectMany(method => CategoriesOf(type, method).Where(isNumber).Distinct().Select(number => (number, test: NameOf(type, method)))))
        .Distinct().OrderBy(pair => pair.test, StringComparer.Ordinal).ToLookup(pair => pair.number, pair => pair.test);

    private static bool IsTest(MethodInfo method) => method.GetCustomAttributes().Any(attribute => attribute is ITestBuilder or ISimpleTestBuilder);

    // A category may stand on the class, on the method, or on one of its cases.
    private static IEnumerable<string> CategoriesOf(Type type, MethodInfo method) =>
        type.GetCustomAttributes<CategoryAttribute>().Concat(method.GetCustomAttributes<CategoryAttribute>()).Select(category => category.Name)
            .Concat(method.GetCustomAttributes<TestCaseAttribute>().SelectMany(test => (test.Category ?? "").Split(',')));

    private static string NameOf(Type type, MethodInfo method) => $"{type.Name}: {method.Name.Replace('_', ' ')}";

    private static List<Requirement> ReadRequirements()
    {
        var section = "";
        var requirements = new List<Requirement>();
        foreach (var line in File.ReadLines(ListPath))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                section = line[3..];
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                var columns = line.Split('\t');
                requirements.Add(new Requirement(section, columns[0], columns[1], columns.ElementAtOrDefault(2)));
            }
        }

        return requirements;
    }

    [GeneratedRegex(@"^(SEED-\d{3}|LINK-\d{2}|B-\d{2})$")]
    private static partial Regex Number();
}
