using System.Net;
using System.Net.Sockets;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>A stranger chooses the URL, and must not lead us into our own network (RFC 6890; docs/client-documents.md).</summary>
[Category("CIMD"), Category("SSRF")]
[Parallelizable(ParallelScope.Self)]
internal sealed class DocumentTargetTests
{
    private const string Callback = "https://client.example/callback";

    /// <summary>Every spelling of this computer that somebody has thought of; none of them is knocked at.</summary>
    [Test]
    [Requirement("MCP-26")]
    public async Task No_spelling_of_this_computer_or_its_network_is_connected_to()
    {
        await using var server = await TestServer.StartAsync("OAuth:ClientDocuments:FetchesPerHost=1000", "OAuth:ClientDocuments:FetchesOfUnknown=1000");
        using var canary = new Canary();
        var port = canary.Port;
        string[] hosts =
        [
            "127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "localhost.", "LOCALHOST", "0.0.0.0", "0", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1",
            "0177.0.0.1", "017700000001", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]", "[fe80::1]", "[fd00:ec2::254]", Dns.GetHostName(), "ip6-localhost", "ip6-loopback",
            "169.254.169.254", "[::ffff:169.254.169.254]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255", "metadata.google.internal",
            "１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "127.0.0.1%2f@example.com", "example.com@127.0.0.1", "example.com#@127.0.0.1", "127.0.0.1:80#", "localhost%00.example.com",
        ];
        using (Assert.EnterMultipleScope())
        {
            foreach (var id in hosts.Select(host => $"https://{host}:{port}/client.json"))
            {
                using var person = new Person(server);
                var page = await person.Browser.GetAsync(OAuthClient.Of(server, id, null, Callback).AuthorizeUrl());
                Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest), id);
                using var token = await OAuthClient.Of(server, id, null, Callback).RefreshAsync("none");
                Assert.That((int)token.StatusCode, Is.EqualTo(401).Or.EqualTo(503), id);
            }
        }

        Assert.That(canary.Hits, Is.Zero);
    }

    /// <summary>The canary itself: it counts whoever connects, by either family.</summary>
    [Test]
    public async Task The_canary_sings()
    {
        using var canary = new Canary();
        using (var v4 = new TcpClient())
        {
            await v4.ConnectAsync(IPAddress.Loopback, canary.Port);
        }

        await Until.TrueAsync(() => canary.Hits == 1, "the canary counted");
    }

    private sealed class Canary : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        private int _hits;

        public Canary()
        {
            _socket.Bind(new IPEndPoint(IPAddress.IPv6Any, Ports.Next()));
            _socket.Listen();
            _ = CountAsync();
        }

        public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

        public int Hits => Volatile.Read(ref _hits);

        public void Dispose() => _socket.Dispose();

        private async Task CountAsync()
        {
            try
            {
                while (true)
                {
                    (await _socket.AcceptAsync()).Dispose();
                    Interlocked.Increment(ref _hits);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
