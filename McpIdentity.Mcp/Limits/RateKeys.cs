using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Limits;

/// <summary>Who is counted.</summary>
internal static class RateKeys
{
    private const int MaxLength = 64;
    private const int PrefixBytes = 8;

    /// <summary>
    /// The other end of the connection, as the host's forwarded headers middleware left it: nothing that a caller writes
    /// changes it. Whoever has one IPv6 address has its whole /64.
    /// </summary>
    public static string OfPeer(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Connection.RemoteIpAddress is not { } address)
        {
            return "peer:local"; // a Unix socket
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return $"peer:{address}";
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[PrefixBytes..].Clear();
        return $"peer:{new IPAddress(bytes)}/64";
    }

    /// <summary>Somebody by name. A long name is hashed, so that a count has the same size for everyone.</summary>
    public static string ForName(string kind, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length <= MaxLength ? $"{kind}:{name}" : $"{kind}:#{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))}";
    }
}
