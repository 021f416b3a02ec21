using System.Runtime.CompilerServices;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using StackExchange.Redis;

namespace McpIdentity.Server.Sessions;

/// <summary>Sessions in Redis, one key each, encrypted; Redis forgets each when the last token of it has expired.</summary>
internal sealed class RedisSessions(RedisConnection redis, EncryptionKeys keys, TimeProvider time) : ISessionStorage
{
    private const string Kind = "s:";
    private const int PageSize = 500;

    public async Task<int> OpenAsync(CancellationToken cancellationToken)
    {
        if (!await redis.TryOpenAsync())
        {
            return 0; // It is away: sign-in is answered 503 until it is back.
        }

        var unreadable = 0;
        await foreach (var (_, text) in ScanAsync(cancellationToken))
        {
            unreadable += SealedSession.Open(keys, text) is null ? 1 : 0;
        }

        return unreadable;
    }

    public Task AddAsync(SignInSession session, CancellationToken cancellationToken) =>
        redis.RunAsync(db => db.StringSetAsync(KeyOf(session.Id), SealedSession.Seal(keys, session), LifetimeOf(session)));

    public Task<SignInSession?> FindAsync(string id, CancellationToken cancellationToken) => redis.RunAsync(async db =>
    {
        var text = await db.StringGetAsync(KeyOf(id));
        if (!text.HasValue || SealedSession.Open(keys, text!) is not { } session)
        {
            return null;
        }

        if (EncryptionKeys.PrefixOf(text!) != keys.Prefixes[0])
        {
            // Read under a previous key: written again under the current one, unless it was changed or ended meanwhile.
            await ReplaceAsync(db, text, session);
        }

        return session;
    });

    public Task<SignInSession?> UpdateAsync(string id, Func<SignInSession, SignInSession> change, CancellationToken cancellationToken) => redis.RunAsync(async db =>
    {
        while (true)
        {
            var text = await db.StringGetAsync(KeyOf(id));
            if (!text.HasValue || SealedSession.Open(keys, text!) is not { } session)
            {
                return null;
            }

            var changed = change(session);
            if (changed == session || await ReplaceAsync(db, text, changed))
            {
                return changed;
            }
        }
    });

    public Task<bool> EndAsync(string id, CancellationToken cancellationToken) => redis.RunAsync(db => db.KeyDeleteAsync(KeyOf(id)));

    public async IAsyncEnumerable<SignInSession> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var (_, text) in ScanAsync(cancellationToken))
        {
            if (SealedSession.Open(keys, text) is { } session)
            {
                yield return session;
            }
        }
    }

    public Task CheckAsync(CancellationToken cancellationToken) => redis.CheckAsync();

    private RedisKey KeyOf(string id) => redis.Key(Kind + id);

    private TimeSpan LifetimeOf(SignInSession session)
    {
        var left = session.KeptUntil - time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
    }

    private async Task<bool> ReplaceAsync(IDatabase db, RedisValue old, SignInSession session)
    {
        var key = KeyOf(session.Id);
#pragma warning disable SER301 // The single command that it proposes needs Redis 8.4; Debian and most hosts have 7.
        var transaction = db.CreateTransaction();
        transaction.AddCondition(Condition.StringEqual(key, old));
        _ = transaction.StringSetAsync(key, SealedSession.Seal(keys, session), LifetimeOf(session));
#pragma warning restore SER301
        return await transaction.ExecuteAsync();
    }

    private async IAsyncEnumerable<(RedisKey Key, string Text)> ScanAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var db = await redis.RunAsync(Task.FromResult);
        // A prefix may hold what a pattern would read as a wildcard.
        var pattern = string.Concat(redis.Key(Kind).ToString().Select(character => "*?[]^-\\".Contains(character) ? $"\\{character}" : $"{character}")) + "*";
        foreach (var server in db.Multiplexer.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }))
        {
            await foreach (var page in server.KeysAsync(db.Database, pattern, pageSize: PageSize).Chunk(PageSize).WithCancellation(cancellationToken))
            {
                // Pipelined, not MGET: the keys of a cluster live in different slots.
                var texts = await redis.RunAsync(database => Task.WhenAll(page.Select(key => database.StringGetAsync(key))));
                foreach (var (key, text) in page.Zip(texts).Where(pair => pair.Second.HasValue))
                {
                    yield return (key, text!);
                }
            }
        }
    }
}
