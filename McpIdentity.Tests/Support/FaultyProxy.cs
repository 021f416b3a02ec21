using System.Net;
using System.Net.Sockets;
using System.Text;

namespace McpIdentity.Tests.Support;

/// <summary>At which moment of a request a <see cref="FaultyProxy"/> resets its connection.</summary>
internal enum Cut
{
    /// <summary>The server has not seen the request and does nothing.</summary>
    BeforeItArrives,

    /// <summary>The server has done what was asked, and the client never hears of it.</summary>
    BeforeItIsAnswered,
}

/// <summary>
/// A TCP proxy before another server. Frozen, it lets nothing through and closes nothing: a cut cable, a stopped machine.
/// Told to cut, it resets a connection in the middle of a request: a server or a load balancer that has gone.
/// </summary>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _ending = new();
    private volatile TaskCompletionSource _flowing = Completed();
    private Order? _order;
    private long _sent;

    public FaultyProxy(int target)
    {
        Target = target;
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port { get; } = Ports.Next();

    /// <summary>The port that connections to come lead to; those that are open stay where they are.</summary>
    public int Target { get; set; }

    /// <summary>How many bytes clients have sent so far.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Whether the request that <see cref="CutAt"/> waits for has not come yet.</summary>
    public bool IsWaitingToCut => Volatile.Read(ref _order) is not null;

    public void Freeze() => _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Thaw() => _flowing.TrySetResult();

    /// <summary>Resets one connection: that over which the text is sent next. A client that sends one request at a time is assumed.</summary>
    public void CutAt(string text, Cut moment) => Volatile.Write(ref _order, new Order(Encoding.UTF8.GetBytes(text), moment));

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        Thaw();
        _listener.Dispose();
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_ending.Token));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var line = new Line(client, new TcpClient());
        try
        {
            await line.Server.ConnectAsync(IPAddress.Loopback, Target, _ending.Token);
            await Task.WhenAny(SendAsync(line), AnswerAsync(line));
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
        {
            // One side has gone; so does the other.
        }
    }

    private Task SendAsync(Line line)
    {
        // Of what came before, as much as could begin the text.
        var tail = Array.Empty<byte>();
        return PassAsync(line.Client, line.Server, read =>
        {
            Interlocked.Add(ref _sent, read.Length);
            if (Volatile.Read(ref _order) is not { } order)
            {
                tail = [];
                return true;
            }

            byte[] seen = [.. tail, .. read];
            tail = seen[^Math.Min(seen.Length, order.Text.Length - 1)..];
            if (seen.AsSpan().IndexOf(order.Text) < 0 || Interlocked.CompareExchange(ref _order, null, order) != order)
            {
                return true;
            }

            line.IsCutAtAnswer = order.Moment == Cut.BeforeItIsAnswered;
            return line.IsCutAtAnswer;
        });
    }

    private Task AnswerAsync(Line line) => PassAsync(line.Server, line.Client, _ => !line.IsCutAtAnswer);

    /// <param name="from">What it sends is passed.</param>
    /// <param name="to">Receives it.</param>
    /// <param name="maySee">Whether the other side gets to see it; the line is cut where it does not.</param>
    private async Task PassAsync(TcpClient from, TcpClient to, Func<ReadOnlySpan<byte>, bool> maySee)
    {
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await from.GetStream().ReadAsync(buffer, _ending.Token)) > 0)
        {
            await _flowing.Task.WaitAsync(_ending.Token);
            if (!maySee(buffer.AsSpan(0, read)))
            {
                // A socket that lingers for no time at all says RST where it would say FIN.
                from.Client.LingerState = to.Client.LingerState = new LingerOption(enable: true, seconds: 0);
                return;
            }

            await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _ending.Token);
        }
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private sealed record Order(byte[] Text, Cut Moment);

    private sealed record Line(TcpClient Client, TcpClient Server) : IDisposable
    {
        private volatile bool _isCutAtAnswer;

        public bool IsCutAtAnswer { get => _isCutAtAnswer; set => _isCutAtAnswer = value; }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
