using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// The sockets that Kestrel listens on, which can be closed while what is open is still served: Kestrel itself closes both
/// at once.
/// </summary>
internal sealed class ListeningSockets
{
    private static readonly TimeSpan AcceptsWithin = TimeSpan.FromSeconds(1);

    // A handshake that has begun ends within the way there and back, from a proxy in the same data centre in less than this.
    private static readonly TimeSpan Handshake = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentQueue<Socket> _sockets = [];

    /// <summary>
    /// Puts itself between Kestrel and how it binds. A socket that a service manager has opened is left alone: whoever connects
    /// waits there for the next process, which would inherit the filter as well.
    /// </summary>
    public void Configure(SocketTransportOptions transport)
    {
        var bind = transport.CreateBoundListenSocket;
        transport.CreateBoundListenSocket = endpoint =>
        {
            var socket = bind(endpoint);
            if (endpoint is not FileHandleEndPoint)
            {
                _sockets.Enqueue(socket);
            }

            return socket;
        };
    }

    /// <summary>
    /// From now on whoever connects is refused and may go to another server, for nothing was sent yet. Who was let in before is
    /// accepted first: what still waits for that when the socket is closed, the system resets, with the request that was sent on it.
    /// </summary>
    public async Task CloseAsync()
    {
        foreach (var socket in _sockets)
        {
            LetNobodyIn(socket);
        }

        var begun = Environment.TickCount64;
        do
        {
            await Task.Delay(Handshake, CancellationToken.None);
        }
        while (_sockets.Any(IsSomebodyWaiting) && Environment.TickCount64 - begun < AcceptsWithin.TotalMilliseconds);

        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }
    }

    // Between the last who is accepted and the closing others would come. Linux can drop their SYN: it is sent again after a
    // second and refused then. Elsewhere, and at a Unix socket, that moment remains.
    private static void LetNobodyIn(Socket socket)
    {
        const int SolSocket = 1, SoAttachFilter = 26;
        if (!OperatingSystem.IsLinux() || socket.AddressFamily is not (AddressFamily.InterNetwork or AddressFamily.InterNetworkV6))
        {
            return;
        }

        BpfInstruction[] dropSyn =
        [
            new(0x30, 0, 0, 13),           // load the byte of the TCP header that has the flags
            new(0x45, 1, 0, 0x02),         // where SYN is set, skip the next
            new(0x06, 0, 0, uint.MaxValue), // keep it
            new(0x06, 0, 0, 0),            // drop it
        ];
        var pinned = GCHandle.Alloc(dropSyn, GCHandleType.Pinned);
        try
        {
            var program = new BpfProgram((ushort)dropSyn.Length, pinned.AddrOfPinnedObject());
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, MemoryMarshal.AsBytes(new ReadOnlySpan<BpfProgram>(in program)));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // A sandbox that forbids it leaves what other systems have.
        }
        finally
        {
            pinned.Free();
        }
    }

    private static bool IsSomebodyWaiting(Socket socket)
    {
        try
        {
            return socket.Poll(0, SelectMode.SelectRead);
        }
        catch (ObjectDisposedException)
        {
            return false; // an address that could not be bound after all
        }
    }

    /// <summary><c>struct sock_filter</c> of linux/filter.h.</summary>
    private readonly record struct BpfInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

    /// <summary><c>struct sock_fprog</c> of linux/filter.h.</summary>
    private readonly record struct BpfProgram(ushort Length, nint Instructions);
}
