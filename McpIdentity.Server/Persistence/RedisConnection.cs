using System.Net.Sockets;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The one connection of this node to Redis, opened when it is first needed. It reconnects by itself; while Redis is away a
/// command fails at once, so that a request ends in 503 and not in a queue.
/// </summary>
internal sealed partial class RedisConnection(IOptions<OAuthServerOptions> options, ILogger<RedisConnection> logger) : IAsyncDisposable
{
    private readonly RedisOptions _redis = options.Value.SessionStorage.Redis;
    private readonly SemaphoreSlim _opening = new(1);
    private ConnectionMultiplexer? _connection;

    /// <summary>Whether a setting asks for Redis. Where none does, everything shared goes through the database.</summary>
    public bool IsConfigured => _redis.Host is { Length: > 0 } || options.Value.SessionStorage.Type == SessionStorageType.Redis;

    /// <summary>The key as it is stored: <paramref name="key"/> behind the configured prefix.</summary>
    public RedisKey Key(string key) => _redis.KeyPrefix + key;

    /// <summary>The channel of this installation, behind the same prefix as its keys.</summary>
    public RedisChannel Channel(string name) => RedisChannel.Literal(_redis.KeyPrefix + name);

    public async ValueTask<IDatabase> DatabaseAsync() => (await OpenAsync()).GetDatabase();

    public async ValueTask<ISubscriber> SubscriberAsync() => (await OpenAsync()).GetSubscriber();

    /// <summary>The first connection, at the start: a Redis that is away comes back, one that refuses us never does.</summary>
    /// <returns>False when it is away.</returns>
    /// <exception cref="InvalidOperationException">It is there and does not let us in; the message is for the operator.</exception>
    public async Task<bool> TryOpenAsync()
    {
        if (_connection is { } open)
        {
            return open.IsConnected;
        }

        var settings = Settings();
        settings.AbortOnConnectFail = true;
        try
        {
            var connection = await ConnectionMultiplexer.ConnectAsync(settings);
            _connection ??= connection;
            await connection.GetDatabase().KeyExistsAsync(Key("")); // unlike a ping, a command that needs the database
            return true;
        }
        catch (RedisConnectionException exception) when (exception.FailureType == ConnectionFailureType.AuthenticationFailure)
        {
            throw new InvalidOperationException(exception.InnerException is RedisServerException refusal
                ? $"{_redis} refuses the connection: {refusal.Message}"
                : $"{_redis} cannot be reached over TLS: {exception.InnerException?.Message ?? exception.Message}. Is REDIS_TLS right?", exception);
        }
        catch (Exception exception) when (exception is RedisConnectionException or RedisTimeoutException || IsLoading(exception))
        {
            if (!IsLoading(exception) && await ListensAsync())
            {
                throw new InvalidOperationException(
                    $"{_redis} accepts connections but does not answer as Redis {(_redis.Tls ? "over TLS" : "without TLS")} does. Is REDIS_TLS right?", exception);
            }

            IsAway(_redis, exception.Message);
            return false;
        }
        catch (RedisException exception)
        {
            throw new InvalidOperationException($"{_redis} cannot be used: {exception.Message}", exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        _opening.Dispose();
    }

    private async ValueTask<ConnectionMultiplexer> OpenAsync()
    {
        if (_connection is { } open)
        {
            return open;
        }

        await _opening.WaitAsync();
        try
        {
            return _connection ??= await ConnectionMultiplexer.ConnectAsync(Settings());
        }
        finally
        {
            _opening.Release();
        }
    }

    // While it reads its data from the disk it answers every command with that word.
    private static bool IsLoading(Exception exception) => exception.ToString().Contains("LOADING", StringComparison.Ordinal);

    private async Task<bool> ListensAsync()
    {
        using var probe = new TcpClient();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await probe.ConnectAsync(_redis.Host ?? "localhost", _redis.Port, timeout.Token);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private ConfigurationOptions Settings() => new()
    {
        EndPoints = { { _redis.Host ?? "localhost", _redis.Port } },
        User = _redis.User,
        Password = _redis.Password,
        DefaultDatabase = _redis.Db,
        Ssl = _redis.Tls,
        SslHost = _redis.Tls ? _redis.Host ?? "localhost" : null,
        AbortOnConnectFail = false,
        ConnectTimeout = 2000,
        AsyncTimeout = 2000,
        SyncTimeout = 2000,
        BacklogPolicy = BacklogPolicy.FailFast,
        ReconnectRetryPolicy = new LinearRetry(500),
        ClientName = "mcpidentity",
    };

    [LoggerMessage(1601, LogLevel.Warning, "{Redis} is out of reach ({Reason}). What needs it is answered 503 until it is back.")]
    private partial void IsAway(RedisOptions redis, string reason);
}
