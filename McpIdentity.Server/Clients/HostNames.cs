namespace McpIdentity.Server.Clients;

/// <summary>Host names in lists of an operator: one name, or <c>*.</c> and a name for every name below it, and not for itself.</summary>
internal static class HostNames
{
    private const string Below = "*.";

    /// <summary>Whether the text may stand in such a list; a name of other letters as URLs have it, in punycode.</summary>
    public static bool IsOne(string pattern) =>
        pattern.All(char.IsAscii) && Uri.CheckHostName(pattern.StartsWith(Below, StringComparison.Ordinal) ? pattern[Below.Length..] : pattern) != UriHostNameType.Unknown;

    /// <param name="patterns">What the operator wrote.</param>
    /// <param name="host">A host name as a URL has it, in lower case and ASCII (<see cref="Uri.IdnHost"/>).</param>
    public static bool Contain(IEnumerable<string> patterns, string host) => patterns.Any(pattern =>
        pattern.StartsWith(Below, StringComparison.Ordinal)
            ? host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
            : host.Equals(pattern, StringComparison.OrdinalIgnoreCase));
}
