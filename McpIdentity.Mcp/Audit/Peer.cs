using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Mcp.Audit;

/// <summary>
/// The other end of the connection, as the host's forwarded headers middleware left it: nothing that a caller writes
/// changes it. Whoever has one IPv6 address has its whole /64.
/// </summary>
internal static class Peer
{
    private const int PrefixBytes = 8;

    public static string Of(HttpContext context) => NameOf(context.Connection.RemoteIpAddress) ?? "local"; // a Unix socket

    /// <returns>Null where there is no address.</returns>
    public static string? NameOf(IPAddress? address)
    {
        if (address is null)
        {
            return null;
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address.ToString();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[PrefixBytes..].Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
