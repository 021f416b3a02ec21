using System.Globalization;
using System.Text.RegularExpressions;

namespace McpIdentity.Server.Settings;

/// <summary>
/// Time spans as people write them, where everybody reads the same: <c>01:30:00</c>, <c>7.00:00:00</c>, <c>90m</c>,
/// <c>1h30m</c>, and a bare number of seconds. .NET reads <c>24:00:00</c> as 24 days and <c>90:00</c> as hours and minutes.
/// </summary>
internal static partial class Durations
{
    /// <summary>Beyond it nobody means it, and dates that are reckoned from it would leave the calendar.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(3650);

    /// <summary>What to write, for the message of a refusal.</summary>
    public const string Forms = "01:30:00 (hours, minutes, seconds), 7.00:00:00 (days before them), 90s, 30m, 12h, 7d, or a number of seconds, up to ten years";

    /// <returns>Null where it is none, or where two people would read two different times.</returns>
    public static TimeSpan? Parse(string text)
    {
        if (Clock.Match(text) is { Success: true } clock)
        {
            return Sum(clock, fraction: clock.Groups["f"].Value);
        }

        return Units.Match(text) is { Success: true, Length: > 0 } units ? Sum(units, fraction: "") : null;
    }

    private static TimeSpan? Sum(Match match, string fraction)
    {
        var seconds = 0L;
        foreach (var (name, factor) in new[] { ("d", 86_400L), ("h", 3600), ("m", 60), ("s", 1) })
        {
            var digits = match.Groups[name].Value.TrimStart('0');
            // A number of so many digits is beyond the limit in any unit.
            if (digits.Length > 10)
            {
                return null;
            }

            seconds += digits.Length == 0 ? 0 : factor * long.Parse(digits, CultureInfo.InvariantCulture);
        }

        var ticks = fraction.Length == 0 ? 0 : long.Parse(fraction.PadRight(7, '0'), CultureInfo.InvariantCulture);
        return seconds <= Longest.TotalSeconds ? TimeSpan.FromSeconds(seconds) + TimeSpan.FromTicks(ticks) : null;
    }

    [GeneratedRegex(@"^((?<d>\d+)\.)?(?<h>[01]?\d|2[0-3]):(?<m>[0-5]\d):(?<s>[0-5]\d)(\.(?<f>\d{1,7}))?$", RegexOptions.CultureInvariant)]
    private static partial Regex Clock { get; }

    [GeneratedRegex(@"^(?<s>\d+)$|^((?<d>\d+)d)?((?<h>\d+)h)?((?<m>\d+)m)?((?<s>\d+)s)?$", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Units { get; }
}
