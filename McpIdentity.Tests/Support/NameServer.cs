using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace McpIdentity.Tests.Support;

/// <summary>Answers questions for addresses (RFC 1035) as it likes: a name may have another address each time.</summary>
internal sealed class NameServer : IDisposable
{
    private const int A = 1;
    private const int Aaaa = 28;

    private readonly ConcurrentDictionary<string, int> _asked = new();
    private readonly Socket _socket;

    private NameServer(Socket socket) => _socket = socket;

    /// <summary>What each name has the first time, the second time and so on; the last answer stays.</summary>
    public ConcurrentDictionary<string, string[][]> Names { get; } = new(StringComparer.OrdinalIgnoreCase);

    public static async Task<NameServer> StartAsync(NetworkNamespace network, string address)
    {
        var socket = await network.RunAsync(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 53));
        var server = new NameServer(socket);
        _ = server.ServeAsync();
        return server;
    }

    /// <summary>How often a name was asked for.</summary>
    public int TimesAsked(string name) => _asked.GetValueOrDefault(name);

    public void Dispose() => _socket.Dispose();

    private async Task ServeAsync()
    {
        var buffer = new byte[512];
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                await _socket.SendToAsync(Answer(buffer.AsSpan(0, received.ReceivedBytes)), received.RemoteEndPoint);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private byte[] Answer(ReadOnlySpan<byte> query)
    {
        var labels = new List<string>();
        var at = 12;
        while (query[at] != 0)
        {
            labels.Add(Encoding.ASCII.GetString(query.Slice(at + 1, query[at])));
            at += query[at] + 1;
        }

        var (name, type, end) = (string.Join('.', labels), query[at + 2], at + 5);
        // One question is of two: for A and for AAAA.
        var turn = type == A ? _asked.AddOrUpdate(name, 1, (_, times) => times + 1) : Math.Max(1, TimesAsked(name));
        var addresses = (Names.TryGetValue(name, out var answers) ? answers[Math.Min(turn, answers.Length) - 1] : [])
            .Select(IPAddress.Parse).Where(address => address.AddressFamily == (type == A ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6)).ToList();
        using var answer = new MemoryStream();
        answer.Write(query[..2]);
        answer.Write([0x81, 0x80, 0, 1, 0, (byte)addresses.Count, 0, 0, 0, 0]);
        answer.Write(query[12..end]);
        foreach (var address in addresses)
        {
            var bytes = address.GetAddressBytes();
            answer.Write([0xc0, 12, 0, type is A ? (byte)A : (byte)Aaaa, 0, 1, 0, 0, 0, 0, 0, (byte)bytes.Length]); // to live for 0 seconds
            answer.Write(bytes);
        }

        return answer.ToArray();
    }
}
