using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The way to SQLite, PostgreSQL and Redis: connections, migrations, the prepared statements, locks between processes, and which
/// faults are the storage's.
/// </summary>
internal static class PersistenceSetup
{
    private static readonly TimeSpan MigrationTimeout = TimeSpan.FromMinutes(30);

    public static void AddPersistence(this WebApplicationBuilder builder, DatabaseOptions options)
    {
        builder.Services.AddSingleton<IValidateOptions<DatabaseOptions>, DatabaseOptionsRules>();
        builder.Services.AddSingleton<IValidateOptions<OAuthServerOptions>, RedisOptionsRules>();
        builder.Services.AddSingleton<RedisConnection>();

        if (options.Url is { Length: > 0 } || options.Provider == DatabaseProvider.Postgres)
        {
            builder.Services.AddSingleton<PostgresConnections>();
            builder.Services.AddSingleton<PostgresInterceptor>();
            builder.Services.AddDbContextPool<McpIdentityDbContext, PostgresMcpIdentityDbContext>((services, db) => db
                .UseNpgsql(services.GetRequiredService<PostgresConnections>().ConnectionString)
                .AddInterceptors(services.GetRequiredService<PostgresInterceptor>(), new StorableParameters())
                .ConfigureWarnings(LogNoErrors));
            builder.Services.AddSingleton<PreparedSql, PostgresPreparedSql>();
        }
        else
        {
            builder.Services.AddSingleton<SqliteTurns>();
            builder.Services.AddDbContextPool<McpIdentityDbContext, SqliteMcpIdentityDbContext>(db => db
                .UseSqlite(ConnectionStrings.Sqlite(options))
                .AddInterceptors(new SqlitePragmas(), new StorableParameters())
                .ConfigureWarnings(LogNoErrors));
            builder.Services.AddSingleton(services => new SqliteWriter(ConnectionStrings.Sqlite(options), services.GetRequiredService<SqliteTurns>()));
            builder.Services.AddSingleton<PreparedSql>(services =>
                new SqlitePreparedSql(ConnectionStrings.Sqlite(options), services.GetRequiredService<SqliteWriter>()));
        }
    }

    // Whoever catches the exception knows what it means, and says so once: EF Core would write a stack or two before.
    // That each model has its migration says a test, once: EF Core would build the model once more to find out.
    private static void LogNoErrors(WarningsConfigurationBuilder warnings) => warnings.Log(
        (RelationalEventId.ConnectionError, LogLevel.Debug), (RelationalEventId.CommandError, LogLevel.Debug),
        (RelationalEventId.TransactionError, LogLevel.Debug),
        (CoreEventId.QueryIterationFailed, LogLevel.Debug), (CoreEventId.SaveChangesFailed, LogLevel.Debug))
        .Ignore(RelationalEventId.PendingModelChangesWarning);

    /// <summary>Applies what is pending, or refuses to start with it where <c>Database:MigrateOnStart</c> is off.</summary>
    /// <returns>The names of the migrations applied.</returns>
    /// <exception cref="InvalidOperationException">Migrations are pending and may not be applied.</exception>
    public static Task<IReadOnlyList<string>> MigrateOnStartAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.MigrateAsync(services.GetRequiredService<IOptions<DatabaseOptions>>().Value.MigrateOnStart, cancellationToken);

    /// <summary>Creates the database and applies what is pending.</summary>
    /// <returns>The names of the migrations applied.</returns>
    public static Task<IReadOnlyList<string>> MigrateAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.MigrateAsync(apply: true, cancellationToken);

    private static async Task<IReadOnlyList<string>> MigrateAsync(this IServiceProvider services, bool apply, CancellationToken cancellationToken)
    {
        if (services.GetService<PostgresConnections>() is { } postgres)
        {
            await postgres.MeetAsync(cancellationToken); // before anything opens a connection
        }

        IReadOnlyList<string> applied = [];
        await services.TryStepAsync(async () => applied = await services.ApplyPendingAsync(apply, cancellationToken), cancellationToken);
        return applied;
    }

