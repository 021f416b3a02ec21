using System.Buffers;
using System.Text;

namespace McpIdentity.Migrations;

/// <summary>
/// The words of strangers, as both databases can keep them: PostgreSQL has no NUL, and UTF-8 has no half of a surrogate pair.
/// Every text that goes to a database passes here, whether it is stored or looked for.
/// </summary>
public static class StorableText
{
    private static readonly SearchValues<char> Suspects = SearchValues.Create(['\0', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    /// <returns>The text itself, or with U+FFFD for what cannot be kept.</returns>
    public static string Of(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.AsSpan().ContainsAny(Suspects))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // half a pair is enumerated as U+FFFD
        {
            clean.Append(rune.Value == 0 ? Rune.ReplacementChar.ToString() : rune.ToString());
        }

        return clean.ToString();
    }

    /// <summary>Text that is only shown: without control characters, and cut to a length, though never through a character.</summary>
    /// <returns>Null when nothing is left.</returns>
    public static string? ForDisplay(string? text, int maxLength)
    {
        var shown = new StringBuilder();
        foreach (var rune in (text ?? "").EnumerateRunes().Where(rune => !Rune.IsControl(rune)))
        {
            if (shown.Length + rune.Utf16SequenceLength > maxLength)
            {
                break;
            }

            shown.Append(rune.ToString());
        }

        return shown.ToString().Trim() is { Length: > 0 } left ? left : null;
    }

    /// <summary>Text that names somebody or something: changed or cut it would name another.</summary>
    /// <returns>Null when it cannot be kept as it is.</returns>
    public static string? ForComparison(string? text, int maxLength) =>
        text is { Length: > 0 } && text.Length <= maxLength && text.EnumerateRunes().All(rune => !Rune.IsControl(rune)) && Of(text) == text ? text : null;
}
