using System.Globalization;
using System.Text;
using McpIdentity.Server.Doctor;
using McpIdentity.Server.Operations;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Doctor;

/// <summary>docs/doctor.md has every check, with its question, its weight, its cure and where it comes from.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.Self)]
internal sealed class DoctorDocumentTests
{
    private const string Begin = "<!-- checks -->";
    private const string End = "<!-- end of checks -->";

    private static string Document => Repository.PathOf("docs", "doctor.md");

    [Test]
    public void The_table_of_checks_is_that_of_the_code()
    {
        var text = File.ReadAllText(Document);
        var (from, to) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("UPDATE_DOCTOR") is { Length: > 0 })
        {
            File.WriteAllText(Document, $"{text[..from]}\n\n{Table()}\n{text[to..]}");
            return;
        }

        Assert.That(text[from..to].Trim(), Is.EqualTo(Table().Trim()), "UPDATE_DOCTOR=1 dotnet test McpIdentity.Tests --filter FullyQualifiedName~DoctorDocumentTests");
    }

    [Test]
    public void What_troubleshooting_names_is_a_check()
    {
        var named = System.Text.RegularExpressions.Regex.Matches(File.ReadAllText(Repository.PathOf("docs", "troubleshooting.md")), "doctor --check ([a-z0-9.-]+)").Select(match => match.Groups[1].Value).ToList();

        Assert.That(named, Is.Not.Empty);
        Assert.That(named.Where(name => !OwnChecks.IsWanted(OwnChecks.Known, name)), Is.Empty);
    }

    private static string Table()
    {
        var text = new StringBuilder("| id | asks | at worst | what to do | see |\n|---|---|---|---|---|\n");
        foreach (var check in OwnChecks.Known)
        {
            text.Append(CultureInfo.InvariantCulture, $"| `{check.Id}` | {check.Asks} | {check.Worst.Word()} | {check.Cure.Replace("|", "\\|", StringComparison.Ordinal)} | {check.Section} |\n");
        }

        return text.ToString();
    }
}
