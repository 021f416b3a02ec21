using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// This node's way to Redis. The first command that gets no answer in time says that Redis is away: those that wait beside
/// it are let go, and until it answers again one task tries and everybody else is told at once. Nobody's request is the one
/// that tries, which is why this is not Polly's circuit breaker.
/// </summary>
internal sealed partial class RedisConnection(IOptions<OAuthServerOptions> options, ILogger<RedisConnection> logger) : IAsyncDisposable
{
    private const int MaxReasonLength = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan TriesEvery = TimeSpan.FromMilliseconds(500);

    private readonly RedisOptions _redis = options.Value.SessionStorage.Redis;
    private readonly RedisEndpoint _endpoint = new(options.Value.SessionStorage.Redis);
    private readonly SemaphoreSlim _opening = new(1);
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _changing = new();
    private ConnectionMultiplexer? _connection;
    private ConnectionMultiplexer? _listeningOn;
    private Listener? _listener;
    private CancellationTokenSource _waiting = new();
    private Task _trying = Task.CompletedTask;
    private volatile Exception? _away;

    /// <summary>Whether a setting asks for Redis. Where none does, everything shared goes through the database.</summary>
    public bool IsConfigured => _redis.Host is { Length: > 0 } || options.Value.SessionStorage.Type == SessionStorageType.Redis;

    /// <summary>Whether it did not answer, and is being tried.</summary>
    public bool IsAway => _away is not null;

    /// <summary>The key as it is stored: <paramref name="key"/> behind the configured prefix.</summary>
    public RedisKey Key(string key) => _redis.KeyPrefix + key;

    /// <summary>The channel of this installation, behind the same prefix as its keys.</summary>
    public RedisChannel Channel(string name) => RedisChannel.Literal(_redis.KeyPrefix + name);

    /// <summary>Runs a command, or several, in bounded time.</summary>
    /// <exception cref="StorageUnavailableException">Redis is away, or refuses because of its own state: full, read-only, loading.</exception>
    public async Task<T> RunAsync<T>(Func<IDatabase, Task<T>> command)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (_away is { } known)
        {
            throw Unavailable(known);
        }

