using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Pages;

/// <summary>How the pages look: our one style sheet, with the operator's colours in the place of the six that may change, and their logo.</summary>
internal sealed partial class StyleSheet
{
    private static readonly string Ours = ReadOurs();

    public StyleSheet(IOptions<BrandingOptions> branding, ServedImages images)
    {
        Logo = images.Serve("Branding:Logo", branding.Value.Logo);
        var (light, dark) = (Tokens(branding.Value.Colors), Tokens(branding.Value.DarkColors));
        Bytes = Encoding.UTF8.GetBytes(Token.Replace(Ours, match => light.TryGetValue(match.Groups["name"].Value, out var day) && dark.TryGetValue(match.Groups["name"].Value, out var night)
            ? $"--{match.Groups["name"].Value}: light-dark({day ?? match.Groups["light"].Value}, {night ?? match.Groups["dark"].Value})"
            : match.Value));
        Tag = Convert.ToHexStringLower(SHA256.HashData(Bytes).AsSpan(0, 8));
    }

    public byte[] Bytes { get; }

    /// <summary>The address of the organisation's logo; null where there is none.</summary>
    public string? Logo { get; }

    /// <summary>Changes with the bytes.</summary>
    public string Tag { get; }

    /// <summary>For the pages: of another release or other colours another one, so that a browser may keep what is there for long.</summary>
    public string Address => $"{Paths.StyleSheet}?{Tag}";

    /// <summary>The six colours as a page has them, the operator's or ours.</summary>
    /// <param name="colors">The operator's.</param>
    /// <param name="dark">Whether they are those of a dark page.</param>
    public static IReadOnlyDictionary<string, string> InForce(BrandingColors colors, bool dark)
    {
        var ours = Token.Matches(Ours).ToDictionary(match => match.Groups["name"].Value, match => match.Groups[dark ? "dark" : "light"].Value);
        return colors.Tokens.ToDictionary(token => token.Name, token => token.Value ?? ours[token.Name]);
    }

    private static Dictionary<string, string?> Tokens(BrandingColors colors) => colors.Tokens.ToDictionary(token => token.Name, token => token.Value);

    private static string ReadOurs()
    {
        using var reader = new StreamReader(typeof(StyleSheet).Assembly.GetManifestResourceStream("site.css")!);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"--(?<name>[a-z-]+): light-dark\((?<light>#[0-9a-f]{6}), (?<dark>#[0-9a-f]{6})\)")]
    private static partial Regex Token { get; }
}
