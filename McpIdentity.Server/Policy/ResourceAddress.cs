namespace McpIdentity.Server.Policy;

/// <summary>The address of an MCP resource, in the one spelling that is decided on.</summary>
internal static class ResourceAddress
{
    /// <summary>
    /// Scheme and host without case, and no localhost before a file (RFC 3986 §6.2.2.1, RFC 8089 §2); the rest as it stands, which means something else in
    /// another case.
    /// </summary>
    public static string Canonical(string address)
    {
        var scheme = address.IndexOf(':', StringComparison.Ordinal);
        if (scheme < 0)
        {
            return address;
        }

        if (!address.AsSpan(scheme).StartsWith("://"))
        {
            return address[..scheme].ToLowerInvariant() + address[scheme..];
        }

        var path = address.AsSpan(scheme + 3).IndexOfAny('/', '?', '#') is var at and >= 0 ? scheme + 3 + at : address.Length;
        var origin = address[..path].ToLowerInvariant();
        return (origin == "file://localhost" ? "file://" : origin) + address[path..];
    }

    /// <summary>
    /// Whether a server may read another address than the one that is decided on: by a segment <c>.</c> or <c>..</c> (RFC 3986 §5.2.4), or
    /// because something is encoded that needs it not or that separates (§2.2, §2.3), or is no encoding at all.
    /// </summary>
    public static bool IsAmbiguous(string address)
    {
        for (var at = address.IndexOf('%', StringComparison.Ordinal); at >= 0; at = address.IndexOf('%', at + 1))
        {
            if (at + 2 >= address.Length || !char.IsAsciiHexDigit(address[at + 1]) || !char.IsAsciiHexDigit(address[at + 2]))
            {
                return true;
            }

            var encoded = (char)Convert.ToByte(address.Substring(at + 1, 2), 16);
            if (char.IsAsciiLetterOrDigit(encoded) || encoded is '-' or '.' or '_' or '~' or '/' or '\\' or '\0' or '%')
            {
                return true;
            }
        }

        return address.Contains('\\', StringComparison.Ordinal) || address.Split('/', '?', '#').Any(segment => segment is "." or "..");
    }
}
