using System.Buffers;
using System.Globalization;
using System.Text;

namespace McpIdentity.Mcp.Audit;

/// <summary>What strangers wrote, as it may stand in a log: it begins no line, moves no cursor, turns no text round, and has an end.</summary>
internal static class ForeignText
{
    /// <summary>How long a line of the ordinary log may be.</summary>
    public const int MaxLength = 4096;

    // Control characters, the two separators that some readers take for a line's end, and those that change the direction of writing.
    private static readonly SearchValues<char> Raw = SearchValues.Create(
        [.. Enumerable.Range(0, 0xA0).Select(code => (char)code).Where(char.IsControl), .. "\u2028\u2029\u061C\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069"]);

    /// <summary>Whether a character moves more than the cursor by one.</summary>
    public static bool IsRaw(char character) => Raw.Contains(character);

    /// <summary>Whether a text is not fit for a log as it stands. Asked for every line of the log.</summary>
    public static bool IsRaw(string? text) => text is not null && (text.Length > MaxLength || text.AsSpan().ContainsAny(Raw));

    /// <summary>With such characters written as JSON would escape them, and cut.</summary>
    public static string Clean(string text, int maxLength = MaxLength)
    {
        if (text.Length <= maxLength && !IsRaw(text))
        {
            return text;
        }

        var clean = new StringBuilder(Math.Min(text.Length, maxLength) + 16);
        foreach (var character in text.AsSpan(0, Math.Min(text.Length, maxLength)))
        {
            _ = character switch
            {
                '\n' => clean.Append("\\n"),
                '\r' => clean.Append("\\r"),
                '\t' => clean.Append("\\t"),
                _ when IsRaw(character) => clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}"),
                _ => clean.Append(character),
            };
        }

        return text.Length <= maxLength ? clean.ToString() : clean.Append(CultureInfo.InvariantCulture, $"… ({text.Length} characters)").ToString();
    }
}
