using System.Globalization;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Pages;

/// <summary>Refuses a name that is none, addresses that lead nowhere, and colours that nobody can read.</summary>
internal sealed class BrandingRules : IValidateOptions<BrandingOptions>
{
    private const int MaxName = 60;
    private const double Readable = 4.5; // WCAG 2.2, 1.4.3

    // Text and what is behind it: links stand on the paper, and the footer's on the ground.
    private static readonly (string Text, string Behind)[] Pairs = [("ink", "paper"), ("ink", "ground"), ("accent", "paper"), ("accent", "ground"), ("on-accent", "accent")];

    public ValidateOptionsResult Validate(string? name, BrandingOptions options)
    {
        string[] problems =
        [
            .. CheckName(options.Name), .. CheckLogo(options.Logo), .. CheckAddress(nameof(options.HelpUrl), options.HelpUrl, mail: true), .. CheckAddress(nameof(options.PrivacyUrl), options.PrivacyUrl, mail: false),
            .. CheckColors(nameof(options.Colors), options.Colors, dark: false), .. CheckColors(nameof(options.DarkColors), options.DarkColors, dark: true),
        ];
        return problems.Length > 0 ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> CheckName(string name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > MaxName || name.Any(char.IsControl))
        {
            yield return $"Branding:Name is what stands at the head of every page: one line of {MaxName} characters at most.";
        }
    }

    private static IEnumerable<string> CheckLogo(string? logo)
    {
        if (!string.IsNullOrEmpty(logo) && ServedImage.Read("Branding:Logo", logo, out _) is { } problem)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> CheckAddress(string setting, string? address, bool mail)
    {
        if (address is not null && !(Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (mail && uri.Scheme == Uri.UriSchemeMailto))))
        {
            yield return $"Branding:{setting} has '{address}', which is no https address{(mail ? " and no mailto: either" : "")}.";
        }
    }

    private static IEnumerable<string> CheckColors(string setting, BrandingColors colors, bool dark)
    {
        var wrong = colors.Tokens.Where(token => token.Value is not null && !IsColor(token.Value)).ToList();
        foreach (var (token, value) in wrong)
        {
            yield return $"Branding:{setting} has '{value}' for {token}, which is no colour such as #0b57d0.";
        }

        if (wrong.Count > 0 || colors.Tokens.All(token => token.Value is null))
        {
            yield break;
        }

        var used = StyleSheet.InForce(colors, dark);
        foreach (var (text, behind) in Pairs)
        {
            var contrast = Contrast(used[text], used[behind]);
            if (contrast < Readable)
            {
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"Branding:{setting}: {text} ({used[text]}) on {behind} ({used[behind]}) has a contrast of {contrast:0.0}; text that everybody can read has {Readable} or more (WCAG 2.2, 1.4.3).");
            }
        }
    }

    private static bool IsColor(string value) => value is ['#', _, _, _, _, _, _] && value.Skip(1).All(char.IsAsciiHexDigit);

    private static double Contrast(string one, string other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    // WCAG 2.2, "relative luminance".
    private static double Luminance(string color)
    {
        double Channel(int at)
        {
            var value = int.Parse(color.AsSpan(at, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Channel(1)) + (0.7152 * Channel(3)) + (0.0722 * Channel(5));
    }
}
