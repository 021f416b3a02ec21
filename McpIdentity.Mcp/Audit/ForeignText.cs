using System.Globalization;
using System.Text;

namespace McpIdentity.Mcp.Audit;

/// <summary>What strangers wrote, as it may stand in a log: it begins no line, moves no cursor, turns no text round, and has an end.</summary>
internal static class ForeignText
{
    /// <summary>How long a line of the ordinary log may be.</summary>
    public const int MaxLength = 4096;

    /// <summary>Control characters, the two separators that some readers take for a line's end, and those that change the direction of writing.</summary>
    public static bool IsRaw(char character) =>
        char.IsControl(character) || character is '\u2028' or '\u2029' or '\u061C' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    /// <summary>Whether a text is not fit for a log as it stands.</summary>
    public static bool IsRaw(string? text) => text is not null && (text.Length > MaxLength || text.Any(IsRaw));

    /// <summary>With such characters written as JSON would escape them, and cut.</summary>
    public static string Clean(string text, int maxLength = MaxLength)
    {
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
