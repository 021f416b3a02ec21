namespace McpIdentity.Tests.Support;

/// <summary>What somebody else has changed: a token, a ticket, the sealed name of a session.</summary>
internal static class Alteration
{
    /// <summary>
    /// The same text but for one character, which is another one for certain: a character that is merely put there was there before once
    /// in 64 runs, and the last one of base64url carries as few as two bits of six (RFC 4648 §3.5).
    /// </summary>
    /// <param name="text">Base64url, or what ends with it.</param>
    /// <param name="at">Where; by default the fourth from its end, which counts in full and is of a JWT's signature.</param>
    public static string Altered(this string text, int? at = null)
    {
        var place = at ?? text.Length - 4;
        return text[..place] + (text[place] == 'A' ? 'B' : 'A') + text[(place + 1)..];
    }
}
