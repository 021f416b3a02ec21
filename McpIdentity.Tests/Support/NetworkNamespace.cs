using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace McpIdentity.Tests.Support;

/// <summary>
/// A network of its own, in which any address is at hand: those of the public internet too, and a name server. A thread lives in it; what that
/// thread makes, sockets and processes, belongs to it. Needs the rights of root.
/// </summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const int NewMounts = 0x00020000;
    private const int NewNetwork = 0x40000000;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    private NetworkNamespace()
    {
        _thread = new Thread(() =>
        {
            foreach (var work in _work.GetConsumingEnumerable())
            {
                work();
            }
        })
        { IsBackground = true, Name = "network namespace" };
        _thread.Start();
    }

    /// <param name="addresses">Of its one computer, beside 127.0.0.1 and ::1.</param>
    /// <returns>Null where this user may make none.</returns>
    public static async Task<NetworkNamespace?> CreateAsync(params string[] addresses)
    {
        var made = new NetworkNamespace();
        if (await made.RunAsync(() => Unshare(NewNetwork | NewMounts)) != 0)
        {
            made.Dispose();
            return null;
        }

        await made.CommandAsync("ip link set lo up");
        foreach (var address in addresses)
        {
            await made.CommandAsync($"ip address add {address} dev lo");
        }

        return made;
    }

    public Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        });
        return done.Task;
    }

    /// <summary>A socket that listens at an address of it; each connection is handed over.</summary>
    public async Task<Socket> ListenAsync(string address, int port, Action<Socket> accepted)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        var socket = await RunAsync(() => new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        socket.Bind(endPoint);
        socket.Listen();
        _ = AcceptAsync();
        return socket;

        async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    accepted(await socket.AcceptAsync());
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }

    /// <summary>Speaks to servers in it.</summary>
    public HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = await RunAsync(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, context.DnsEndPoint.Port), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    public void Dispose() => _work.CompleteAdding();

    private async Task CommandAsync(string command)
    {
        await using var process = await RunAsync(() => ChildProcess.Start("bash", ["-c", command], Path.GetTempPath()));
        Assert.That(await process.WaitForExitAsync(), Is.Zero, $"{command}: {process.Output}");
    }

    [DllImport("libc", EntryPoint = "unshare"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Unshare(int flags);
}
