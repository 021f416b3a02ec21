using System.Net;
using System.Net.Sockets;

namespace McpIdentity.Tests.Support;

/// <summary>Free loopback ports below the kernel's ephemeral range, each handed out once.</summary>
internal static class Ports
{
    private const int First = 20_000;
    private const int Count = 10_000;

    // Two test processes on one machine start in different places.
    private static int _next = Environment.ProcessId * 97 % Count;

    public static int Next()
    {
        while (true)
        {
            var port = First + (Interlocked.Increment(ref _next) % Count);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody else's; the next one.
            }
        }
    }
}
