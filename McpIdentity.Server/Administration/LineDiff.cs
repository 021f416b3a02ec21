namespace McpIdentity.Server.Administration;

/// <summary>What has changed between two texts, line by line: <c>-</c> before a line that is gone, <c>+</c> before one that is there now.</summary>
internal static class LineDiff
{
    // The table below has a cell for each pair of lines.
    private const int MaxLines = 1000;

    public static IEnumerable<string> Of(string before, string after)
    {
        var (one, other) = (LinesOf(before), LinesOf(after));
        // The longest common lines of what is left, from each place on.
        var common = new int[one.Length + 1, other.Length + 1];
        for (var i = one.Length - 1; i >= 0; i--)
        {
            for (var j = other.Length - 1; j >= 0; j--)
            {
                common[i, j] = one[i] == other[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        for (int i = 0, j = 0; i < one.Length || j < other.Length;)
        {
            if (i < one.Length && j < other.Length && one[i] == other[j])
            {
                yield return $"  {one[i]}";
                (i, j) = (i + 1, j + 1);
            }
            else if (j == other.Length || (i < one.Length && common[i + 1, j] >= common[i, j + 1]))
            {
                yield return $"- {one[i++]}";
            }
            else
            {
                yield return $"+ {other[j++]}";
            }
        }
    }

    private static string[] LinesOf(string text) => text.Length == 0 ? [] : [.. text.ReplaceLineEndings("\n").Split('\n').Take(MaxLines)];
}
