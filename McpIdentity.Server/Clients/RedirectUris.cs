using System.Net;

namespace McpIdentity.Server.Clients;

/// <summary>Which redirect URIs a client may register, and which one a request may then name.</summary>
internal static class RedirectUris
{
    public const int MaxLength = 2048;

    // A browser would run these in our own origin, open a file, or never deliver an answer.
    private static readonly HashSet<string> DangerousSchemes = new(StringComparer.OrdinalIgnoreCase)
    {
        "javascript", "data", "file", "blob", "about", "vbscript", "ws", "wss", "ftp", "mailto", "tel", "filesystem",
        "view-source", "chrome", "resource", "jar", "intent", "content",
    };

    /// <summary>Stands for http to the person's own computer in a list of schemes.</summary>
    public const string HttpLoopback = "http-loopback";

    /// <returns>Why the URI may not be registered where only these schemes are allowed (none: every harmless one), or null.</returns>
    public static string? Check(string? text, IList<string> allowedSchemes)
    {
        if (Check(text) is { } problem)
        {
            return problem;
        }

        var uri = new Uri(text!, UriKind.Absolute);
        var scheme = uri.Scheme == Uri.UriSchemeHttp ? HttpLoopback : uri.Scheme;
        return allowedSchemes.Count == 0 || allowedSchemes.Contains(scheme, StringComparer.OrdinalIgnoreCase)
            ? null
            : $"This server registers redirect URIs of {string.Join(", ", allowedSchemes)} only.";
    }

    /// <returns>Why the URI may not be registered anywhere, or null.</returns>
    public static string? Check(string? text)
    {
        if (text is not { Length: > 0 and <= MaxLength })
        {
            return $"A redirect URI must be a string of 1 to {MaxLength} characters.";
        }

        // Raw text is compared later: what a parser would tolerate or repair is refused here.
        if (!text.All(c => c is > ' ' and < (char)0x7f and not ('\\' or '"' or '<' or '>' or '^' or '`' or '{' or '|' or '}' or '*')))
        {
            return "A redirect URI must be ASCII, without white space, wildcards or characters that RFC 3986 excludes.";
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || text.StartsWith('/'))
        {
            return "A redirect URI must be absolute.";
        }

        if (text.Contains('#', StringComparison.Ordinal))
        {
            return "A redirect URI must not have a fragment (RFC 6749 §3.1.2).";
        }

        if (uri.UserInfo.Length > 0 || HasDotSegment(text))
        {
            return "A redirect URI must have neither user information nor dot segments.";
        }

        if (DangerousSchemes.Contains(uri.Scheme))
        {
            return $"The scheme {uri.Scheme} must not receive an answer.";
        }

        if (uri.Scheme == Uri.UriSchemeHttp && !IsLoopback(uri))
        {
            return "A redirect URI must be https; http is for localhost, 127.0.0.0/8 and [::1] only.";
        }

        return uri.Scheme is "http" or "https" && uri.Host.Length == 0 ? "A redirect URI must name a host." : null;
    }

    /// <summary>
    /// Exact comparison, but for the port of a loopback address: a program cannot know the port it will get
    /// (RFC 8252 §7.3; docs/interoperability.md, "Loopback ports"). Scheme, host, path and query are still compared as written.
    /// </summary>
    public static bool Matches(string registered, string requested)
    {
        if (string.Equals(registered, requested, StringComparison.Ordinal))
        {
            return true;
        }

        return Check(requested) is null &&
            Uri.TryCreate(registered, UriKind.Absolute, out var left) && Uri.TryCreate(requested, UriKind.Absolute, out var right) &&
            left.Scheme == Uri.UriSchemeHttp && right.Scheme == Uri.UriSchemeHttp && IsLoopback(left) && IsLoopback(right) &&
            WithoutPort(registered) is { } a && WithoutPort(requested) is { } b && string.Equals(a, b, StringComparison.Ordinal);
    }

    /// <summary>
    /// Whether whatever runs on the person's device can receive what is sent there: an address of the device itself, or a
    /// scheme that any app may claim (RFC 8252 §8.6). What is sent over https to another host, that host receives.
    /// </summary>
    public static bool LeadsToAnyProgram(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme != Uri.UriSchemeHttps || IsLoopback(uri);
    }

    /// <summary>The URI, but for the port of a loopback address, which is another one each time.</summary>
    public static string WithoutLoopbackPort(string redirectUri) =>
        IsLoopback(new Uri(redirectUri)) && WithoutPort(redirectUri) is { } stable ? stable : redirectUri;

    /// <summary>Whether the URI leads to a program on the person's own computer.</summary>
    public static bool IsLoopback(Uri uri) =>
        uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ||
        (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    // On the raw text: what a parser would normalise away must not make two different URIs equal.
    private static string? WithoutPort(string uri)
    {
        var start = uri.IndexOf("://", StringComparison.Ordinal) + 3;
        var end = uri.AsSpan(start).IndexOfAny("/?") is var i and >= 0 ? start + i : uri.Length;
        var authority = uri[start..end];
        var colon = authority.LastIndexOf(':');
        if (colon > authority.LastIndexOf(']'))
        {
            var port = authority[(colon + 1)..];
            if (port.Length is 0 or > 5 || !port.All(char.IsAsciiDigit))
            {
                return null;
            }

            authority = authority[..colon];
        }

        return uri[..start] + authority + uri[end..];
    }

    private static bool HasDotSegment(string uri)
    {
        var path = uri.Split('?', 2)[0].Replace("%2e", ".", StringComparison.OrdinalIgnoreCase);
        return path.Contains("/./", StringComparison.Ordinal) || path.Contains("/../", StringComparison.Ordinal) ||
            path.EndsWith("/.", StringComparison.Ordinal) || path.EndsWith("/..", StringComparison.Ordinal);
    }
}
