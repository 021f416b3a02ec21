using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Tests.Support;

/// <summary>Free loopback ports below the range that the system gives to outgoing connections, each handed out once.</summary>
internal static class Ports
{
    private const int First = 20000;
    private const int Count = 10000;

    // Two test runs on one machine begin at different places.
    private static int _next = Environment.ProcessId * 97 % Count;

    public static int Next()
    {
        for (var attempt = 0; attempt < Count; attempt++)
        {
            var port = First + ((Interlocked.Increment(ref _next) & int.MaxValue) % Count);
            if (IsFree(port))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"No port from {First} to {First + Count - 1} is free.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            foreach (var address in (IPAddress[])[IPAddress.Loopback, IPAddress.IPv6Loopback])
            {
                using var listener = new TcpListener(address, port);
                listener.Start();
            }

            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable)
        {
            return true; // A machine without IPv6: IPv4 was tried first.
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
