using System.Net;
using System.Net.Sockets;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Whose address the security log names: the one that a proxy saw, never the one that a client claims. SEED-037.</summary>
[Category("Proxy")]
[Parallelizable(ParallelScope.All)]
internal sealed class ClientAddressTests
{
    // Loopback as well, so that one machine is enough; nginx itself is 127.0.0.1 to the server.
    private const string Client = "127.0.0.2";
    private const string Claimed = "203.0.113.9";

    [TestCase(true, Client)]
    [TestCase(false, "127.0.0.1")]
    [Category("SEED-037")]
    [Category("Nginx")]
    public async Task Behind_nginx_the_log_names_who_was_there_and_not_who_the_client_says_it_is(bool trusts, string expected)
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder, $"Server:TrustProxy={trusts}");
        await using var nginx = await NginxServer.StartAsync([server.BaseUrl]);

        using var plain = ClientOf(nginx.BaseUrl);
        Assert.That(await LoggedAddressAsync(folder, plain), Is.EqualTo(expected));

        // nginx appends what it sees to what the client sent: only the last entry is its word.
        foreach (var claim in (string[])[Claimed, $"{Claimed}, 10.0.0.1", $"{Claimed}, 127.0.0.1", "unknown", $"[2001:db8::1]:80,{Claimed}"])
        {
            using var http = ClientOf(nginx.BaseUrl);
            http.DefaultRequestHeaders.Add("X-Forwarded-For", claim);
            http.DefaultRequestHeaders.Add("X-Real-IP", Claimed);
            http.DefaultRequestHeaders.Add("Forwarded", $"for={Claimed}");
            Assert.That(await LoggedAddressAsync(folder, http), Is.EqualTo(expected), claim);
        }

        Assert.That(LogLines.ReadText(folder.File("security.log")), Does.Not.Contain(Claimed));
    }

    [TestCase("Server:TrustProxy=false")]
    [TestCase("Server:KnownProxies:0=10.9.8.7", TestName = "The_address_that_a_peer_names_is_not_believed_where_the_peer_is_no_known_proxy")]
    [Category("SEED-037")]
    public async Task Without_a_proxy_the_address_that_a_client_claims_is_not_logged(string setting)
    {
        using var folder = new TemporaryFolder();
        await using var server = await StartAsync(folder, "Server:TrustProxy=true", setting);
        using var http = ClientOf(server.BaseUrl);
        http.DefaultRequestHeaders.Add("X-Forwarded-For", Claimed);
        http.DefaultRequestHeaders.Add("X-Original-For", Claimed);

        Assert.That(await LoggedAddressAsync(folder, http), Is.EqualTo(Client));
        Assert.That(LogLines.ReadText(folder.File("security.log")), Does.Not.Contain(Claimed));
    }

    private static Task<TestServer> StartAsync(TemporaryFolder folder, params string[] settings) => TestServer.StartAsync(
    [
        "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={folder.File("security.log")}", .. settings,
    ]);

    private static async Task<string?> LoggedAddressAsync(TemporaryFolder folder, HttpClient http)
    {
        var client = await OAuthClient.RegisterPublicAsync(http);
        return (await LogLines.WaitForAsync(folder.File("security.log"), "client_registered", line => line.Text("client_id") == client.ClientId)).Text("address");
    }

    /// <summary>Who comes from an address of their own.</summary>
    public static HttpClient ClientOf(string baseUrl) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Parse(Client), 0));
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, context.DnsEndPoint.Port), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new Uri(baseUrl),
    };
}
