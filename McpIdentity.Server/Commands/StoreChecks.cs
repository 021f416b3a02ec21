using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary>What <c>doctor</c> finds in the database and in Redis: reached, of this release, writable, and under our encryption key.</summary>
internal static class StoreChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="services">Of a scope.</param>
    /// <param name="clocks">Takes the moment that the database knows.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<CheckResult>> RunAsync(IServiceProvider services, List<(string Whose, TimeSpan Ahead)> clocks, CancellationToken cancellationToken)
    {
        var results = new List<CheckResult> { await TryAsync("database", () => DatabaseAsync(services, clocks, cancellationToken)) };
        // What could not be reached can say nothing of its keys.
        if (results[0] is { Verdict: not Verdict.Fail } database && !database.Says.Contains(NotThereYet, StringComparison.Ordinal))
        {
            results.Add(await TryAsync("keys", () => KeysAsync(services, cancellationToken)));
        }

        if (services.GetRequiredService<RedisConnection>() is { IsConfigured: true } redis)
        {
            results.Add(await TryAsync("redis", () => RedisAsync(redis, services.GetRequiredService<IOptions<OAuthServerOptions>>().Value.SessionStorage.Type)));
        }

        return results;
    }

    private const string NotThereYet = "is not there yet";

    private static async Task<CheckResult> DatabaseAsync(IServiceProvider services, List<(string Whose, TimeSpan Ahead)> clocks, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var words = services.DescribeDatabase();
        if (db.Database.IsSqlite() && new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource is var file && file != ":memory:" && !File.Exists(file))
        {
            return new("database", Verdict.Warn, $"{words} {NotThereYet}: the first start makes it");
        }

        var applied = await db.Database.GetAppliedMigrationsAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
        if (applied.Except(db.Database.GetMigrations(), StringComparer.Ordinal).ToList() is { Count: > 0 } unknown)
        {
            return new("database", Verdict.Fail, $"{words} was migrated by a newer release ({string.Join(", ", unknown)}): run that one");
        }

        var pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
        if (pending.Count > 0)
        {
            return services.GetRequiredService<IOptions<DatabaseOptions>>().Value.MigrateOnStart
                ? new("database", Verdict.Warn, $"{words} is reached; the next start applies {string.Join(", ", pending)}")
                : new("database", Verdict.Fail, $"{words} lacks {string.Join(", ", pending)}, and Database:MigrateOnStart is off: run the verb migrate");
        }

        await WriteAsync(db, cancellationToken);
        if (db.Database.IsNpgsql())
        {
            var now = await db.Database.SqlQuery<DateTimeOffset>($"SELECT clock_timestamp() AS \"Value\"").SingleAsync(cancellationToken);
            clocks.Add(("the database", now - TimeProvider.System.GetUtcNow()));
        }

        return new("database", Verdict.Pass, $"{words} is reached, up to date and can be written");
    }

    // A row that never comes to be: the transaction is taken back.
    private static async Task WriteAsync(McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        var now = TimeProvider.System.GetUtcNow();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
        db.AuditEntries.Add(new AuditEntry { Node = "doctor", Sequence = now.UtcTicks, At = now, Event = "doctor", Level = "debug", Result = "success", Line = "{}", Hash = [] });
        await db.SaveChangesAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
        await transaction.RollbackAsync(cancellationToken);
        db.ChangeTracker.Clear();
    }

    private static async Task<CheckResult> KeysAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        if (!services.GetRequiredService<ServerSettings>().OAuth.Enabled)
        {
            return new("keys", Verdict.Pass, "none are needed: OAuth:Enabled is off");
        }

        var stored = await services.GetRequiredService<McpIdentityDbContext>().SigningKeys.AsNoTracking().ToListAsync(cancellationToken);
        var usable = services.GetRequiredService<SigningKeyRing>().Usable(stored);
        var now = TimeProvider.System.GetUtcNow();
        return (stored.Count, usable.Count) switch
        {
            (0, _) => new("keys", Verdict.Warn, "there is no signing key yet: the first start makes it"),
            (_, 0) => new("keys", Verdict.Fail, "no signing key can be decrypted: ENCRYPTION_KEY is another one than they were stored under. Put that one in OAuth:PreviousEncryptionKeys"),
            var (all, some) when some < all => new("keys", Verdict.Warn, $"{all - some} of {all} signing keys cannot be decrypted: their key is missing in OAuth:PreviousEncryptionKeys"),
            _ when !usable.Exists(key => key.ActivatesAt <= now && !(key.RetiresAt <= now)) => new("keys", Verdict.Fail, "no signing key is in force now: is the clock right?"),
            _ => new("keys", Verdict.Pass, $"{usable.Count} signing keys can be decrypted, one is in force"),
        };
    }

    private static async Task<CheckResult> RedisAsync(RedisConnection redis, SessionStorageType sessions)
    {
        if (!await redis.TryOpenAsync().WaitAsync(Patience))
        {
            return new("redis", sessions == SessionStorageType.Redis ? Verdict.Fail : Verdict.Warn,
                $"Redis does not answer (REDIS_HOST, REDIS_PORT){(sessions == SessionStorageType.Redis ? ": nobody can sign in" : ": limits are counted by each server for itself")}");
        }

        await redis.CheckAsync().WaitAsync(Patience); // by a write
        return new("redis", Verdict.Pass, "Redis is reached and can be written");
    }

    private static async Task<CheckResult> TryAsync(string name, Func<Task<CheckResult>> check)
    {
        try
        {
            return await check();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return new(name, Verdict.Fail, Failures.Describe(exception));
        }
    }
}
