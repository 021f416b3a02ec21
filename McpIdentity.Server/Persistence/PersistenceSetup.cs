using System.Diagnostics;
using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The way to SQLite, PostgreSQL and Redis: connections, migrations, the prepared statements, locks between processes, and which
/// faults are the storage's.
/// </summary>
internal static partial class PersistenceSetup
{
    private static readonly TimeSpan MigrationTimeout = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);

    public static void AddPersistence(this WebApplicationBuilder builder, DatabaseOptions options)
    {
        builder.Services.AddSingleton<IValidateOptions<DatabaseOptions>, DatabaseOptionsRules>();
        builder.Services.AddSingleton<RedisConnection>();

        if (options.Url is { Length: > 0 } || options.Provider == DatabaseProvider.Postgres)
        {
            builder.Services.AddDbContextPool<McpIdentityDbContext, PostgresMcpIdentityDbContext>(db => db
                .UseNpgsql(ConnectionStrings.Postgres(options))
                .AddInterceptors(new StorableParameters())
                .ConfigureWarnings(LogNoErrors));
            builder.Services.AddSingleton<PreparedSql>(_ => new PostgresPreparedSql(ConnectionStrings.Postgres(options)));
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
    private static void LogNoErrors(WarningsConfigurationBuilder warnings) => warnings.Log(
        (RelationalEventId.ConnectionError, LogLevel.Debug), (RelationalEventId.CommandError, LogLevel.Debug),
        (CoreEventId.QueryIterationFailed, LogLevel.Debug), (CoreEventId.SaveChangesFailed, LogLevel.Debug));

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
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        if (db.Database.IsSqlite() && new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource is { Length: > 0 } file
            && file != ":memory:" && Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        if (db.Database.IsNpgsql())
        {
            await WaitForPostgresAsync(services, cancellationToken);
        }

        // Of nodes that start at once, one migrates; the others wait and find nothing to do.
        await db.CreateDatabaseAsync(cancellationToken);
        await using var work = await db.BeginWorkAsync("migrations", cancellationToken);
        await db.EndAbandonedMigrationAsync(cancellationToken);
        var pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).ToList();
        if (pending.Count > 0)
        {
            if (!apply)
            {
                throw new InvalidOperationException(
                    $"The database is not up to date ({string.Join(", ", pending)}) and Database:MigrateOnStart is off. Run the verb migrate.");
            }

            if (!db.Database.IsSqlite())
            {
                // An index over a large table takes its time; the bound of a request is not meant for it.
                db.Database.SetCommandTimeout(MigrationTimeout);
            }

            await db.Database.MigrateAsync(cancellationToken);
        }

        return pending;
    }

    private static async Task CreateDatabaseAsync(this McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        var creator = db.GetService<IRelationalDatabaseCreator>();
        if (!db.Database.IsNpgsql() || await creator.ExistsAsync(cancellationToken))
        {
            return;
        }

        try
        {
            await creator.CreateAsync(cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another node was faster.
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

    // After a power cut both start at once, and the database is the slower one.
    private static async Task WaitForPostgresAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(PersistenceSetup).FullName!);
        var clock = Stopwatch.StartNew();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionStrings.Postgres(services.GetRequiredService<IOptions<DatabaseOptions>>().Value));
                await connection.OpenAsync(cancellationToken);
                return;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
            {
                return; // The migration creates it.
            }
            catch (Exception exception) when (StorageFaults.IsOne(exception) && clock.Elapsed < StartPatience)
            {
                if (attempt == 1)
                {
                    Waiting(logger, services.DescribeDatabase(), exception.GetBaseException().Message, StartPatience.TotalSeconds);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(500), cancellationToken);
            }
            catch (Exception exception) when (exception is NpgsqlException || StorageFaults.IsOne(exception))
            {
                throw new InvalidOperationException(
                    $"{services.DescribeDatabase()} cannot be used: {exception.GetBaseException().Message}. Is Database:Url (DATABASE_URL) right?", exception);
            }
        }
    }

    [LoggerMessage(1602, LogLevel.Warning, "{Database} is out of reach ({Reason}). It is tried again for {Seconds} seconds.")]
    private static partial void Waiting(ILogger logger, string database, string reason, double seconds);

    /// <summary>The database in words fit for a console: never a password.</summary>
    public static string DescribeDatabase(this IServiceProvider services)
    {
        using var scope = services.CreateScope();
        var database = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database;
        if (database.IsSqlite())
        {
            return "SQLite " + new SqliteConnectionStringBuilder(database.GetConnectionString()).DataSource;
        }

        var connection = new NpgsqlConnectionStringBuilder(database.GetConnectionString());
        return $"PostgreSQL {connection.Host}:{connection.Port}/{connection.Database}";
    }
}
