using System.Net.Sockets;
using McpIdentity.Server.Settings;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>Where Redis is, and how it is spoken to.</summary>
internal sealed class RedisEndpoint(RedisOptions redis)
{
    /// <summary>What a connection is made with. While Redis is away a command fails at once instead of waiting in a queue.</summary>
    public ConfigurationOptions Settings() => new()
    {
        EndPoints = { { redis.Host ?? "localhost", redis.Port } },
        User = redis.User,
        Password = redis.Password,
        DefaultDatabase = redis.Db,
        Ssl = redis.Tls,
        SslHost = redis.Tls ? redis.Host ?? "localhost" : null,
        AbortOnConnectFail = false,
        ConnectTimeout = 2000,
        AsyncTimeout = 2000,
        SyncTimeout = 2000,
        BacklogPolicy = BacklogPolicy.FailFast,
        ReconnectRetryPolicy = new LinearRetry(500),
        ClientName = "mcpidentity",
    };

    /// <summary>Whatever listens says something to this, be it Redis, TLS or another protocol, or hangs up; a Redis that hangs does not.</summary>
    public async Task<bool> SpeaksAsync(TimeSpan patience)
    {
        using var probe = new TcpClient();
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            await probe.ConnectAsync(redis.Host ?? "localhost", redis.Port, timeout.Token);
            await probe.GetStream().WriteAsync("PING\r\n"u8.ToArray(), timeout.Token);
            return await probe.GetStream().ReadAsync(new byte[1], timeout.Token) >= 0;
        }
        catch (IOException)
        {
            return true;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
