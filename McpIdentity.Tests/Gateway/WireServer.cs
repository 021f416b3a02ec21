using System.Net;
using System.Net.Sockets;
using System.Text;

namespace McpIdentity.Tests.Gateway;

/// <summary>A server behind this one that answers with bytes, which no HTTP library would let it send; by the query of its address it knows which.</summary>
internal sealed class WireServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly IReadOnlyList<Func<Stream, CancellationToken, Task>> _scripts;
    private readonly Task _accepting;
    private int _connections;

    /// <param name="scripts">What is written for <c>?0</c>, <c>?1</c> and so on, each after the request was read; then the connection ends.</param>
    public WireServer(IReadOnlyList<Func<Stream, CancellationToken, Task>> scripts)
    {
        _scripts = scripts;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>How often somebody has connected.</summary>
    public int Connections => _connections;

    public string UrlOf(int script) => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/mcp?{script}";

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _accepting;
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        var answering = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                Interlocked.Increment(ref _connections);
                answering.Add(AnswerAsync(client));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(answering);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var head = await ReadHeadAsync(stream);
                await _scripts[int.Parse(head.Split(' ')[1].Split('?')[1], System.Globalization.CultureInfo.InvariantCulture)](stream, _ending.Token);
                // What is unread would become a reset, which may overtake what was written.
                client.Client.Shutdown(SocketShutdown.Send);
                while (await stream.ReadAsync(new byte[1024], _ending.Token) > 0)
                {
                }
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or SocketException)
            {
                // The other side has had enough.
            }
        }
    }

    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, _ending.Token);
            head.Append((char)one[0]);
        }

        var length = head.ToString().Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))?["Content-Length:".Length..];
        await stream.ReadExactlyAsync(new byte[int.Parse(length ?? "0", System.Globalization.CultureInfo.InvariantCulture)], _ending.Token);
        return head.ToString();
    }
}
