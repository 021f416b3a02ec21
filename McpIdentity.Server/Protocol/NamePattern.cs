namespace McpIdentity.Server.Protocol;

/// <summary>A name in which each <c>*</c> stands for any text, an empty one too. Nothing else in it is special.</summary>
internal sealed class NamePattern(string text, StringComparison comparison = StringComparison.Ordinal)
{
    private readonly string[] _parts = text.Split('*');

    public string Text => text;

    /// <summary>Whether it has a <c>*</c>.</summary>
    public bool IsOpen => _parts.Length > 1;

    public bool Matches(string name)
    {
        if (!IsOpen)
        {
            return name.Equals(text, comparison);
        }

        var (first, last) = (_parts[0], _parts[^1]);
        if (name.Length < first.Length + last.Length || !name.StartsWith(first, comparison) || !name.EndsWith(last, comparison))
        {
            return false;
        }

        // Each part at the first place where it fits: no later one leaves more for the parts behind it.
        var rest = name.AsSpan(first.Length, name.Length - first.Length - last.Length);
        foreach (var part in _parts.AsSpan(1, _parts.Length - 2))
        {
            var at = rest.IndexOf(part, comparison);
            if (at < 0)
            {
                return false;
            }

            rest = rest[(at + part.Length)..];
        }

        return true;
    }

    /// <summary>Whether it matches all that the other does: the other's <c>*</c> is a text that only a <c>*</c> matches.</summary>
    public bool Covers(NamePattern other) => Matches(other.Text);
}
