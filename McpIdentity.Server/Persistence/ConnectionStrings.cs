using System.Data.Common;
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
    // To a server that did not answer a statement Npgsql sends a request to cancel it, over another connection that it waits
    // for as long as for any: a statement ends after both.
    private const int ConnectSeconds = 2;
    public const int CommandSeconds = 2;
    private const int CancelNever = -1;

    /// <summary>Of a statement that no request waits for.</summary>
    public const int LongCommandSeconds = 60;

    // After a failover it is as long as this until the new primary is found.
    private const int RecheckSeconds = 1;

    /// <param name="options">What is configured.</param>
    /// <param name="server">What the server said of itself.</param>
    /// <param name="commandSeconds">How long a statement may take.</param>
    public static string Postgres(DatabaseOptions options, PostgresTraits server, int commandSeconds = CommandSeconds)
    {
        var said = new DbConnectionStringBuilder { ConnectionString = options.Url is { Length: > 0 } url ? PostgresUrl.Parse(url).ConnectionString : options.ConnectionString };
        var settings = new NpgsqlConnectionStringBuilder
        {
            Timeout = ConnectSeconds,
            CommandTimeout = commandSeconds,
            CancellationTimeout = CancelNever, // once asked, the answer is not waited for
            MaxAutoPrepare = server.PreparedStatements,
            MaxPoolSize = server.Connections,
            HostRecheckSeconds = RecheckSeconds,
            // No statement of ours leaves anything behind in a connection, so there is nothing to clean before its next use.
            NoResetOnClose = true,
            // Tried first it would double the wait for a server that does not answer.
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        foreach (string name in said.Keys)
        {
            settings[name] = said[name];
        }

        if (settings.Host?.Contains(',', StringComparison.Ordinal) == true)
        {
            settings.TargetSessionAttributes ??= "primary"; // of several the one that takes writes
        }

        return settings.ConnectionString;
    }

    public static string Sqlite(DatabaseOptions options)
    {
        // Microsoft.Data.Sqlite begins again after SQLite itself has waited (busy_timeout), until this time is over.
        var settings = new SqliteConnectionStringBuilder { DefaultTimeout = 1 };
        var said = new DbConnectionStringBuilder { ConnectionString = options.ConnectionString };
        foreach (string name in said.Keys)
        {
            settings[name] = said[name];
        }

        return settings.ConnectionString;
    }

}
