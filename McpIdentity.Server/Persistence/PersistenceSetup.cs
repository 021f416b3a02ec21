using McpIdentity.Persistence;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>EF Core on the configured provider.</summary>
internal static class PersistenceSetup
{
    public static void AddPersistence(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<DatabaseOptions>().BindConfiguration(DatabaseOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<DatabaseOptions>, DatabaseOptionsRules>();
        builder.Services.AddSingleton<RedisConnection>();

        var options = builder.Configuration.GetSection(DatabaseOptions.Section).Get<DatabaseOptions>() ?? new DatabaseOptions();
        if (options.Url is { Length: > 0 } url)
        {
            builder.Services.AddDbContextPool<McpIdentityDbContext, PostgresMcpIdentityDbContext>(db => db.UseNpgsql(ConnectionStringOf(url)));
        }
        else if (options.Provider == DatabaseProvider.Postgres)
        {
            builder.Services.AddDbContextPool<McpIdentityDbContext, PostgresMcpIdentityDbContext>(db => db.UseNpgsql(options.ConnectionString));
        }
        else
        {
            builder.Services.AddDbContextPool<McpIdentityDbContext, SqliteMcpIdentityDbContext>(db => db
                .UseSqlite(options.ConnectionString)
                .AddInterceptors(new SqlitePragmas()));
        }
    }

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

    // The URL form is what hosting platforms hand out; Npgsql reads only its own.
    private static string ConnectionStringOf(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.IsDefaultPort || uri.Port < 0 ? 5432 : uri.Port,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/')),
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        }.ConnectionString;
    }
}

/// <summary>Refuses a database address that the provider could not read.</summary>
internal sealed class DatabaseOptionsRules : IValidateOptions<DatabaseOptions>
{
    public ValidateOptionsResult Validate(string? name, DatabaseOptions options)
    {
        if (options.Url is { Length: > 0 } url &&
            (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("postgres" or "postgresql")))
        {
            return ValidateOptionsResult.Fail("Database:Url (DATABASE_URL) must look like postgres://user:password@host:5432/database.");
        }

        return string.IsNullOrWhiteSpace(options.ConnectionString)
            ? ValidateOptionsResult.Fail("Database:ConnectionString must not be empty.")
            : ValidateOptionsResult.Success;
    }
}
