namespace McpIdentity.Server.Administration;

/// <summary>Which part of a list is wanted.</summary>
/// <param name="Limit">How many at most.</param>
/// <param name="After">Behind which one to go on, as <see cref="Page{T}.Next"/> says it; null: from the beginning.</param>
internal readonly record struct Slice(int Limit, string? After)
{
    /// <summary>For whoever prints a list, or counts it.</summary>
    public static readonly Slice All = new(int.MaxValue, null);

    /// <summary>How many to read to learn whether there are more.</summary>
    public int OneMore => Limit == int.MaxValue ? Limit : Limit + 1;

    /// <summary>The part of it, of rows that were read by <see cref="OneMore"/>.</summary>
    /// <param name="rows">Behind <see cref="After"/>, in their order.</param>
    /// <param name="key">By what the next part goes on. What comes and goes meanwhile moves no other.</param>
    public Page<T> Of<T>(IReadOnlyList<T> rows, Func<T, string> key) =>
        rows.Count <= Limit ? new(rows, null) : new([.. rows.Take(Limit)], key(rows[Limit - 1]));

    /// <summary>The part of a short list that is in memory, in the order of its keys.</summary>
    public Page<T> OfSorted<T>(IEnumerable<T> rows, Func<T, string> key)
    {
        var after = After;
        return Of([.. rows.OrderBy(key, StringComparer.Ordinal).Where(row => after is null || string.CompareOrdinal(key(row), after) > 0).Take(OneMore)], key);
    }
}

/// <summary>A part of a list.</summary>
/// <param name="Items">The part.</param>
/// <param name="Next">Where the next one begins; null: this is the last.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>By what a list goes on whose newest come first: the moment, and the name among those of one moment.</summary>
internal readonly record struct MomentKey(DateTimeOffset At, string Name)
{
    public override string ToString() => $"{At.UtcTicks:x16}-{Name}";

    public static MomentKey? Parse(string? text) =>
        text is { Length: > 17 } && text[16] == '-' && long.TryParse(text.AsSpan(0, 16), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var ticks) && ticks >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
            ? new MomentKey(new DateTimeOffset(ticks, TimeSpan.Zero), text[17..])
            : null;
}
