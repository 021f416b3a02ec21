using McpIdentity.Mcp;
using McpIdentity.Mcp.Limits;
using McpIdentity.Server.Persistence;
using StackExchange.Redis;

namespace McpIdentity.Server.Limits;

/// <summary>
/// Counts in the Redis that all nodes share, in one round trip. While Redis is away each node counts for itself: a limit
/// that is too generous for a while is better than a refused request.
/// </summary>
internal sealed partial class RedisRateCounter(RedisConnection redis, MemoryRateCounter memory, ILogger<RedisRateCounter> logger)
    : IMcpRateCounter
{
    // A count that has lost its end (a restored snapshot, a foreign write) would never begin anew: the end is looked at every time.
    private const string Script = """
        local used = redis.call('INCR', KEYS[1])
        local left = redis.call('PTTL', KEYS[1])
        if left < 0 then
            redis.call('PEXPIRE', KEYS[1], ARGV[1])
            left = tonumber(ARGV[1])
        end
        return {used, left}
        """;

    private int _isAlone;

    public async ValueTask<RateCount> CountAsync(string key, TimeSpan window)
    {
        if (redis is { IsConfigured: true, IsAway: false })
        {
            try
            {
                var count = await redis.RunAsync(database => CountAsync(database, key, window));
                if (Interlocked.Exchange(ref _isAlone, 0) == 1)
                {
                    IsBack();
                }

                return count;
            }
            catch (Exception exception)
            {
                // Whatever is wrong with Redis, the request is not: it may be away, full, read-only or without scripts.
                if (Interlocked.Exchange(ref _isAlone, 1) == 0)
                {
                    IsAway(exception.GetBaseException().Message);
                }
            }
        }

        return await memory.CountAsync(key, window);
    }

    private async Task<RateCount> CountAsync(IDatabase database, string key, TimeSpan window)
    {
        var answer = (RedisResult[])(await database.ScriptEvaluateAsync(Script, [redis.Key("rate:" + key)], [(long)window.TotalMilliseconds]))!;
        return new RateCount((long)answer[0], TimeSpan.FromMilliseconds((long)answer[1]));
    }

    [LoggerMessage(1701, LogLevel.Warning, "Redis does not answer ({Problem}): this node counts requests for itself until it does.")]
    private partial void IsAway(string problem);

    [LoggerMessage(1702, LogLevel.Information, "Redis answers again: the nodes share their limits.")]
    private partial void IsBack();
}
