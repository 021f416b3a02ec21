using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace McpIdentity.Server.Clients;

/// <summary>
/// What a client calls itself, as far as a page may repeat it: letters, digits and punctuation that a person can see. No check
/// marks, seals or other symbols that a page might use for its own words, nothing invisible, nothing that turns the text around.
/// </summary>
internal static class ClientNames
{
    /// <summary>What of a name stands on a page.</summary>
    public const int MaxShown = 80;

    private const int FractionSlash = 0x2044;

    // Zalgo: no script stacks more marks than that on one letter.
    private const int MaxMarks = 3;

    // Letters, marks and punctuation by their category; blank or a check mark to the eye.
    private static readonly FrozenSet<int> Unseen = new[]
    {
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0, 0x10100, 0x10101, 0x10102, 0x16FE4,
    }.Concat(Enumerable.Range(0xFE00, 16)).Concat(Enumerable.Range(0xE0100, 240)).ToFrozenSet();

    private static readonly FrozenDictionary<int, string> CompatibilityForms = UnicodeTable.Lines("CompatibilityForms.txt")
        .SelectMany(line => line.Split(' '))
        .Select(form => form.Split('='))
        .ToFrozenDictionary(
            form => UnicodeTable.Hex(form[0]),
            form => string.Concat(form[1].Split('+').Select(code => new Rune(UnicodeTable.Hex(code)))));

    /// <returns>The name in its plain form; null when there is no letter and no digit in it.</returns>
    public static string? Clean(string? name)
    {
        if (string.IsNullOrEmpty(name))
        {
            return null;
        }

        var clean = new StringBuilder(name.Length);
        var (marks, isPastSpace) = (MaxMarks, false);
        foreach (var rune in Fold(name).EnumerateRunes())
        {
            var kind = KindOf(rune);
            if (kind == Kind.Space)
            {
                (isPastSpace, marks) = (clean.Length > 0, MaxMarks);
            }
            else if (kind == Kind.Text || (kind == Kind.Mark && marks++ < MaxMarks))
            {
                marks = kind == Kind.Text ? 0 : marks;
                clean.Append(isPastSpace ? " " : "").Append(rune);
                isPastSpace = false;
            }
        }

        var text = clean.ToString();
        return text.EnumerateRunes().Any(Rune.IsLetterOrDigit) ? text : null;
    }

    /// <summary>Cut for a page, between letters.</summary>
    public static string Shorten(string name) =>
        new StringInfo(name) is { LengthInTextElements: > MaxShown } letters ? letters.SubstringByTextElements(0, MaxShown) + "…" : name;

    /// <summary>NFKC, one character at a time: letters of mathematics, full-width ones, ligatures, circled and small ones become plain ones.</summary>
    public static string Fold(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            folded.Append(CompatibilityForms.TryGetValue(rune.Value, out var plain) ? plain : rune.ToString());
        }

        return folded.ToString();
    }

    private static Kind KindOf(Rune rune)
    {
        if (Rune.IsWhiteSpace(rune))
        {
            return Kind.Space;
        }

        if (Unseen.Contains(rune.Value))
        {
            return Kind.None;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned => Kind.None,
            UnicodeCategory.OtherSymbol or UnicodeCategory.EnclosingMark => Kind.None,
            // "C++" is a name, "√" a check mark; of "½" NFKC makes "1⁄2".
            UnicodeCategory.MathSymbol or UnicodeCategory.ModifierSymbol when !rune.IsAscii && rune.Value != FractionSlash => Kind.None,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark => Kind.Mark,
            _ => Kind.Text,
        };
    }

    private enum Kind
    {
        None,
        Space,
        Mark,
        Text,
    }
}
