using McpIdentity.Server.Administration.Api;

namespace McpIdentity.Server.Administration;

/// <summary>Which part of a list is wanted.</summary>
/// <param name="Limit">How many at most.</param>
/// <param name="After">Behind which one to go on, as <see cref="AdminPage{T}.Next"/> says it; null: from the beginning.</param>
internal readonly record struct Slice(int Limit, string? After)
{
    /// <summary>For whoever prints a list, or counts it.</summary>
    public static readonly Slice All = new(int.MaxValue, null);

    /// <summary>How many to read to learn whether there are more.</summary>
    public int OneMore => Limit == int.MaxValue ? Limit : Limit + 1;

    /// <summary>The part of it, of rows that were read by <see cref="OneMore"/>.</summary>
    /// <param name="rows">Behind <see cref="After"/>, in their order.</param>
    /// <param name="key">By what the next part goes on. What comes and goes meanwhile moves no other.</param>
    public AdminPage<T> Of<T>(IReadOnlyList<T> rows, Func<T, string> key) => AdminPage<T>.Of(rows, Limit, key);

    /// <summary>The part of a short list that is in memory, in the order of its keys.</summary>
    public AdminPage<T> OfSorted<T>(IEnumerable<T> rows, Func<T, string> key)
    {
        var after = After;
        return Of([.. rows.OrderBy(key, StringComparer.Ordinal).Where(row => after is null || string.CompareOrdinal(key(row), after) > 0).Take(OneMore)], key);
    }
}

/// <summary>By what a list goes on whose newest come first: the moment, and the name among those of one moment.</summary>
internal readonly record struct MomentKey(DateTimeOffset At, string Name)
{
    private const int TicksLength = 16;

    public override string ToString() => $"{At.UtcTicks:x16}-{Name}";

    public static MomentKey? Parse(string? text) =>
        text is { Length: > TicksLength + 1 } && long.TryParse(text.AsSpan(0, TicksLength), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var ticks) && ticks is >= 0 && ticks <= DateTimeOffset.MaxValue.UtcTicks
            ? new MomentKey(new DateTimeOffset(ticks, TimeSpan.Zero), text[(TicksLength + 1)..])
            : null;
}
