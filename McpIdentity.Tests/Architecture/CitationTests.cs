using System.Reflection;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using NUnit.Framework.Interfaces;

namespace McpIdentity.Tests.Architecture;

/// <summary>A citation leads to a specification or to a file of this repository: whoever reads it has nothing else.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed partial class CitationTests
{
    private const string Interoperability = "docs/interoperability.md";

    private static readonly string[] Kinds = [".cs", ".cshtml", ".md", ".sh", ".yml", ".mjs", ".conf"];
    private static readonly string[] NotOurs = ["bin", "obj", "node_modules", "data", "logs", "TestResults"];

    // This file names the forms that it looks for.
    private static readonly IReadOnlyList<(string File, string Text)> Texts = [.. FilesIn(new DirectoryInfo(Repository.Root))
        .Where(file => file.Name != $"{nameof(CitationTests)}.cs")
        .Select(file => (Path.GetRelativePath(Repository.Root, file.FullName), OneLine().Replace(File.ReadAllText(file.FullName), " ")))];

    [Test]
    public void No_document_is_cited_that_is_not_here() => Assert.That(
        Citations(Elsewhere()).Select(citation => $"{citation.File}: {citation.Match.Value}"), Is.Empty, "cite an RFC or a file of this repository, or say the fact");

    [Test]
    public void A_cited_document_exists()
    {
        var cited = Citations(Document()).ToList();

        Assert.That(cited, Is.Not.Empty);
        Assert.That(cited.Where(citation => !Exists(citation.Match.Value)).Select(citation => $"{citation.File}: {citation.Match.Value}"), Is.Empty);
    }

    [Test]
    public void A_cited_heading_exists()
    {
        var cited = Citations(Section()).SelectMany(citation => citation.Match.Groups["heading"].Captures
            .Select(heading => (citation.File, Document: citation.Match.Groups["document"].Value, Heading: heading.Value))).ToList();

        Assert.That(cited, Is.Not.Empty);
        Assert.That(
            cited.Where(citation => !HeadingsOf(citation.Document).Contains(citation.Heading)).Select(citation => $"{citation.File}: {citation.Document}, \"{citation.Heading}\""),
            Is.Empty);
    }

    [Test]
    public void What_the_document_of_interoperability_names_as_proof_is_a_test()
    {
        var named = Proof().Matches(File.ReadAllText(Repository.PathOf(Interoperability))).Select(match => match.Groups["test"].Value).Distinct().ToList();
        var tests = typeof(CitationTests).Assembly.GetTypes().SelectMany(type => type.GetMethods().Where(IsTest).Select(method => $"{type.Name}.{method.Name}"));

        Assert.That(named, Is.Not.Empty);
        Assert.That(named.Except(tests), Is.Empty);
    }

    [Test]
    public void Each_heading_of_the_document_of_interoperability_names_its_proof()
    {
        var sections = File.ReadAllText(Repository.PathOf(Interoperability)).Split("\n### ")[1..];

        Assert.That(sections, Has.Length.GreaterThan(50));
        Assert.That(sections.Where(section => !Proof().IsMatch(section.Split("\n## ")[0])).Select(section => section.Split('\n')[0]), Is.Empty);
    }

    private static IEnumerable<FileInfo> FilesIn(DirectoryInfo folder) => folder.EnumerateFiles().Where(file => Kinds.Contains(file.Extension))
        .Concat(folder.EnumerateDirectories().Where(inner => inner.Name[0] != '.' && !NotOurs.Contains(inner.Name)).SelectMany(FilesIn));

    private static IEnumerable<(string File, Match Match)> Citations(Regex form) => Texts.SelectMany(text => form.Matches(text.Text).Select(match => (text.File, match)));

    // A decision is cited by its number, without the rest of its name.
    private static bool Exists(string path) => File.Exists(Repository.PathOf(path)) ||
        Directory.EnumerateFiles(Repository.PathOf("docs", "decisions")).Any(file => Path.GetRelativePath(Repository.Root, file).StartsWith($"{path}-", StringComparison.Ordinal));

    private static IEnumerable<string> HeadingsOf(string document) => !Exists(document) ? []
        : File.ReadLines(Repository.PathOf(document)).Where(line => line.StartsWith('#')).Select(line => line.TrimStart('#').Trim());

    private static bool IsTest(MethodInfo method) => method.GetCustomAttributes().Any(attribute => attribute is ITestBuilder or ISimpleTestBuilder);

    // A citation may go on behind the next comment's slashes.
    [GeneratedRegex(@"\s*\n\s*(///?(?=\s))?\s*")]
    private static partial Regex OneLine();

    [GeneratedRegex("""
        seed-checklist | mcp-authorization(\.md|\ \d) | \b[Ii]nterop\ Q | \bQ\d{1,2}\b | \bD-\d{2}\b | \b([Ss]ecurity|[Dd]esign)\ \d |
        (?<![\w/(.-])(design|findings|gateway|interface|interop|layout|openiddict|packages|security|seed|style)\.md\b
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"(?<![\w/.-])docs/(decisions/\d{4}\b(?!-)|[\w/-]+\.(md|sh)\b)")]
    private static partial Regex Document();

    [GeneratedRegex(@"(?<![\w/.-])(?<document>docs/[\w-]+\.md)((,| and) ""(?<heading>[^""]+)"")+")]
    private static partial Regex Section();

    [GeneratedRegex(@"`(?<test>\w+Tests\.\w+)`")]
    private static partial Regex Proof();
}
