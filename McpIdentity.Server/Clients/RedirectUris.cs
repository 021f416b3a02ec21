using McpIdentity.Mcp;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Server.Clients;

/// <summary>Which redirect URIs a client may register, and which one a request may then name.</summary>
internal static class RedirectUris
{
    public const int MaxLength = 2048;

    // What we, or somebody in our place, would add to the answer (RFC 6749 §4.1.2, RFC 9207 §2, OpenID Connect Core §3.2.2.5): a client
    // that finds two of one name may read the wrong one.
    private static readonly string[] ResponseParameters =
        ["code", "state", "iss", "error", "error_description", "error_uri", "response", "id_token", "access_token", "token_type", "expires_in", "session_state"];

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

        // As it is written: the parser takes C:/ for a file.
        if (uri.Scheme is not ("http" or "https") && ActingSchemes.Contains(text[..text.IndexOf(':', StringComparison.Ordinal)]))
        {
            return $"The scheme {uri.Scheme} must not receive an answer: a system or a browser acts on it.";
        }

        if (QueryHelpers.ParseQuery(uri.Query).Keys.FirstOrDefault(name => ResponseParameters.Contains(name.Trim(), StringComparer.OrdinalIgnoreCase)) is { } reserved)
        {
            return $"A redirect URI must not have the parameter {reserved}, which is one of the answer's.";
        }

        if (uri.Scheme == Uri.UriSchemeHttp && !Loopback.Is(uri))
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
            left.Scheme == Uri.UriSchemeHttp && right.Scheme == Uri.UriSchemeHttp && Loopback.Is(left) && Loopback.Is(right) &&
            WithoutPort(registered) is { } a && WithoutPort(requested) is { } b && string.Equals(a, b, StringComparison.Ordinal);
    }

    /// <summary>
    /// Whether whatever runs on the person's device can receive what is sent there: an address of the device itself, or a
    /// scheme that any app may claim (RFC 8252 §8.6). What is sent over https to another host, that host receives.
    /// </summary>
    public static bool LeadsToAnyProgram(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme != Uri.UriSchemeHttps || Loopback.Is(uri);
    }

    /// <summary>Where it leads, without what stands in its query: a secret may.</summary>
    public static string? ForLog(string? uri) => uri?.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? uri[..query] + "?…" : uri;

    /// <summary>The URI, but for the port of a loopback address, which is another one each time.</summary>
    public static string WithoutLoopbackPort(string redirectUri) =>
        Loopback.Is(new Uri(redirectUri)) && WithoutPort(redirectUri) is { } stable ? stable : redirectUri;

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
