using System.Globalization;

namespace McpIdentity.Server.Account;

/// <summary>Which page of a list is shown, and which there are.</summary>
internal sealed record Pager(int Page, int Pages, int Items, int Skip)
{
    // Beside the current one, the first and the last.
    private const int Neighbours = 2;

    /// <param name="page">As asked for: the nearest that there is.</param>
    /// <param name="items">How many there are on all pages.</param>
    /// <param name="size">How many fit on one.</param>
    public static Pager For(int page, int items, int size)
    {
        var pages = Math.Max(1, (items + size - 1) / size);
        var shown = Math.Clamp(page, 1, pages);
        return new Pager(shown, pages, items, (shown - 1) * size);
    }

    /// <returns>The page of an address: the first for what is no number, the last for one that is too great.</returns>
    public static int Parse(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var page) ? page
        : text is { Length: > 0 } && text.All(char.IsAsciiDigit) ? int.MaxValue
        : 1;

    /// <summary>The numbers to choose from; null stands for those left out.</summary>
    public IEnumerable<int?> Numbers
    {
        get
        {
            var last = 0;
            foreach (var number in Enumerable.Range(1, Pages).Where(number => number == 1 || number == Pages || Math.Abs(number - Page) <= Neighbours))
            {
                if (number > last + 1)
                {
                    yield return null;
                }

                yield return last = number;
            }
        }
    }
}
