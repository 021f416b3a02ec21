using System.Runtime.CompilerServices;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>Refuses a database address that the provider could not read, and a file that could not be written.</summary>
internal sealed class DatabaseOptionsRules(IHostEnvironment environment) : IValidateOptions<DatabaseOptions>
{
    public ValidateOptionsResult Validate(string? name, DatabaseOptions options)
    {
        if (environment.IsProduction() && options is { Provider: DatabaseProvider.Sqlite, Url: null or "" } &&
            (options.ConnectionString.Contains(":memory:", StringComparison.OrdinalIgnoreCase) ||
             options.ConnectionString.Replace(" ", "", StringComparison.Ordinal).Contains("Mode=Memory", StringComparison.OrdinalIgnoreCase)))
        {
            return ValidateOptionsResult.Fail("Database:ConnectionString keeps the signing keys in memory: with the process they are gone, and every token with them. Name a file.");
        }

        return (options.Url is { Length: > 0 } ? CheckUrl(options) : CheckConnectionString(options)) is { } problem
            ? ValidateOptionsResult.Fail(problem)
            : ValidateOptionsResult.Success;
    }

    // Never the value: there is a password in it.
    private static string? CheckUrl(DatabaseOptions options)
    {
        try
        {
            ConnectionStrings.Postgres(options, PostgresTraits.Unknown);
            return null;
        }
        catch (ArgumentException exception)
        {
            return $"Database:Url (DATABASE_URL) cannot be used: {exception.Message} Write postgres://user:password@host:5432/database?sslmode=require, with %40 for an @ in the password.";
        }
    }

    private static string? CheckConnectionString(DatabaseOptions options)
    {
        if (string.IsNullOrWhiteSpace(options.ConnectionString))
        {
            return "Database:ConnectionString must not be empty: Data Source=data/mcpidentity.db for SQLite.";
        }

        if (options.ConnectionString.Contains("://", StringComparison.Ordinal) && !options.ConnectionString.Contains('=', StringComparison.Ordinal))
        {
            return "Database:ConnectionString is a URL: set it as Database:Url (DATABASE_URL) instead.";
        }

        try
        {
            if (options.Provider == DatabaseProvider.Postgres)
            {
                return CheckHost(options);
            }

            var sqlite = new SqliteConnectionStringBuilder(ConnectionStrings.Sqlite(options));
            return sqlite.DataSource.Length == 0 ? "Database:ConnectionString names no file: Data Source=data/mcpidentity.db."
                : IsInMemory(sqlite) ? null : FileAccessCheck.ProblemOf("Database:ConnectionString", Path.GetFullPath(sqlite.DataSource, Environment.CurrentDirectory));
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            return options.Provider == DatabaseProvider.Sqlite && IsForPostgres(options.ConnectionString)
                ? "Database:ConnectionString is one for PostgreSQL, and Database:Provider is Sqlite: set Database:Provider=Postgres, or DATABASE_URL."
                : $"Database:ConnectionString cannot be read by {options.Provider} (Database:Provider): {exception.Message.ReplaceLineEndings(" ")}";
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // on SQLite Npgsql is not loaded
    private static string? CheckHost(DatabaseOptions options) =>
        string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(ConnectionStrings.Postgres(options, PostgresTraits.Unknown)).Host)
            ? "Database:ConnectionString names no Host, which Database:Provider=Postgres needs: Host=db;Database=mcpidentity;Username=…;Password=…." : null;

    private static bool IsInMemory(SqliteConnectionStringBuilder sqlite) =>
        sqlite.Mode == SqliteOpenMode.Memory || sqlite.DataSource.Contains(":memory:", StringComparison.OrdinalIgnoreCase);

    private static bool IsForPostgres(string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text).Host is { Length: > 0 };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            return false;
        }
    }
}
