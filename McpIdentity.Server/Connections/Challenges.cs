using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace McpIdentity.Server.Connections;

/// <summary>What a 401 or 403 says beside its status (RFC 6750 §3, RFC 9728 §5.1): the parameters of each challenge, by name.</summary>
internal static partial class Challenges
{
    // RFC 9110 §11.2: a token or a quoted string, in which the name of another parameter may stand. A stranger wrote the text: it is read in one go.
    private static readonly Regex Parameter = new("""([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    public static IEnumerable<IReadOnlyDictionary<string, string>> In(HttpResponseHeaders headers) => headers.WwwAuthenticate.Select(challenge => Read(challenge.Parameter ?? ""));

    /// <returns>The words of a list of scopes; those that no scope can be (RFC 6749 §3.3) are left out.</returns>
    public static IEnumerable<string> ScopesOf(string? text) =>
        (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(scope => !scope.AsSpan().ContainsAnyExceptInRange('!', '~') && scope.AsSpan().IndexOfAny('"', '\\') < 0);

    /// <summary>Those of some scopes that are among all that may be asked for.</summary>
    /// <param name="some">A list of scopes.</param>
    /// <param name="all">Another one; null: every scope may.</param>
    /// <returns>Null where there is none.</returns>
    public static string? Within(string some, string? all) =>
        string.Join(' ', ScopesOf(some).Where(scope => all is null || ScopesOf(all).Contains(scope, StringComparer.Ordinal))) is { Length: > 0 } left ? left : null;

    private static Dictionary<string, string> Read(string text)
    {
        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match match in Parameter.Matches(text))
        {
            found.TryAdd(match.Groups[1].Value, match.Groups[2].Success ? Escape().Replace(match.Groups[2].Value, "$1") : match.Groups[3].Value);
        }

        return found;
    }

    [GeneratedRegex("""\\(.)""")]
    private static partial Regex Escape();
}
