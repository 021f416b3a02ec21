using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// The network that a browser is in: enough for a person to tell their home from a stranger's, and not the address of their
/// connection. What is kept of it is deleted with the session.
/// </summary>
internal static class BrowserNetwork
{
    private const int V4Prefix = 24;

    // What a provider gives to one customer (RFC 6177 §2 has it between /48 and /64): no longer, or it names the household.
    private const int V6Prefix = 48;

    /// <param name="address">The other end of the connection, as the forwarded headers of known proxies left it.</param>
    /// <returns>Null where there is no address, as on a Unix socket.</returns>
    public static string? Of(IPAddress? address)
    {
        if (address is null)
        {
            return null;
        }

        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var prefix = plain.AddressFamily == AddressFamily.InterNetworkV6 ? V6Prefix : V4Prefix;
        var bytes = plain.GetAddressBytes(); // without the zone of a link-local address
        bytes.AsSpan(prefix / 8).Clear();
        return $"{new IPAddress(bytes)}/{prefix}";
    }
}
