using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The configured connection string with waits that end while the caller still listens: a database that is away or locked
/// is a 503 within seconds (docs/operations.md, "When the database or Redis is away"). What the string says itself stays.
/// </summary>
internal static class ConnectionStrings
{
    // Npgsql asks a server that did not answer a statement to cancel it, over another connection that it tries twice when TLS
    // is "preferred": over a cut line a statement ends after the one and twice the other.
    private const int ConnectSeconds = 2;
    private const int CommandSeconds = 3;
    private const int CancelNever = -1;
    private const int PreparedStatements = 50;

    private static readonly NpgsqlConnectionStringBuilder PostgresDefaults = new();

    public static string Postgres(DatabaseOptions options)
    {
        var settings = options.Url is { Length: > 0 } url ? PostgresUrl.Parse(url) : new NpgsqlConnectionStringBuilder(options.ConnectionString);
        settings.Timeout = Unless(settings.Timeout, PostgresDefaults.Timeout, ConnectSeconds);
        settings.CommandTimeout = Unless(settings.CommandTimeout, PostgresDefaults.CommandTimeout, CommandSeconds);
        // ... and then does not wait for the answer.
        settings.CancellationTimeout = Unless(settings.CancellationTimeout, PostgresDefaults.CancellationTimeout, CancelNever);
        settings.MaxAutoPrepare = Unless(settings.MaxAutoPrepare, PostgresDefaults.MaxAutoPrepare, PreparedStatements);
        return settings.ConnectionString;
    }

    public static string Sqlite(DatabaseOptions options)
    {
        var settings = new SqliteConnectionStringBuilder(options.ConnectionString);
        // Microsoft.Data.Sqlite begins again after SQLite itself has waited (busy_timeout), until this time is over.
        settings.DefaultTimeout = Unless(settings.DefaultTimeout, new SqliteConnectionStringBuilder().DefaultTimeout, 1);
        return settings.ConnectionString;
    }

    private static int Unless(int said, int usual, int ours) => said == usual ? ours : said;
}
