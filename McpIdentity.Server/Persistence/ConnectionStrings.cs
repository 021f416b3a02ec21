using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.WebUtilities;
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
        var settings = new NpgsqlConnectionStringBuilder(options.Url is { Length: > 0 } url ? OfUrl(url) : options.ConnectionString);
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

    // What PostgreSQL's own library calls it, where Npgsql has another word.
    private static readonly Dictionary<string, string> Names = new()
    {
        ["sslmode"] = "SSL Mode",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["target_session_attrs"] = "Target Session Attributes",
    };

    private static int Unless(int said, int usual, int ours) => said == usual ? ours : said;

    // The URL form is what hosting platforms hand out; Npgsql reads only its own.
    private static string OfUrl(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':', 2);
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.IsDefaultPort || uri.Port < 0 ? 5432 : uri.Port,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/')),
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        };
        foreach (var (name, value) in QueryHelpers.ParseQuery(uri.Query))
        {
            // verify-full is VerifyFull there.
            settings[Names.GetValueOrDefault(name, name)] = name == "sslmode" ? value.ToString().Replace("-", "", StringComparison.Ordinal) : value.ToString();
        }

        return settings.ConnectionString;
    }
}
