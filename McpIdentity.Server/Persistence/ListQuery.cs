using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// A statement for a list whose conditions somebody chooses, for <see cref="PreparedSql"/>: whatever stands in a hole of what is added is a
/// parameter, and never a part of the statement.
/// </summary>
/// <param name="select">Columns and tables.</param>
internal sealed class ListQuery(string select)
{
    private readonly StringBuilder _text = new(select);
    private readonly List<object?> _values = [];
    private bool _hasCondition;

    /// <summary>The statement.</summary>
    public string Text => _text.ToString();

    /// <summary>Its parameters.</summary>
    public object?[] Values => [.. _values];

    /// <summary>Only rows of which this is true too.</summary>
    public ListQuery Where(FormattableString condition)
    {
        _text.Append(_hasCondition ? " AND (" : " WHERE (");
        _hasCondition = true;
        return Then(condition, ")");
    }

    /// <summary>Only rows that have one of these texts.</summary>
    /// <param name="column">As it stands in the statement.</param>
    /// <param name="values">The texts; none: no row.</param>
    public ListQuery WhereIn(string column, IReadOnlyList<string> values)
    {
        if (values.Count == 0)
        {
            return Where($"1 = 0");
        }

        // A power of two of them, the last one several times: a statement for each number would push the others from what is prepared.
        string[] all = [.. values, .. Enumerable.Repeat(values[^1], (int)BitOperations.RoundUpToPowerOf2((uint)values.Count) - values.Count)];
        return Where(FormattableStringFactory.Create($"{column} IN ({string.Join(", ", all.Select((_, i) => $"{{{i}}}"))})", [.. all]));
    }

    /// <summary>What comes after the conditions: the order, and how many.</summary>
    public ListQuery Then(FormattableString end) => Then(end, "");

    /// <summary>A pattern for <c>LIKE … ESCAPE '\'</c>: the text is a part of it.</summary>
    public static string Containing(string text) => $"%{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";

    private ListQuery Then(FormattableString part, string after)
    {
        var names = part.GetArguments().Select((_, i) => (object)$"${_values.Count + i + 1}").ToArray();
        _values.AddRange(part.GetArguments());
        _text.AppendFormat(CultureInfo.InvariantCulture, part.Format, names).Append(after);
        return this;
    }
}
