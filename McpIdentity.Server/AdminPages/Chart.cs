using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Html;

namespace McpIdentity.Server.AdminPages;

/// <summary>
/// What was counted over time, as bars that the server draws: no script, and the same numbers as a table below, for who cannot see
/// the picture or wants the figures.
/// </summary>
/// <param name="Title">What is counted.</param>
/// <param name="Unit">How long one bar is: <c>hour</c>.</param>
/// <param name="Series">One a kind, each with a value for every moment.</param>
/// <param name="Moments">When each bar begins.</param>
internal sealed record Chart(string Title, string Unit, IReadOnlyList<DateTimeOffset> Moments, IReadOnlyList<Chart.Line> Series)
{
    private const int Width = 640;
    private const int Height = 160;
    private const int Left = 44;
    private const int Bottom = 20;
    private const int Top = 8;
    private const int Steps = 4;

    /// <summary>One kind of what is counted.</summary>
    public sealed record Line(string Name, IReadOnlyList<long> Values);

    /// <summary>The highest bar: of one moment all kinds stand on each other.</summary>
    private long Highest => Math.Max(1, Enumerable.Range(0, Moments.Count).Select(i => Series.Sum(line => line.Values[i])).DefaultIfEmpty(1).Max());

    /// <summary>The picture; what it says is in its title and description too (SVG 2 §5.8).</summary>
    public IHtmlContent Draw()
    {
        var svg = new StringBuilder();
        var top = RoundUp(Highest);
        Add(svg, $"<svg class=\"chart\" viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(Summary)}\">");
        for (var i = 0; i <= Steps; i++)
        {
            var (value, y) = (top * i / Steps, YOf(top * i / Steps, top));
            Add(svg, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width}\" y1=\"{y}\" y2=\"{y}\"/><text x=\"{Left - 6}\" y=\"{y + 4}\" text-anchor=\"end\">{Short(value)}</text>");
        }

        // One path a kind: a page with some charts stays small.
        var step = (Width - Left) / (double)Math.Max(1, Moments.Count);
        var below = new long[Moments.Count];
        for (var s = 0; s < Series.Count; s++)
        {
            Add(svg, $"<path class=\"series-{s}\" d=\"");
            for (var i = 0; i < Moments.Count; i++)
            {
                if (Series[s].Values[i] is > 0 and var value)
                {
                    var (y, foot) = (YOf(below[i] + value, top), YOf(below[i], top));
                    Add(svg, $"M{Left + (i * step) + 1:0.#} {foot:0.#}v{-Math.Max(1, foot - y):0.#}h{Math.Max(1, step - 2):0.#}v{Math.Max(1, foot - y):0.#}z");
                    below[i] += value;
                }
            }

            svg.Append("\"/>");
        }

        for (var i = 0; i < Moments.Count; i += Math.Max(1, Moments.Count / 6))
        {
            Add(svg, $"<text x=\"{Left + (i * step):0.#}\" y=\"{Height - 4}\">{Encode(Label(Moments[i]))}</text>");
        }

        svg.Append("</svg>");
        return new HtmlString(svg.ToString());
    }

    /// <summary>What the picture shows, in a sentence.</summary>
    public string Summary => $"{Title} by {Unit}: {string.Join(", ", Series.Select(line => string.Create(CultureInfo.InvariantCulture, $"{line.Values.Sum()} {line.Name}")))}";

    public string Label(DateTimeOffset moment) => moment.UtcDateTime.ToString(Unit == "day" ? "MM-dd" : "HH:mm", CultureInfo.InvariantCulture);

    private static double YOf(double value, long top) => Height - Bottom - (value / top * (Height - Bottom - Top));

    // 1, 2 or 5 times a power of ten, so that the lines are at round numbers.
    private static long RoundUp(long value)
    {
        var power = (long)Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, 4))));
        var rounded = ((long[])[1, 2, 5, 10]).Select(factor => factor * power).First(round => round >= value);
        return Math.Max(Steps, rounded);
    }

    private static string Short(long value) => value switch
    {
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{value / 1_000_000.0:0.#}M"),
        >= 1_000 => string.Create(CultureInfo.InvariantCulture, $"{value / 1_000.0:0.#}k"),
        _ => value.ToString(CultureInfo.InvariantCulture),
    };

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);

    private static void Add(StringBuilder svg, FormattableString part) => svg.Append(FormattableString.Invariant(part));
}
