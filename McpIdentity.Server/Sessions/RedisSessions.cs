using System.Runtime.CompilerServices;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using StackExchange.Redis;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// Sessions in Redis, one key each, encrypted; Redis forgets each when the last token of it has expired. Beside them one sorted
/// set a person with the ids of their sessions, by when each is over: nobody's sessions are found by reading everybody's.
/// </summary>
/// <remarks>
/// The set is written after the session, so that an id without a session is one that has ended and can be taken out. A node that
/// dies in between leaves a session that no browser was told of. Sessions of a release that wrote no sets are put into them when a
/// server starts, which reads every session anyway, and whenever one is changed. What such a server signs in beside this one is missing from a
/// list until then, by a few minutes of use at the most; what it granted ends with its person all the same (<see cref="Revocation.Revocations"/>).
/// </remarks>
internal sealed class RedisSessions(RedisConnection redis, EncryptionKeys keys, TimeProvider time) : ISessionStorage
{
    private const string Kind = "s:";
    private const string IndexKind = "p:";
    private const int PageSize = 500;

    public async Task<int> OpenAsync(CancellationToken cancellationToken)
    {
        if (!await redis.TryOpenAsync())
        {
            return 0; // It is away: sign-in is answered 503 until it is back.
        }

        var unreadable = 0;
        await foreach (var page in ScanAsync(cancellationToken))
        {
            SignInSession?[] sessions = [.. page.Select(text => SealedSession.Open(keys, text))];
            unreadable += sessions.Count(session => session is null);
            await redis.RunAsync(db => Task.WhenAll(sessions.OfType<SignInSession>().Select(session => IndexAsync(db, session))));
        }

        return unreadable;
    }

    public Task AddAsync(SignInSession session, CancellationToken cancellationToken) => redis.RunAsync(async db =>
    {
        await db.StringSetAsync(KeyOf(session.Id), SealedSession.Seal(keys, session), LifetimeOf(session));
        return await IndexAsync(db, session);
    });

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
            if (changed == session)
            {
                return changed;
            }

            if (await ReplaceAsync(db, text, changed))
            {
                await IndexAsync(db, changed);
                return changed;
            }
        }
    });

    public Task<bool> EndAsync(string id, CancellationToken cancellationToken) => redis.RunAsync(db => db.KeyDeleteAsync(KeyOf(id)));

    public async IAsyncEnumerable<SignInSession> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in ScanAsync(cancellationToken))
        {
            foreach (var session in page.Select(text => SealedSession.Open(keys, text)).OfType<SignInSession>())
            {
                yield return session;
            }
        }
    }

    public Task<IReadOnlyList<SignInSession>> ListOfAsync(string userId, CancellationToken cancellationToken) => redis.RunAsync<IReadOnlyList<SignInSession>>(async db =>
    {
        var ids = await db.SortedSetRangeByRankAsync(IndexOf(userId));
        // Pipelined, not MGET: the keys of a cluster live in different slots.
        var texts = await Task.WhenAll(ids.Select(id => db.StringGetAsync(KeyOf(id.ToString()))));
        RedisValue[] ended = [.. ids.Zip(texts).Where(pair => !pair.Second.HasValue).Select(pair => pair.First)];
        if (ended.Length > 0)
        {
            await db.SortedSetRemoveAsync(IndexOf(userId), ended);
        }

        return [.. texts.Where(text => text.HasValue).Select(text => SealedSession.Open(keys, text!)).OfType<SignInSession>()];
    });

    public Task CheckAsync(CancellationToken cancellationToken) => redis.CheckAsync();

    private RedisKey KeyOf(string id) => redis.Key(Kind + id);

    private RedisKey IndexOf(string userId) => redis.Key(IndexKind + userId);

    private TimeSpan LifetimeOf(SignInSession session)
    {
        var left = session.KeptUntil - time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
    }

    // The set outlives its sessions by as much as the last of them has left: should this fail once after a session was prolonged, the
    // next time comes long before. One key and no script: it runs on a cluster, and where scripts are not allowed.
    private async Task<bool> IndexAsync(IDatabase db, SignInSession session)
    {
        var (key, now) = (IndexOf(session.UserId), time.GetUtcNow().ToUnixTimeMilliseconds());
        var added = db.SortedSetAddAsync(key, session.Id, session.KeptUntil.ToUnixTimeMilliseconds());
        var over = db.SortedSetRemoveRangeByScoreAsync(key, double.NegativeInfinity, now, Exclude.Stop);
        var last = db.SortedSetRangeByRankWithScoresAsync(key, -1, -1);
        await Task.WhenAll(added, over, last);
        return await last is [var latest] && await db.KeyExpireAsync(key, TimeSpan.FromMilliseconds(2 * Math.Max(latest.Score - now, 1)));
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

    private async IAsyncEnumerable<IReadOnlyList<string>> ScanAsync([EnumeratorCancellation] CancellationToken cancellationToken)
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
                yield return [.. texts.Where(text => text.HasValue).Select(text => text.ToString())];
            }
        }
    }
}
