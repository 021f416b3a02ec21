using System.Net;

namespace McpIdentity.Mcp;

/// <summary>
/// What leads to this computer and nowhere else, where a URL may go without TLS. .NET's <see cref="Uri"/> reads the host
/// <c>loopback</c> as <c>localhost</c>; to a resolver it is a name like any other, so <see cref="Uri.IsLoopback"/> is not asked.
/// </summary>
internal static class Loopback
{
    private const string LocalHost = "localhost";
    private const string OtherName = "loopback";

    /// <summary>Whether a host, as a URL or a <c>Host</c> header has it, is <c>localhost</c> (RFC 6761 §6.3) or a loopback address.</summary>
    public static bool IsHost(string host) =>
        host.Equals(LocalHost, StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>Whether an absolute URL leads to this computer.</summary>
    public static bool Is(Uri url) => IsHost(url.Host) && !IsOtherName(url);

    /// <summary>Whether a URL is one of https, or leads to this computer by http.</summary>
    public static bool IsSafe(Uri url) => url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && Is(url));

    /// <summary>The host of an absolute URL, as a browser takes it.</summary>
    public static string HostOf(Uri url) => IsOtherName(url) ? OtherName : url.Host;

    /// <summary>Host and port of an absolute URL, as a browser takes them.</summary>
    public static string AuthorityOf(Uri url) => IsOtherName(url) ? OtherName + url.Authority[LocalHost.Length..] : url.Authority;

    private static bool IsOtherName(Uri url)
    {
        if (url.Host != LocalHost)
        {
            return false;
        }

        var written = url.OriginalString.AsSpan().TrimStart();
        var before = url.Scheme + "://";
        if (!written.StartsWith(before, StringComparison.OrdinalIgnoreCase))
        {
            return true; // http:\\host and other spellings that .NET mends: not for us to say what was meant
        }

        var authority = written[before.Length..];
        var end = authority.IndexOfAny("/\\?#");
        var host = (end < 0 ? authority : authority[..end]).Trim();
        host = host[(host.LastIndexOf('@') + 1)..];
        return host.Equals(OtherName, StringComparison.OrdinalIgnoreCase) || host.StartsWith(OtherName + ":", StringComparison.OrdinalIgnoreCase);
    }
}
