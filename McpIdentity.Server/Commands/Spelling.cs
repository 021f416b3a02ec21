using System.CommandLine;

namespace McpIdentity.Server.Commands;

/// <summary>What somebody may have meant who wrote an option that a verb does not have.</summary>
internal static class Spelling
{
    private const int Farthest = 3;

    /// <returns>A sentence with a space before it, or nothing.</returns>
    public static string Suggest(string written, Command verb)
    {
        var name = written.Split('=')[0];
        var near = verb.Options.SelectMany(option => option.Aliases.Append(option.Name)).Where(alias => alias.StartsWith("--", StringComparison.Ordinal))
            .Select(alias => (alias, Distance: Distance(name, alias))).Where(option => option.Distance <= Farthest).OrderBy(option => option.Distance).Select(option => option.alias).FirstOrDefault();
        return near is null ? "" : $" Did you mean {near}?";
    }

    // Levenshtein's, row by row.
    private static int Distance(string one, string other)
    {
        var before = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var row = new int[other.Length + 1];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                row[j] = Math.Min(Math.Min(row[j - 1], before[j]) + 1, before[j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1));
            }

            before = row;
        }

        return before[^1];
    }
}