        var letGo = _waiting.Token;
        try
        {
            var connection = await OpenAsync().WaitAsync(Patience, letGo);
            return await command(connection.GetDatabase()).WaitAsync(Patience, letGo);
        }
        catch (OperationCanceledException exception) when (letGo.IsCancellationRequested)
        {
            throw Unavailable(_away ?? exception);
        }
        catch (Exception exception) when (RedisFaults.IsOne(exception))
        {
            Failed(exception);
            throw Unavailable(exception);
        }
    }

    /// <summary>Whether it takes a write, as everything that serves needs: returns or throws.</summary>
    public Task CheckAsync() => RunAsync(WriteAsync);

    /// <summary>What it does when it is full (<c>maxmemory-policy</c>); null where it does not say.</summary>
    public async Task<string?> MemoryPolicyAsync()
    {
        var settings = _endpoint.Settings();
        (settings.AllowAdmin, settings.AbortOnConnectFail) = (true, true);
        await using var connection = await ConnectionMultiplexer.ConnectAsync(settings);
        // INFO and not CONFIG, which hosted ones refuse.
        var memory = await connection.GetServers()[0].InfoAsync("memory");
        return memory.SelectMany(section => section).FirstOrDefault(entry => entry.Key == "maxmemory_policy").Value;
    }

    /// <summary>Calls <paramref name="wake"/> for each message, now and after every reconnection.</summary>
    /// <param name="name">As of <see cref="Channel"/>: whoever has no Redis would load its client for that type.</param>
    /// <param name="wake">Hears the message.</param>
    public async Task ListenAsync(string name, Action<string?> wake)
    {
        _listener = new Listener(Channel(name), wake);
        try
        {
            await RunAsync(async _ =>
            {
                await ListenOnAsync(_connection!);
                return true;
            });
        }
        catch (StorageUnavailableException) when (IsAway)
        {
            // It is listened to as soon as it is back.
        }
    }

    /// <summary>The first connection, at the start: a Redis that is away comes back, one that refuses us never does.</summary>
    /// <returns>False when it is away.</returns>
    /// <exception cref="InvalidOperationException">It is there and does not let us in; the message is for the operator.</exception>
    public async Task<bool> TryOpenAsync()
    {
        if (_connection is { } open)
        {
            return open.IsConnected;
        }

        var settings = _endpoint.Settings();
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
        catch (Exception exception) when (exception is RedisConnectionException or RedisTimeoutException || RedisFaults.IsLoading(exception))
        {
            if (!RedisFaults.IsLoading(exception) && await _endpoint.SpeaksAsync(Patience))
            {
                throw new InvalidOperationException(
                    $"{_redis} accepts connections but does not answer as Redis {(_redis.Tls ? "over TLS" : "without TLS")} does. Is REDIS_TLS right?", exception);
            }

            Failed(exception);
            return false;
        }
        catch (RedisException exception)
        {
            throw new InvalidOperationException($"{_redis} cannot be used: {exception.Message}", exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _trying;
        if (IsConfigured)
        {
            await CloseAsync();
        }

        _opening.Dispose();
        _ending.Dispose();
        _waiting.Dispose();
    }

    // Not in its place: whoever has no Redis would load its client to end.
    private ValueTask CloseAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<ConnectionMultiplexer> OpenAsync()
    {
        if (_connection is { } open)
        {
            return open;
        }

        await _opening.WaitAsync();
        try
        {
            return _connection ??= await ConnectionMultiplexer.ConnectAsync(_endpoint.Settings());
        }
        finally
        {
            _opening.Release();
        }
    }

    private StorageUnavailableException Unavailable(Exception exception) => new($"{_redis} is out of reach or takes no writes.", exception);

    private void Failed(Exception exception)
    {
        var answers = RedisFaults.IsAnswer(exception);
        if (answers && !RedisFaults.IsReplica(exception))
        {
            return;
        }

        lock (_changing)
        {
            if (_ending.IsCancellationRequested)
            {
                return;
            }

            if (!answers && _away is null)
            {
                _away = exception;
                LostIt(_redis, exception.Message.Length > MaxReasonLength ? exception.Message[..MaxReasonLength] : exception.Message);
                _waiting.Cancel();
            }

            if (_trying.IsCompleted)
            {
                _trying = Task.Run(TryUntilItWritesAsync);
            }
        }
    }

    private async Task TryUntilItWritesAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                if ((_connection is { } old && await IsPrimaryAsync(old)) || await ReplaceAsync())
                {
                    await ListenOnAsync(_connection!);
                    Back();
                    return;
                }
            }
            catch (Exception exception) when (RedisFaults.IsOne(exception))
            {
                // Not yet.
            }

            // Not TimeProvider: what is waited for is the network.
            await Task.Delay(TriesEvery, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Back()
    {
        lock (_changing)
        {
            if (_away is null)
            {
                return;
            }

            (_waiting, _away) = (new CancellationTokenSource(), null);
        }

        HasIt(_redis);
    }

    /// <summary>
    /// A connection of its own: behind the same address there may be another server, and the old connection stays with one
    /// that hangs or has become a replica.
    /// </summary>
    private async Task<bool> ReplaceAsync()
    {
        var settings = _endpoint.Settings();
        settings.AbortOnConnectFail = true;
        var connection = await ConnectionMultiplexer.ConnectAsync(settings);
        if (!await IsPrimaryAsync(connection))
        {
            await connection.DisposeAsync();
            return false;
        }

        if (Interlocked.Exchange(ref _connection, connection) is { } old)
        {
            await old.DisposeAsync(); // Nobody waits on it: they were let go, or their server refuses them.
        }

        return true;
    }

    private async Task<bool> IsPrimaryAsync(ConnectionMultiplexer connection)
    {
        try
        {
            return await WriteAsync(connection.GetDatabase()).WaitAsync(Patience);
        }
        catch (RedisServerException exception) when (!RedisFaults.IsReplica(exception) && !RedisFaults.IsLoading(exception))
        {
            return true; // full, for instance: another connection leads to the same
        }
        catch (Exception exception) when (RedisFaults.IsOne(exception))
        {
            return false;
        }
    }

    private Task<bool> WriteAsync(IDatabase database) => database.StringSetAsync(Key("write"), "1", TimeSpan.FromMinutes(1));

    private async Task ListenOnAsync(ConnectionMultiplexer connection)
    {
        if (_listener is { } listener && _listeningOn != connection)
        {
            // Of one connection the library subscribes anew by itself.
            await connection.GetSubscriber().SubscribeAsync(listener.Channel, (_, message) => listener.Wake(message)).WaitAsync(Patience);
            _listeningOn = connection;
        }
    }

    // Not a tuple, whose layout would load the library wherever this class is named, also where no setting asks for Redis.
    private sealed record Listener(RedisChannel Channel, Action<string?> Wake);

    [LoggerMessage(1601, LogLevel.Warning, "{Redis} is out of reach ({Reason}). What needs it is answered 503 until it is back.")]
    private partial void LostIt(RedisOptions redis, string reason);

    [LoggerMessage(1603, LogLevel.Information, "{Redis} answers again.")]
    private partial void HasIt(RedisOptions redis);
}
