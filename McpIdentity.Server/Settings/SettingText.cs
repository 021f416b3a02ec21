using System.Globalization;

namespace McpIdentity.Server.Settings;

/// <summary>A value as its owner meant it: without the white space that an editor or a shell left, and its host name as it travels.</summary>
internal static class SettingText
{
    // Whitespace around it says nothing to whoever reads these (Npgsql, SQLite, a URL).
    private static readonly string[] TrimmedSecrets = ["Database:Url", "Database:ConnectionString"];

    /// <summary>Cleans one value.</summary>
    /// <param name="path">Its key.</param>
    /// <param name="value">As it stands in its source.</param>
    /// <param name="problems">Where what cannot be cleaned is said.</param>
    public static string Clean(string path, string value, ConfigurationProblems problems)
    {
        var text = value.Trim();
        if (SettingsSections.IsSecret(path) && !TrimmedSecrets.Contains(path, StringComparer.OrdinalIgnoreCase))
        {
            // It may belong to the secret: what was encrypted under a key must be read with the very same.
            if (text != value)
            {
                problems.Warn($"{path} begins or ends with white space or a line break, which counts as a part of the secret. A file that was written on Windows or with echo leaves such.");
            }

            return value;
        }

        if (text.Any(char.IsControl))
        {
            problems.Add($"{path} has a line break or another control character in it. Write it on one line.");
        }

        return text.All(char.IsAscii) ? text
            : path.Contains("AllowedHosts", StringComparison.OrdinalIgnoreCase) ? AsciiHost(text) ?? text
            : AsciiUrl(text);
    }

    // RFC 3490: browsers and HTTP libraries send a name with umlauts as xn--…, and compare with that.
    private static string AsciiUrl(string text)
    {
        var start = text.IndexOf("://", StringComparison.Ordinal) + 3;
        if (start < 3 || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0)
        {
            return text;
        }

        var end = text.AsSpan(start).IndexOfAny("/?#:");
        end = end < 0 ? text.Length : start + end;
        return AsciiHost(text[start..end]) is { } host ? text[..start] + host + text[end..] : text;
    }

    private static string? AsciiHost(string host)
    {
        var wildcard = host.StartsWith("*.", StringComparison.Ordinal) ? "*." : "";
        try
        {
            return wildcard + new IdnMapping().GetAscii(host[wildcard.Length..]).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return null; // its own rule says what is wrong
        }
    }
}
