using System.Collections.Concurrent;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Sessions;

/// <summary>The contract of the four storages, the database on both providers: one suite, run against each.</summary>
[TestFixture(SessionStorageType.Database, false)]
[TestFixture(SessionStorageType.Database, true, Category = "Postgres")]
[TestFixture(SessionStorageType.Memory, false)]
[TestFixture(SessionStorageType.File, false)]
[TestFixture(SessionStorageType.Redis, false, Category = "Redis")]
[Category("Storage")]
[Category("SEED-032")]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Parallelizable(ParallelScope.Self)]
internal sealed class StorageTests(SessionStorageType type, bool postgres)
{
    private const string Key = "the first key of more than thirty-two characters";
    private const string NextKey = "the second key of more than thirty-two characters";

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));
    private readonly List<object> _opened = [];
    private DirectoryInfo _folder = null!;
    private Action<IServiceCollection> _addDatabase = null!;
    private OAuthServerOptions _redis = null!;
    private ISessionStorage _storage = null!;

    [SetUp]
    public async Task OpenAsync()
    {
        _folder = Directory.CreateTempSubdirectory("mcpidentity-sessions-");
        await PrepareDatabaseAsync();
        await PrepareRedisAsync();
        _storage = await OpenAsync(Key);
    }

    [TearDown]
    public async Task CloseAsync()
    {
        await CloseAllAsync();
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task A_session_is_found_with_all_it_holds()
    {
        var session = Session("one") with { DeviceHint = "A browser; it's \"quoted\"" };
        await _storage.AddAsync(session, default);

        Assert.That(await _storage.FindAsync("one", default), Is.EqualTo(session));
        Assert.That(await _storage.FindAsync("another", default), Is.Null);
    }

    [Test]
    public async Task An_ended_session_is_gone_for_every_purpose()
    {
        await _storage.AddAsync(Session("one"), default);
        await _storage.AddAsync(Session("two"), default);

        Assert.That(await _storage.EndAsync("one", default), Is.True);
        Assert.That(await _storage.EndAsync("one", default), Is.False);
        Assert.That(await _storage.FindAsync("one", default), Is.Null);
        Assert.That(await _storage.UpdateAsync("one", session => session, default), Is.Null);
        Assert.That(await IdsAsync(_storage), Is.EqualTo(["two"]));
    }

    [Test]
    public async Task Of_changes_at_once_none_is_lost()
    {
        await _storage.AddAsync(Session("one"), default);

        await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(() => _storage.UpdateAsync(
            "one",
            session => i % 2 == 0 ? session with { KeptUntil = session.KeptUntil.AddHours(1) } : session with { LastSeenAt = session.LastSeenAt.AddSeconds(1) },
            default))));

        var after = await _storage.FindAsync("one", default);
        Assert.That(after!.KeptUntil, Is.EqualTo(Session("one").KeptUntil.AddHours(12)));
        Assert.That(after.LastSeenAt, Is.EqualTo(Session("one").LastSeenAt.AddSeconds(12)));
    }

    [Test]
    public async Task A_change_does_not_bring_an_ended_session_back()
    {
        for (var round = 0; round < 10; round++)
        {
            var id = $"session {round}";
            await _storage.AddAsync(Session(id), default);

            await Task.WhenAll(
                [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => _storage.UpdateAsync(id, session => session with { KeptUntil = session.KeptUntil.AddHours(1) }, default))),
                Task.Run(() => _storage.EndAsync(id, default))]);

            Assert.That(await _storage.FindAsync(id, default), Is.Null, id);
        }
    }

    [Test]
    public async Task Many_sessions_begin_and_end_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Task.Run(async () =>
        {
            await _storage.AddAsync(Session($"session {i:D2}"), default);
            if (i % 3 == 0)
            {
                await _storage.EndAsync($"session {i:D2}", default);
            }
        })));

        Assert.That(await IdsAsync(_storage), Is.EqualTo(Enumerable.Range(0, 60).Where(i => i % 3 != 0).Select(i => $"session {i:D2}")));
    }

    [Test]
    [Category("SEED-027")]
    [Category("SEED-028")]
    public async Task A_restart_keeps_every_session_but_those_of_the_memory()
    {
        await _storage.AddAsync(Session("one"), default);
        await _storage.AddAsync(Session("two"), default);
        await _storage.EndAsync("two", default);

        var again = await ReopenAsync(Key);

        Assert.That(await IdsAsync(again), Is.EqualTo(type == SessionStorageType.Memory ? Array.Empty<string>() : ["one"]));
    }

    [Test]
    [Category("SEED-033")]
    public async Task Under_another_key_sessions_are_counted_and_count_as_gone()
    {
        await _storage.AddAsync(Session("one"), default);
        await _storage.AddAsync(Session("two"), default);
        await CloseAllAsync();

        var (again, unreadable) = await OpenCountingAsync(NextKey);

        Assert.That(unreadable, Is.EqualTo(type == SessionStorageType.Memory ? 0 : 2), "of the memory nothing is left");
        Assert.That(await again.FindAsync("one", default), Is.Null);
        Assert.That(await again.UpdateAsync("one", session => session, default), Is.Null);
        Assert.That(await IdsAsync(again), Is.Empty);
        await again.AddAsync(Session("three", NextKey), default);
        Assert.That(await IdsAsync(again), Is.EqualTo(["three"]), "new sign-in works");

        // Whoever started with the wrong key starts again with the right one, and nothing was lost.
        await CloseAllAsync();
        var (right, _) = await OpenCountingAsync(Key, NextKey);
        Assert.That(await IdsAsync(right), Is.EquivalentTo(type == SessionStorageType.Memory ? Array.Empty<string>() : ["one", "two", "three"]));
    }

    [Test]
    [Category("SEED-033")]
    public async Task With_the_previous_key_named_sessions_go_on_and_need_it_no_longer_once_they_were_used()
    {
        await _storage.AddAsync(Session("one"), default);
        await CloseAllAsync();

        var (both, unreadable) = await OpenCountingAsync(NextKey, Key);
        Assert.That(unreadable, Is.Zero);
        Assert.That(await both.FindAsync("one", default), type == SessionStorageType.Memory ? Is.Null : Is.Not.Null);

        // Rows are encrypted again with all others of the database, not by being read: EncryptionKeyTests.
        var next = await ReopenAsync(NextKey);
        var session = await next.FindAsync("one", default);
        Assert.That(session is not null, Is.EqualTo(type is SessionStorageType.File or SessionStorageType.Redis));
        Assert.That(UpstreamTokens.Unprotect(Keys(NextKey), session?.ProtectedTokens ?? "")?.AccessToken, session is null ? Is.Null : Is.EqualTo("upstream"));
    }

    [Test]
    [Category("SEED-029")]
    public async Task What_is_over_does_not_pile_up()
    {
        await _storage.AddAsync(Session("old"), default);
        _clock.Advance(TimeSpan.FromDays(9));
        var now = Session("new") with { KeptUntil = _clock.GetUtcNow().AddDays(7) };
        await _storage.AddAsync(now, default);

        switch (type)
        {
            case SessionStorageType.Redis:
                var redis = Redis();
                Assert.That((await redis.RunAsync(db => db.KeyTimeToLiveAsync(redis.Key("s:new"))))?.TotalSeconds, Is.EqualTo(604_800).Within(600));
                break;
            case SessionStorageType.Database:
                break; // pruned with everything else
            default:
                Assert.That(await IdsAsync(_storage), Is.EqualTo(["new"]));
                break;
        }
    }

    [Test]
    public async Task The_sessions_of_one_person_are_listed_alone()
    {
        await _storage.AddAsync(Session("one") with { Network = "203.0.113.0/24" }, default);
        await _storage.AddAsync(Session("two"), default);
        await _storage.AddAsync(Session("three"), default);
        await _storage.AddAsync(Session("hers") with { UserId = "bob" }, default);
        await _storage.EndAsync("two", default);

        Assert.That(await OfAliceAsync(_storage), Is.EqualTo(["one", "three"]));
        Assert.That((await _storage.ListOfAsync("alice", default)).Select(session => session.Network), Has.Member("203.0.113.0/24"));
        Assert.That((await _storage.ListOfAsync("bob", default)).Select(session => session.Id), Is.EqualTo(["hers"]));
        Assert.That(await _storage.ListOfAsync("nobody", default), Is.Empty);

        // Two nodes may sign one person in at once.
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(() => _storage.AddAsync(Session($"session {i:D2}"), default))));
        Assert.That(await OfAliceAsync(_storage), Is.EqualTo(Enumerable.Range(0, 50).Select(i => $"session {i:D2}").Append("one").Append("three").Order()));

        // Of a session that lives longer than was thought, the place in the list lives on too; what is over leaves it.
        await _storage.UpdateAsync("one", session => session with { KeptUntil = session.KeptUntil.AddDays(7) }, default);
        _clock.Advance(TimeSpan.FromDays(8));
        await _storage.AddAsync(Session("new") with { KeptUntil = _clock.GetUtcNow().AddHours(1) }, default);
        if (type == SessionStorageType.Redis)
        {
            var redis = Redis();
            Assert.That(await redis.RunAsync(db => db.SortedSetRangeByRankAsync(redis.Key("p:alice"))), Is.EquivalentTo(new[] { "new", "one" }));
            Assert.That((await redis.RunAsync(db => db.KeyTimeToLiveAsync(redis.Key("p:alice"))))?.TotalDays, Is.GreaterThan(6), "as long as the session that lives longest");
        }

        Assert.That(await OfAliceAsync(_storage), Does.Contain("new").And.Contain("one"));
    }

    [Test]
    public async Task Sessions_of_a_release_without_lists_are_in_them_after_a_start()
    {
        await _storage.AddAsync(Session("one"), default);
        if (type == SessionStorageType.Redis)
        {
            var redis = Redis();
            Assert.That(await redis.RunAsync(db => db.KeyDeleteAsync(redis.Key("p:alice"))), Is.True);
            Assert.That(await OfAliceAsync(_storage), Is.Empty, "as that release left it");

            await _storage.UpdateAsync("one", session => session with { LastSeenAt = session.LastSeenAt.AddHours(1) }, default);
            Assert.That(await OfAliceAsync(_storage), Is.EqualTo(["one"]), "or when it was used");
            await redis.RunAsync(db => db.KeyDeleteAsync(redis.Key("p:alice")));
        }

        Assert.That(await OfAliceAsync(await ReopenAsync(Key)), Is.EqualTo(type == SessionStorageType.Memory ? Array.Empty<string>() : ["one"]));
    }

    private static async Task<IReadOnlyList<string>> OfAliceAsync(ISessionStorage storage) =>
        [.. (await storage.ListOfAsync("alice", default)).Select(session => session.Id).Order()];

    private SignInSession Session(string id, string key = Key) => new()
    {
        Id = id,
        UserId = "alice",
        Provider = "demo",
        CreatedAt = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000),
        LastSeenAt = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000),
        SignedInUntil = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000).AddHours(8),
        KeptUntil = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000).AddDays(7),
        ProtectedTokens = _tokens.GetOrAdd((id, key), static of => new UpstreamTokens("upstream", null, null).Protect(Keys(of.Key))),
    };

    // Encryption never gives the same text twice; a session of one name is to be one session. Many are made at once.
    private readonly ConcurrentDictionary<(string Id, string Key), string> _tokens = [];

    private static async Task<IReadOnlyList<string>> IdsAsync(ISessionStorage storage) =>
        await storage.ListAsync(default).Select(session => session.Id).Order().ToListAsync();

    private static EncryptionKeys Keys(string key, params string[] previous)
    {
        var options = new OAuthServerOptions { EncryptionKey = key };
        foreach (var earlier in previous)
        {
            options.PreviousEncryptionKeys.Add(earlier);
        }

        return new EncryptionKeys(Options.Create(options));
    }

    private async Task<ISessionStorage> ReopenAsync(string key)
    {
        await CloseAllAsync();
        return await OpenAsync(key);
    }

    private async Task<ISessionStorage> OpenAsync(string key) => (await OpenCountingAsync(key)).Storage;

    private async Task<(ISessionStorage Storage, int Unreadable)> OpenCountingAsync(string key, params string[] previous)
    {
        var keys = Keys(key, previous);
        ISessionStorage storage = type switch
        {
            SessionStorageType.Memory => new MemorySessions(_clock),
            SessionStorageType.File => new FileSessions(
                Options.Create(new SessionStorageOptions { FilePath = Path.Combine(_folder.FullName, "sessions.db") }), keys, _clock, NullLogger<FileSessions>.Instance),
            SessionStorageType.Redis => new RedisSessions(Redis(), keys, _clock),
            _ => OverDatabase(keys),
        };
        _opened.Add(storage);
        return (storage, await storage.OpenAsync(default));
    }

    private RedisConnection Redis()
    {
        var redis = new RedisConnection(Options.Create(_redis), NullLogger<RedisConnection>.Instance);
        _opened.Add(redis);
        return redis;
    }

    private async Task CloseAllAsync()
    {
        foreach (var opened in _opened)
        {
            await (opened is IAsyncDisposable asynchronous ? asynchronous.DisposeAsync() : default);
            (opened as IDisposable)?.Dispose();
        }

        _opened.Clear();
    }

    private DatabaseSessions OverDatabase(EncryptionKeys keys)
    {
        var services = Services();
        return new DatabaseSessions(services.GetRequiredService<PreparedSql>(), services.GetRequiredService<IServiceScopeFactory>(), keys, _clock);
    }

    private ServiceProvider Services()
    {
        var services = new ServiceCollection();
        _addDatabase(services);
        var provider = services.BuildServiceProvider();
        _opened.Add(provider);
        return provider;
    }

    private async Task PrepareDatabaseAsync()
    {
        if (type != SessionStorageType.Database)
        {
            return;
        }

        var connection = postgres
            ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()
            : $"Data Source={Path.Combine(_folder.FullName, "test.db")}";
        var options = new DatabaseOptions { Provider = postgres ? DatabaseProvider.Postgres : DatabaseProvider.Sqlite, ConnectionString = connection };
        _addDatabase = services => _ = postgres
            ? services.AddDbContextPool<McpIdentityDbContext, PostgresMcpIdentityDbContext>(db => db.UseNpgsql(connection))
                .AddSingleton<PreparedSql>(_ => new PostgresPreparedSql(new PostgresConnections(Options.Create(options), _clock, NullLogger<PostgresConnections>.Instance)))
            : services.AddDbContextPool<McpIdentityDbContext, SqliteMcpIdentityDbContext>(db => db.UseSqlite(connection).AddInterceptors(new SqlitePragmas()))
                .AddSingleton<SqliteTurns>().AddSingleton(provider => new SqliteWriter(connection, provider.GetRequiredService<SqliteTurns>()))
                .AddSingleton<PreparedSql>(provider => new SqlitePreparedSql(connection, provider.GetRequiredService<SqliteWriter>()));
        await using var scope = Services().CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.Database.MigrateAsync();
        db.Users.AddRange(new User { Id = "alice", Provider = "demo", ProviderSubject = "alice" }, new User { Id = "bob", Provider = "demo", ProviderSubject = "bob" });
        await db.SaveChangesAsync();
    }

    private async Task PrepareRedisAsync()
    {
        _redis = new OAuthServerOptions();
        if (type == SessionStorageType.Redis)
        {
            var server = await RedisServer.SharedAsync();
            (_redis.SessionStorage.Redis.Host, _redis.SessionStorage.Redis.Port, _redis.SessionStorage.Redis.Db) = ("127.0.0.1", server.Port, server.NextDatabase());
            _redis.SessionStorage.Redis.KeyPrefix = "a [strange] *prefix*:".Replace(" ", "", StringComparison.Ordinal);
        }
    }
}
