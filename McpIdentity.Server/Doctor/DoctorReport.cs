using System.Globalization;
using System.Text;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Doctor;

/// <summary>What the doctor found, for people to read and to paste.</summary>
internal static class DoctorReport
{
    /// <summary>A line for each, and below what is not good what to do.</summary>
    public static string ToText(IReadOnlyList<CheckResult> results)
    {
        var text = new StringBuilder();
        foreach (var result in results)
        {
            text.Append(CultureInfo.InvariantCulture, $"{result.Verdict.Word(),-4}  {NameOf(result)}: {result.Says}\n");
            if (result.Cure is not null)
            {
                text.Append(CultureInfo.InvariantCulture, $"      {result.Cure} ({result.Check.Section})\n");
            }
        }

        return text.Append(Summary(results)).Append('\n').ToString();
    }

    /// <summary>A table of what is not good, and how much is.</summary>
    public static string ToMarkdown(IReadOnlyList<CheckResult> results)
    {
        var text = new StringBuilder($"### doctor: {Summary(results)}\n\n");
        if (results.Any(result => result.Verdict != Verdict.Pass))
        {
            text.Append("| | check | found | to do | see |\n|---|---|---|---|---|\n");
            foreach (var result in results.Where(result => result.Verdict != Verdict.Pass).OrderByDescending(result => result.Verdict))
            {
                text.Append(CultureInfo.InvariantCulture, $"| {result.Verdict.Word()} | `{NameOf(result)}` | {Cell(result.Says)} | {Cell(result.Cure)} | {Cell(result.Check.Section)} |\n");
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"\nGood: {string.Join(", ", results.Where(result => result.Verdict == Verdict.Pass).Select(NameOf))}\n").ToString();
    }

    private static string NameOf(CheckResult result) => result.Subject is null ? result.Id : $"{result.Id} ({result.Subject})";

    private static string Summary(IReadOnlyList<CheckResult> results)
    {
        var counts = results.GroupBy(result => result.Verdict).ToDictionary(group => group.Key, group => group.Count());
        return $"{counts.GetValueOrDefault(Verdict.Fail)} failed, {counts.GetValueOrDefault(Verdict.Warn)} warnings, {counts.GetValueOrDefault(Verdict.Note)} notes, {counts.GetValueOrDefault(Verdict.Pass)} good";
    }

    // What a server said stands in it: no markup of others.
    private static string Cell(string? text) => (text ?? "").Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace("`", "'", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