    private static async Task<IReadOnlyList<string>> ApplyPendingAsync(this IServiceProvider services, bool apply, CancellationToken cancellationToken)
    {
        var sql = services.GetRequiredService<PreparedSql>();
        if (!sql.IsPostgres)
        {
            SqliteFiles.Prepare(sql.ConnectionString, services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(PersistenceSetup).FullName!));
        }

        // Of nodes that start at once, one migrates; the others wait and find nothing to do.
        await using var work = await sql.BeginWorkAsync("migrations", cancellationToken);
        await using var database = await sql.OpenAsync(cancellationToken);
        if (database is SqliteConnection sqlite)
        {
            SqliteCompaction.MakeCompactable(sqlite);
        }

        var known = StoredSchema.KnownMigrations(sql.IsPostgres);
        var applied = await database.AppliedMigrationsAsync(sql.IsPostgres, cancellationToken);
        RefuseNewerSchema(known, applied);
        var pending = known.Except(applied, StringComparer.Ordinal).ToList();
        if (pending.Count > 0 && !apply)
        {
            throw new InvalidOperationException(
                $"The database is not up to date ({string.Join(", ", pending)}) and Database:MigrateOnStart is off. Run the verb migrate.");
        }

        if (applied.Count == 0)
        {
            await database.CreateTablesAsync(sql.IsPostgres, cancellationToken);
        }
        else if (pending.Count > 0)
        {
            await database.CloseAsync();
            await services.MigrateOlderAsync(cancellationToken);
        }

        return pending;
    }

    // By EF Core, which only this loads.
    private static async Task MigrateOlderAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        await db.EndAbandonedMigrationAsync(cancellationToken);
        if (!db.Database.IsSqlite())
        {
            // An index over a large table takes its time; the bound of a request is not meant for it.
            db.Database.SetCommandTimeout(MigrationTimeout);
        }

        await db.Database.MigrateAsync(cancellationToken);
    }

    /// <summary>Of a newer release nobody here knows what its columns mean, and what must be written into them.</summary>
    /// <exception cref="InvalidOperationException">The database has a migration that this release does not know.</exception>
    private static void RefuseNewerSchema(List<string> known, List<string> applied)
    {
        if (applied.Except(known, StringComparer.Ordinal).ToList() is { Count: > 0 } unknown)
        {
            throw new InvalidOperationException(
                $"The database was migrated by a newer release ({string.Join(", ", unknown)}), which this one ({known[^1]}) does not understand: run that release, or put back the backup from before it.");
        }
    }

    /// <summary>For a process that answers no requests, of all its statements that are prepared: what <see cref="AllowLongStatements(McpIdentityDbContext)"/> allows those of EF Core.</summary>
    /// <param name="services">Of which nothing has asked the database yet.</param>
    public static void AllowLongStatements(this IServiceProvider services) => services.GetService<PostgresConnections>()?.AllowLongStatements();

    /// <summary>
    /// For work that no request waits for, on more rows than a request touches. SQLite has no such bound: there the number
    /// says how long a lock of another process is waited for.
    /// </summary>
    public static void AllowLongStatements(this McpIdentityDbContext db)
    {
        if (db.Database.IsNpgsql())
        {
            db.Database.SetCommandTimeout(ConnectionStrings.LongCommandSeconds);
        }
    }

    /// <summary>
    /// EF Core's own lock on SQLite is a table, which a process that was killed leaves behind: the next start would wait for
    /// ever. Whoever holds our lock knows that nobody migrates.
    /// </summary>
    private static async Task EndAbandonedMigrationAsync(this McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        if (db.Database.IsSqlite())
        {
            await db.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS \"__EFMigrationsLock\"", cancellationToken);
        }
    }

    /// <summary>The database in words fit for a console: never a password.</summary>
    public static string DescribeDatabase(this IServiceProvider services)
    {
        if (services.GetService<PostgresConnections>() is { } postgres)
        {
            return postgres.Describe();
        }

        return "SQLite " + new SqliteConnectionStringBuilder(services.GetRequiredService<PreparedSql>().ConnectionString).DataSource;
    }
}
