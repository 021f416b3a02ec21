using System.Text.RegularExpressions;

namespace McpIdentity.Tests.Support;

/// <summary>
/// A fenced block of commands in one of our documents. What stands behind the language says how it is tried:
/// <list type="bullet">
/// <item><c>```sh</c>: a test runs it against a fresh server</item>
/// <item><c>```sh status=401</c>: its curl commands are answered with that status</item>
/// <item><c>```sh Mcp:Auth:AuthType=both</c>: with this setting of the server</item>
/// <item><c>```sh run-by: DemoTests</c>: the tests of that class run it</item>
/// <item><c>```sh not-run: needs ngrok</c>: nobody runs it, for that reason</item>
/// </list>
/// </summary>
internal sealed partial record ShellBlock(string File, int Line, string Marks, string Text)
{
    /// <summary>Every block of the README, of <c>docs/</c> and of the examples.</summary>
    public static IReadOnlyList<ShellBlock> All { get; } = [.. Documents().SelectMany(In)];

    /// <summary>Blocks without a language, or without a fence, that hold a command all the same.</summary>
    public static IEnumerable<string> Unmarked => Documents().SelectMany(file =>
    {
        var text = System.IO.File.ReadAllText(Repository.PathOf(file)).ReplaceLineEndings("\n");
        return UnmarkedCommand().Matches(text).Concat(IndentedCommand().Matches(AnyFence().Replace(text, ""))).Select(match => $"{file}: {match.Groups["command"].Value}");
    });

    public string? RunBy => Mark("run-by:");

    public string? NotRunBecause => Mark("not-run:");

    /// <summary>The status that its curl commands expect; null for any success.</summary>
    public string? Status => Words.FirstOrDefault(word => word.StartsWith("status=", StringComparison.Ordinal))?["status=".Length..];

    /// <summary><c>Section:Key=value</c>.</summary>
    public string[] Settings => [.. Words.Where(word => word.Contains(':') && word.Contains('='))];

    /// <summary>One command a line; continued lines are joined, comments and blank lines left out.</summary>
    public IEnumerable<string> Commands => Text.Replace("\\\n", " ", StringComparison.Ordinal)
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => line[0] != '#');

    private IEnumerable<string> Words => RunBy is null && NotRunBecause is null ? Marks.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];

    public static IEnumerable<ShellBlock> In(string file)
    {
        var text = System.IO.File.ReadAllText(Repository.PathOf(file)).ReplaceLineEndings("\n");
        return Fence().Matches(text).Select(match => new ShellBlock(
            file, text.AsSpan(0, match.Index).Count('\n') + 1, match.Groups["marks"].Value.Trim(), match.Groups["text"].Value.TrimEnd('\n')));
    }

    public override string ToString() => $"{File}:{Line}";

    private string? Mark(string name) => Marks.StartsWith(name, StringComparison.Ordinal) ? Marks[name.Length..].Trim() : null;

    private static IEnumerable<string> Documents() => new[] { "docs", "examples" }
        .SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*.md", SearchOption.AllDirectories))
        .Select(path => Path.GetRelativePath(Repository.Root, path))
        .Order(StringComparer.Ordinal).Prepend("README.md");

    [GeneratedRegex(@"^ *```\n(?<command>(?:dotnet|curl|npm|npx|docker|openssl|\./)[^\n]*)", RegexOptions.Multiline)]
    private static partial Regex UnmarkedCommand();

    [GeneratedRegex(@"^ {4,}(?<command>(?:dotnet|curl|npm|npx|docker|openssl|psql|\./)[^\n]*)", RegexOptions.Multiline)]
    private static partial Regex IndentedCommand();

    [GeneratedRegex(@"^ *```.*?^ *```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex AnyFence();

    [GeneratedRegex(@"^ *```(?:sh|bash|shell|console)(?<marks>[^\n]*)\n(?<text>.*?)\n *```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fence();
}
