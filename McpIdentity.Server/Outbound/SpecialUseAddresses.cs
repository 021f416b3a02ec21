using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Server.Outbound;

/// <summary>
/// Addresses that are not a host of the public internet: this computer, private networks, cloud metadata, multicast and the
/// like (the IANA special-purpose registries of RFC 6890). A URL that a stranger chose must not lead there.
/// </summary>
internal static class SpecialUseAddresses
{
    private static readonly IPNetwork[] V4 =
    [
        Network("0.0.0.0/8"),          // "this network": 0.0.0.0 is this computer on Linux
        Network("10.0.0.0/8"),
        Network("100.64.0.0/10"),      // carriers' NAT, and Alibaba's metadata
        Network("127.0.0.0/8"),
        Network("168.63.129.16/32"),   // the host of an Azure machine: not registered as special, and nobody's website
        Network("169.254.0.0/16"),     // link-local: the metadata of most clouds
        Network("172.16.0.0/12"),
        Network("192.0.0.0/24"),       // Oracle's metadata among them
        Network("192.0.2.0/24"),
        Network("192.88.99.0/24"),
        Network("192.168.0.0/16"),
        Network("198.18.0.0/15"),
        Network("198.51.100.0/24"),
        Network("203.0.113.0/24"),
        Network("224.0.0.0/4"),
        Network("240.0.0.0/4"),        // reserved, and broadcast
    ];

    // Of IPv6 only 2000::/3 is given to hosts of the internet; these are the exceptions in it.
    private static readonly IPNetwork GlobalUnicast = Network("2000::/3");
    private static readonly IPNetwork[] V6 =
    [
        Network("2001::/23"),          // protocol assignments, Teredo among them, which has an IPv4 address within
        Network("2001:db8::/32"),
        Network("2002::/16"),          // 6to4: an IPv4 address within, by a router that nobody chose
        Network("3fff::/20"),
    ];

    // RFC 6052 §2.1: how a network without IPv4 names an IPv4 host; the host is the one to be looked at.
    private static readonly IPNetwork Nat64 = Network("64:ff9b::/96");

    public static bool Contain(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            return Array.Exists(V4, network => network.Contains(address));
        }

        return Nat64.Contains(address)
            ? Contain(new IPAddress(address.GetAddressBytes().AsSpan(12)))
            : !GlobalUnicast.Contains(address) || Array.Exists(V6, network => network.Contains(address));
    }

    private static IPNetwork Network(string text) => IPNetwork.Parse(text);
}
