using McpIdentity.Server.Authorization;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The one connection of this node to Redis, opened when it is first needed. It reconnects by itself; while Redis is away a
/// command fails at once, so that a request ends in 503 and not in a queue.
/// </summary>
internal sealed class RedisConnection(IOptions<OAuthServerOptions> options) : IAsyncDisposable
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

    private ConfigurationOptions Settings() => new()
    {
        EndPoints = { { _redis.Host ?? "localhost", _redis.Port } },
        Password = _redis.Password,
        DefaultDatabase = _redis.Db,
        Ssl = _redis.Tls,
        SslHost = _redis.Tls ? _redis.Host ?? "localhost" : null,
        AbortOnConnectFail = false,
        ConnectTimeout = 2000,
        AsyncTimeout = 2000,
        SyncTimeout = 2000,
        BacklogPolicy = BacklogPolicy.FailFast,
        ClientName = "mcpidentity",
    };
}
