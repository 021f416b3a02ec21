using System.Globalization;
using System.Net;
using System.Text;

namespace McpIdentity.Bench;

/// <summary>
/// The tree of calls as an SVG: the caller above what it calls, as wide as its part of the samples, coloured by whose method it is.
/// The words of a frame are its title, which browsers show under the pointer.
/// </summary>
internal static class FlameGraph
{
    private const int Width = 1200;
    private const int RowHeight = 15;
    private const int Top = 40;
    private const double LetterWidth = 6.2;
    private const double Narrowest = 0.003;

    private static readonly (string Prefix, string Owner, string Colour)[] Owners =
    [
        ("McpIdentity.", "ours", "#f4a259"),
        ("OpenIddict.", "OpenIddict", "#8cb4e0"),
        ("Microsoft.IdentityModel.", "signatures", "#c39bd3"),
        ("System.Security.", "signatures", "#c39bd3"),
        ("Microsoft.EntityFrameworkCore.", "database", "#7dcea0"),
        ("Microsoft.Data.", "database", "#7dcea0"),
        ("SQLitePCL.", "database", "#7dcea0"),
        ("Npgsql.", "database", "#7dcea0"),
        ("ModelContextProtocol.", "MCP SDK", "#f1a7b5"),
        ("Microsoft.", "ASP.NET Core", "#f7dc6f"),
        ("System.", ".NET", "#d5dbdb"),
    ];

    private static readonly (string, string Owner, string Colour) Native = ("", "native, kernel", "#e6b0aa");

    public static string Draw(string title, Stacks stacks)
    {
        var frames = new List<Box>();
        Place(stacks.Root, 0, 0, stacks.Samples, frames);
        var height = Top + (RowHeight * (frames.Max(frame => frame.Row) + 2));
        var svg = new StringBuilder();
        Write(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n<style>rect{{stroke:#fff;stroke-width:.5}}text{{pointer-events:none}}</style>\n<rect width=\"{Width}\" height=\"{height}\" fill=\"#fff\"/>\n<text x=\"4\" y=\"15\" font-size=\"14\">{WebUtility.HtmlEncode(title)}: {stacks.Samples:N0} samples</text>\n");
        var x = 4;
        foreach (var (_, owner, colour) in Owners.Append(Native).DistinctBy(owner => owner.Owner))
        {
            Write(svg, $"<rect x=\"{x}\" y=\"22\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{x + 15}\" y=\"32\">{owner}</text>\n");
            x += 30 + (int)(owner.Length * LetterWidth);
        }

        foreach (var colour in frames.GroupBy(frame => ColourOf(frame.Name)).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            Write(svg, $"<g fill=\"{colour.Key}\">\n");
            foreach (var frame in colour)
            {
                Write(svg, $"<rect x=\"{frame.X:0.#}\" y=\"{frame.Y}\" width=\"{frame.Width:0.#}\" height=\"{RowHeight}\"><title>{WebUtility.HtmlEncode(frame.Name)} {frame.Part:P1}</title></rect>\n");
            }

            svg.Append("</g>\n");
        }

        foreach (var frame in frames)
        {
            var words = string.Join('.', frame.Name.Split('.').TakeLast(2));
            var letters = (int)((frame.Width - 4) / LetterWidth);
            if (letters > 2)
            {
                Write(svg, $"<text x=\"{frame.X + 2:0.#}\" y=\"{frame.Y + 11}\">{WebUtility.HtmlEncode(words.Length <= letters ? words : words[..(letters - 1)] + "…")}</text>\n");
            }
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Place(Frame frame, double start, int row, int all, List<Box> into)
    {
        into.Add(new Box(frame.Name, start * Width / all, row, (double)frame.Count * Width / all, (double)frame.Count / all));
        foreach (var child in frame.Children)
        {
            if (child.Count >= all * Narrowest)
            {
                Place(child, start, row + 1, all, into);
            }

            start += child.Count;
        }
    }

    private static string ColourOf(string name) => Owners.Append(Native).First(owner => name.StartsWith(owner.Item1, StringComparison.Ordinal)).Colour;

    private static void Write(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private sealed record Box(string Name, double X, int Row, double Width, double Part)
    {
        public int Y => Top + (Row * RowHeight);
    }
}
