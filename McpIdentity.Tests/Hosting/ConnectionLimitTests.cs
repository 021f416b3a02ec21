using System.Net;
using System.Net.Sockets;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Connections that nobody uses take file descriptors: docs/operations.md, "Connections".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ConnectionLimitTests
{
    // The least that .NET can start with.
    private const int Descriptors = 512;

    [Test, Category("Slow")]
    public async Task Idle_connections_leave_the_process_enough_and_it_goes_on_when_they_are_closed()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart { Before = $"ulimit -n {Descriptors}" });
        Assert.That(server.Output, Does.Contain($"of {Descriptors} file descriptors"), "said at the start");
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);
        for (var round = 0; round < 2; round++)
        {
            var idle = new List<Socket>();
            try
            {
                for (var i = 0; i < 2 * Descriptors; i++)
                {
                    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    idle.Add(socket);
                    try
                    {
                        await socket.ConnectAsync(IPAddress.Loopback, server.Port);
                    }
                    catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
                    {
                        // One too many, closed before it was open here. A server that is gone would refuse it.
                    }
                }

                // Whoever has a connection is served as before, database and all.
                for (var i = 0; i < 20; i++)
                {
                    await OAuthClient.RegisterPublicAsync(server.Http);
                }
            }
            finally
            {
                idle.ForEach(socket => socket.Dispose());
            }

            await Until.TrueAsync(AnswersNewcomersAsync, "new connections are taken again");
            await client.ConnectAsync(alice);
        }

        Assert.That(server.ExitCode, Is.Null);
        Assert.That(server.Output, Does.Not.Contain("Unhandled").And.Not.Contain("failed to accept"));
        Assert.That(await server.StopAsync(), Is.Zero);

        await using var refused = ServerProcess.Launch(new ServerStart { Before = $"ulimit -n {Descriptors / 2}" });
        Assert.That(await refused.WaitForExitAsync(), Is.EqualTo(1));
        Assert.That(refused.Output, Does.Contain("ulimit -n").And.Contain($"{Descriptors}").And.Not.Contain("   at "), "a sentence, and no stack");

        async Task<bool> AnswersNewcomersAsync()
        {
            try
            {
                using var newcomer = new HttpClient { BaseAddress = new Uri(server.BaseUrl) };
                using var answer = await newcomer.GetAsync("/health/ready");
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }
}
