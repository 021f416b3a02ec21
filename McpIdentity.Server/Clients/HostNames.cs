namespace McpIdentity.Server.Clients;

/// <summary>Host names in lists of an operator: one name, or <c>*.</c> and a name for every name below it.</summary>
internal static class HostNames
{
    private const string Below = "*.";

    public static bool IsOne(string pattern) =>
        Uri.CheckHostName((pattern.StartsWith(Below, StringComparison.Ordinal) ? pattern[Below.Length..] : pattern).Trim('[', ']')) != UriHostNameType.Unknown;

    /// <param name="patterns">What the operator wrote.</param>
    /// <param name="host">A host name as a URL has it, in lower case and ASCII (<see cref="Uri.IdnHost"/>).</param>
    public static bool Contain(IEnumerable<string> patterns, string host) => patterns.Any(pattern =>
        pattern.StartsWith(Below, StringComparison.Ordinal)
            ? host.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
            : host.Equals(pattern, StringComparison.OrdinalIgnoreCase));
}
