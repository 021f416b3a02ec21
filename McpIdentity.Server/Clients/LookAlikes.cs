using System.Collections.Frozen;
using System.Text;

namespace McpIdentity.Server.Clients;

/// <summary>Which names look the same to a person (Unicode Technical Standard #39, "Confusable Detection").</summary>
internal static class LookAlikes
{
    private static readonly FrozenDictionary<int, char> Letters = UnicodeTable.Lines("LookAlikes.txt")
        .Select(line => line.Split(' '))
        .SelectMany(line => line.Skip(1).Select(code => KeyValuePair.Create(UnicodeTable.Hex(code), line[0][0])))
        .ToFrozenDictionary();

    /// <summary>Two texts with the same skeleton look alike. Only letters and digits count, so that <c>C.l a-u_d e</c> is no other name.</summary>
    public static string SkeletonOf(string text)
    {
        var skeleton = new StringBuilder(text.Length);
        foreach (var rune in ClientNames.Fold(text).EnumerateRunes())
        {
            var letter = Letters.TryGetValue(rune.Value, out var latin) ? new Rune(latin) : Rune.ToLowerInvariant(rune);
            if (Rune.IsLetterOrDigit(letter) || letter.Value is '|' or '!' or '@' or '$')
            {
                skeleton.Append(Plain(letter));
            }
        }

        return skeleton.Replace("rn", "m").Replace("vv", "w").ToString();
    }

    // The letters that are written for one another where the other is taken.
    private static string Plain(Rune letter) => letter.Value switch
    {
        'i' or '1' or '|' or '!' => "l",
        '0' => "o",
        '3' => "e",
        '4' or '@' => "a",
        '5' or '$' => "s",
        '7' => "t",
        '8' => "b",
        _ => letter.ToString(),
    };
}
