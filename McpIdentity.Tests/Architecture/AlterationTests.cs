using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Architecture;

/// <summary>What a test has altered differs from what it was, at every run and not at most of them.</summary>
[Category("Architecture")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class AlterationTests
{
    [Test]
    public void No_test_alters_a_token_by_writing_over_its_end()
    {
        var files = Directory.EnumerateFiles(Repository.PathOf("McpIdentity.Tests"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/node_modules/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal))
            .Select(file => (Name: Path.GetFileName(file), Text: File.ReadAllText(file))).ToList();

        Assert.That(files, Has.Count.GreaterThan(300));
        Assert.That(files.SelectMany(file => WritesOverEnd().Matches(file.Text).Select(match => $"{file.Name}: {match.Value}")), Is.Empty, "text.Altered() is another one for certain");
    }

    [Test]
    public void An_altered_text_is_another_one_whatever_stood_there([Values("AAAAAAAA", "BBBBBBBB", "________")] string text)
    {
        Assert.That(text.Altered(), Is.Not.EqualTo(text).And.Length.EqualTo(text.Length));
        Assert.That(text.Altered(0)[1..], Is.EqualTo(text[1..]));
    }

    // Text without its last characters, and letters in their place, by '+' or within an interpolated text.
    [GeneratedRegex("""\[\.\.\^\d+\](\}| \+ ("|'))[A-Za-z0-9]|\[\.\.\^\d+\] \+ \(""")]
    private static partial Regex WritesOverEnd();
}
