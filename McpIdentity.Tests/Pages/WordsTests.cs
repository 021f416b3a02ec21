using System.Reflection;
using System.Text.RegularExpressions;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Pages;

/// <summary>Every text of the pages in every language of theirs: what has no translation would stand there in English.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class WordsTests
{
    private static readonly string Server = Repository.PathOf("McpIdentity.Server");
    private static readonly Lazy<string> Sources = new(ReadSources);
    private static readonly Lazy<HashSet<string>> Texts = new(() => [.. OfFiles().Concat(OfErrors()).Where(text => Letter.IsMatch(Placeholder.Replace(text, "")))]);

    // In files that have texts for people too: of the security log, and a command to be copied.
    private static readonly string[] ForPrograms = ["only these tools: {0}", "claude mcp add --transport http mcpidentity {0}", "signed in with {0}", "{0} by {1}: {2}"];

    // The console is in English (docs/console.md), and so is what operators hear; what is kept there with its parts are statements.
    private static readonly string[] WithoutLanguages = ["AdminPages", "Administration", "Persistence"];

    private static IEnumerable<string> Languages => PageLanguage.All.Except(["en"]);

    [TestCaseSource(nameof(Languages))]
    public void Every_text_has_a_translation(string language) =>
        Assert.That(string.Join("\n", Texts.Value.Except(TranslationsOf(language).Select(line => line.Text)).Order()), Is.Empty);

    [TestCaseSource(nameof(Languages))]
    public void No_translation_is_of_a_text_that_is_gone(string language) =>
        Assert.That(TranslationsOf(language).Select(line => line.Text).Where(text => !IsWritten(text)), Is.Empty);

    [TestCaseSource(nameof(Languages))]
    public void A_translation_says_what_the_text_says_once_and_with_every_part_of_it(string language)
    {
        var lines = TranslationsOf(language).ToList();

        Assert.That(lines.GroupBy(line => line.Text).Where(group => group.Count() > 1).Select(group => group.Key), Is.Empty, "twice");
        using (Assert.EnterMultipleScope())
        {
            foreach (var (text, translation) in lines)
            {
                Assert.That(PartsOf(translation), Is.EquivalentTo(PartsOf(text)), translation);
                Assert.That(translation, Is.Not.Empty.And.Not.EqualTo(text).Or.Matches("^[A-Z]{0,3}$|MCP|JSON|Status"), translation);
                Assert.That(translation, Does.Not.Contain("<").And.Not.Contain("&"), "a translation is text");
            }
        }
    }

    private static IEnumerable<(string Text, string Translation)> TranslationsOf(string language) =>
        File.ReadLines(Path.Combine(Server, "Pages", $"Words.{language}.restext"))
            .Where(line => line.Length > 0 && line[0] is not ';')
            .Select(line => line.Split('=', 2)).Select(parts => (parts[0], parts[1]));

    private static string[] PartsOf(string text) => [.. Placeholder.Matches(text).Select(match => match.Value).Distinct()];

    // In pages and models; and what a model keeps as a FormattableString, to be said where it is shown.
    private static IEnumerable<string> OfFiles() => Indexed.Matches(Sources.Value).Select(match => match.Groups["text"].Value)
        .Concat(Files().Where(file => !WithoutLanguages.Contains(RoomOf(file))).Select(File.ReadAllText).Where(source => Keeps.IsMatch(source)).SelectMany(source => Interpolated.Matches(source))
            .Select(match => Numbered(match.Groups["text"].Value)).Where(text => text.Contains(' ') && !text.Contains('<')).Except(ForPrograms));

    // {provider.DisplayName} becomes {0}, as the compiler has it.
    private static string Numbered(string text)
    {
        var number = 0;
        return Hole.Replace(text, _ => $"{{{number++}}}");
    }

    // As a text with numbers in it or with expressions in their place: {0} or {provider.DisplayName}.
    private static bool IsWritten(string text) =>
        Regex.IsMatch(Sources.Value, "\"" + string.Join(@"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", Placeholder.Split(text).Select(Regex.Escape)) + "\"");

    private static string ReadSources() => string.Join('\n', Files().Select(File.ReadAllText));

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Server, "*.cs*", SearchOption.AllDirectories)
        .Where(file => RoomOf(file) is not ("obj" or "bin"));

    private static string RoomOf(string file) => Path.GetRelativePath(Server, file).Split(Path.DirectorySeparatorChar)[0];

    // The errors that people are shown, each of its ways of saying it.
    private static IEnumerable<string> OfErrors()
    {
        var provider = new UpstreamProvider("example", "oidc", new UpstreamProviderOptions { DisplayName = "Example" });
        foreach (var type in new[] { typeof(PersonError), typeof(SignInFailure) })
        {
            var fields = type.GetFields(BindingFlags.Static | BindingFlags.Public).Select(field => field.GetValue(null)).OfType<PersonError>();
            var made = type.GetMethods(BindingFlags.Static | BindingFlags.Public).Where(method => method.ReturnType == typeof(PersonError) && method.Name[0] is not '<')
                .SelectMany(method => new[] { true, false }.Select(choice => (PersonError)method.Invoke(null, [.. method.GetParameters().Select(parameter => Value(parameter, choice, provider))])!));
            foreach (var error in fields.Concat(made))
            {
                yield return error.Title.Format;
                yield return error.WhatHappened.Format;
                yield return error.WhatToDo.Format;
            }
        }
    }

    private static object? Value(ParameterInfo parameter, bool choice, UpstreamProvider provider) => parameter.ParameterType switch
    {
        var type when type == typeof(bool) => choice,
        var type when type == typeof(int) => 5,
        var type when type == typeof(UpstreamProvider) => provider,
        var type when type == typeof(string) => parameter.Name == "description" ? null : "example",
        _ => null,
    };

    [GeneratedRegex("""Words\["(?<text>(?:[^"\\]|\\.)*)"[,\]]""")]
    private static partial Regex Indexed { get; }

    [GeneratedRegex(@"FormattableString|ContinuePage\(")]
    private static partial Regex Keeps { get; }

    [GeneratedRegex("""\$"(?<text>(?:[^"\\{]|\\.|\{(?:[^{}"]|"[^"]*"|\{[^{}]*\})*\})*)["]""")]
    private static partial Regex Interpolated { get; }

    [GeneratedRegex(@"\{(?:[^{}]|\{[^{}]*\})*\}")]
    private static partial Regex Hole { get; }

    [GeneratedRegex(@"\{\d\}")]
    private static partial Regex Placeholder { get; }

    [GeneratedRegex(@"\p{L}")]
    private static partial Regex Letter { get; }
}
