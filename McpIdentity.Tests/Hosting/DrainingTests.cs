using System.Net;
using System.Net.Sockets;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>A server that is told to stop lets nobody in that it will not answer: docs/operations.md, "Several servers".</summary>
[Category("Operations"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class DrainingTests
{
    private const string Registration = """{"redirect_uris":["http://127.0.0.1:1/callback"],"token_endpoint_auth_method":"none"}""";

    [Test]
    public async Task New_connections_are_refused_at_once_and_what_has_begun_on_an_open_one_is_answered()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart());
        using var open = new TcpClient();
        await open.ConnectAsync(IPAddress.Loopback, server.Port);
        await using var stream = open.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /register HTTP/1.1\r\nHost: localhost:{server.Port}\r\nContent-Type: application/json\r\nContent-Length: {Registration.Length}\r\nExpect: 100-continue\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        Assert.That(await reader.ReadLineAsync(), Is.EqualTo("HTTP/1.1 100 Continue"), "it reads the body: the request has begun");
        await reader.ReadLineAsync();

        var stopped = server.StopAsync();
        await Until.TrueAsync(() => IsRefusedAsync(server.Port), "nobody else is let in");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(Registration));
        var answer = await reader.ReadToEndAsync();

        Assert.That(answer, Does.StartWith("HTTP/1.1 201 Created").And.Contain("client_id"));
        Assert.That(await stopped, Is.Zero);
    }

    [Test]
    public async Task Whoever_was_let_in_is_answered()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart());
        var served = 0;
        var lanes = Enumerable.Range(0, 64).Select(_ => Task.Run(AskUntilRefusedAsync)).ToList();
        await Until.TrueAsync(() => Volatile.Read(ref served) > 100 || lanes.Exists(lane => lane.IsCompleted), "requests are being served");
        var stopped = server.StopAsync();

        Assert.That(await Task.WhenAll(lanes), Has.All.EqualTo(HttpRequestError.ConnectionError), "refused, and not let in and dropped");
        Assert.That(await stopped, Is.Zero);

        // Each request on a connection of its own.
        async Task<HttpRequestError> AskUntilRefusedAsync()
        {
            using var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero };
            using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
            while (true)
            {
                try
                {
                    using var answer = await http.GetAsync("/.well-known/oauth-authorization-server");
                    Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                    Interlocked.Increment(ref served);
                }
                catch (HttpRequestException exception)
                {
                    return exception.HttpRequestError;
                }
            }
        }
    }

    [Test]
    public async Task New_connections_are_let_in_for_as_long_as_a_load_balancer_was_said_to_need()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart { Arguments = ["--Server:DrainSeconds=300"] });
        _ = server.StopAsync();
        using var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero };
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        await Until.TrueAsync(async () =>
        {
            using var readiness = await http.GetAsync("/health/ready");
            return readiness.StatusCode == HttpStatusCode.ServiceUnavailable && (await readiness.Content.ReadAsStringAsync()).Contains("draining", StringComparison.Ordinal);
        }, "it says on a new connection that it is about to stop");

        using var metadata = await http.GetAsync("/.well-known/oauth-authorization-server");
        Assert.That(metadata.StatusCode, Is.EqualTo(HttpStatusCode.OK), "whoever comes is served");
        Assert.That(metadata.Headers.ConnectionClose, Is.True);
        await server.KillAsync();
    }

    private static async Task<bool> IsRefusedAsync(int port)
    {
        try
        {
            using var connection = new TcpClient();
            await connection.ConnectAsync(IPAddress.Loopback, port);
            return false;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }
}
