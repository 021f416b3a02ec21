using System.Text.RegularExpressions;

namespace McpIdentity.Mcp;

/// <summary>
/// Whether a secret could have been made at random. A guess at how many bits of it a guesser would have to find: what is
/// repeated, runs along the alphabet or the keyboard, or reads like words counts for little. It errs on the side of the
/// secret: a random one of the least length passes, but for one in some 14,000 that looks regular by chance.
/// </summary>
internal static partial class SecretStrength
{
    /// <summary>What keys that are attacked without asking us must have: 32 random hexadecimal digits have 128, 32 decimal ones 106.</summary>
    public const int KeyBits = 90;

    /// <summary>What secrets that are only tried at our endpoints, under their limits, must have: 16 random hexadecimal digits have 64.</summary>
    public const int PasswordBits = 48;

    // A pattern costs its guesser to name it, its place and its length.
    private const double PatternBits = 8;
    // What Shannon measured of English, with the spaces between its words.
    private const double BitsInWords = 1.5;

    private const string Between = " -_.,'";
    private const string Leet = "013457@$!";
    private const string LeetLetters = "oieastasi";

    private static readonly string[] Keyboard =
    [
        "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "!@#$%^&*()",
    ];

    // Two of three pairs of letters in English are among these, and one in five of random ones.
    private static readonly HashSet<string> CommonPairs =
    [
        .. ("th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si ar ve ra ld ur ro ri io ne me li ic co ma ll be us " +
            "la ch ce om ta ss ec ns un no ee ho di tr em ac pr wi ca ly pe do so ad wa ke rs fo ge lo su tu po ge mo ay il ut ot ow na ol sh wh id ke pa ey am " +
            "ck rd ct bo ba fi da ev ex ag mp ph ry op ir im ul pl sw rt bu ty vi oo up ig rn ga rm bl ie cl fr av ap rk wn ok ki ks gi gr gh iv ff pt").Split(' '),
    ];

    /// <summary>Whether a guesser would find it before the bits are over.</summary>
    public static bool IsWeak(string secret, int bits) => IsSample(secret) || EstimateBits(secret) < bits;

    /// <summary>Whether it is what a guide prints where a secret belongs.</summary>
    public static bool IsSample(string secret) => Sample.IsMatch(secret);

    /// <summary>How many bits a guesser must find, at most.</summary>
    public static double EstimateBits(string secret)
    {
        var text = secret.ToLowerInvariant();
        var (bitsOfCharacter, inWords) = (BitsOfCharacter(secret), ReadsLikeWords(secret));
        var bits = 0.0;
        for (var i = 0; i < text.Length;)
        {
            var bitsHere = inWords && (char.IsAsciiLetter(text[i]) || Between.Contains(text[i]) || Leet.Contains(text[i])) ? BitsInWords : bitsOfCharacter;
            var pattern = Math.Max(Math.Max(RunAt(text, i, 1), RunAt(text, i, 2)), Math.Max(RepetitionAt(text, i), KeysAt(text, i)));
            bits += pattern >= 4 ? Math.Min(PatternBits, pattern * bitsHere) : bitsHere;
            i += pattern >= 4 ? pattern : 1;
        }

        return bits;
    }

    private static double BitsOfCharacter(string secret)
    {
        var symbols = secret.All(char.IsAsciiHexDigitLower) || secret.All(char.IsAsciiHexDigitUpper)
            ? secret.All(char.IsAsciiDigit) ? 10 : 16
            : (secret.Any(char.IsAsciiDigit) ? 10 : 0) + (secret.Any(char.IsAsciiLetterLower) ? 26 : 0) + (secret.Any(char.IsAsciiLetterUpper) ? 26 : 0) +
              (secret.Any(character => !char.IsAsciiLetterOrDigit(character)) ? 20 : 0);
        return Math.Log2(Math.Max(symbols, 2));
    }

    // 4567, dcba, aaaa; with a step of 2 places, a1b2c3d4 and 0a0a0a.
    private static int RunAt(string text, int start, int places)
    {
        var end = start + places;
        while (end < text.Length && Math.Abs(text[end] - text[end - places]) <= 1 &&
            (end < start + (2 * places) || text[end] - text[end - places] == text[end - places] - text[end - (2 * places)]))
        {
            end++;
        }

        // Every second character near the one before happens by chance more often.
        return end - start >= (places == 1 ? 4 : 7) ? end - start : 0;
    }

    // What stood in it before already: the longest such piece.
    private static int RepetitionAt(string text, int start)
    {
        var longest = 0;
        for (var earlier = 0; earlier < start; earlier++)
        {
            var length = 0;
            while (start + length < text.Length && text[earlier + length] == text[start + length])
            {
                length++;
            }

            longest = Math.Max(longest, length);
        }

        return longest;
    }

    private static int KeysAt(string text, int start)
    {
        var longest = 0;
        foreach (var row in Keyboard)
        {
            foreach (var step in (int[])[1, -1])
            {
                var key = row.IndexOf(text[start], StringComparison.Ordinal);
                var length = key < 0 ? 0 : 1;
                while (length > 0 && start + length < text.Length && key + (step * length) is var next && next >= 0 && next < row.Length && row[next] == text[start + length])
                {
                    length++;
                }

                longest = Math.Max(longest, length);
            }
        }

        return longest;
    }

    // Whether most letters stand beside those that they stand beside in English, also with 0 for o and 3 for e.
    private static bool ReadsLikeWords(string secret)
    {
        var core = secret.Where(character => !Between.Contains(character)).ToList();
        if (core.Count(char.IsAsciiLetter) < core.Count * 0.65 || core.TrueForAll(char.IsAsciiHexDigit))
        {
            return false;
        }

        var (pairs, common, hasLeet) = (0, 0, false);
        for (var i = 0; i + 1 < secret.Length; i++)
        {
            var (one, next) = (LetterAt(secret, i), LetterAt(secret, i + 1));
            if (char.IsAsciiLetter(one) && char.IsAsciiLetter(next))
            {
                pairs++;
                hasLeet |= one != char.ToLowerInvariant(secret[i]) || next != char.ToLowerInvariant(secret[i + 1]);
                // A capital within a word is no sign of one.
                common += CommonPairs.Contains($"{one}{next}") && !(char.IsAsciiLetterLower(secret[i]) && char.IsAsciiLetterUpper(secret[i + 1])) ? 1 : 0;
            }
        }

        return pairs >= 8 && common >= pairs * (0.5 + (hasLeet ? 0.1 : 0) + (pairs < 20 ? 0.08 : 0));
    }

    private static char LetterAt(string secret, int i)
    {
        var isWithin = i > 0 && i + 1 < secret.Length && char.IsAsciiLetter(secret[i - 1]) && char.IsAsciiLetter(secret[i + 1]);
        return isWithin && Leet.IndexOf(secret[i], StringComparison.Ordinal) is var digit and >= 0 ? LeetLetters[digit] : char.ToLowerInvariant(secret[i]);
    }

    // What guides print in the place of a secret, this project's own among them.
    [GeneratedRegex("^<|^your[-_ ]|change[-_ ]?(me|this|it)|placeholder|^from[-_ ]|[-_ ](required|here)!*$|^(dev|test|example|sample|dummy)[-_ ]|^x{4,}|^[.…*]+$|replace[-_ ]?(me|this|with)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Sample { get; }
}
