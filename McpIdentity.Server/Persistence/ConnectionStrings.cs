using System.Data.Common;
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
    // To a server that did not answer a statement Npgsql sends a request to cancel it, over another connection that it waits
    // for as long as for any: a statement ends after both.
    private const int ConnectSeconds = 2;
    private const int CommandSeconds = 2;
    private const int CancelNever = -1;

    // After a failover it is as long as this until the new primary is found.
    private const int RecheckSeconds = 1;

    private const int DefaultPort = 5432;

    /// <param name="options">What is configured.</param>
    /// <param name="server">What the server said of itself.</param>
    public static string Postgres(DatabaseOptions options, PostgresTraits server)
    {
        var said = new DbConnectionStringBuilder { ConnectionString = options.Url is { Length: > 0 } url ? OfUrl(url) : options.ConnectionString };
        var settings = new NpgsqlConnectionStringBuilder
        {
            Timeout = ConnectSeconds,
            CommandTimeout = CommandSeconds,
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
        ["channel_binding"] = "Channel Binding",
        ["gssencmode"] = "GSS Encryption Mode",
    };

    /// <summary>The URL with the first of its hosts alone, as <see cref="Uri"/> can read it, and all hosts as they stand there.</summary>
    public static (string Url, string Hosts) SplitHosts(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal) + "://".Length;
        var end = url.IndexOfAny(['/', '?'], start);
        end = end < 0 ? url.Length : end;
        start = url.LastIndexOf('@', end - 1, end - start) is var at and >= 0 ? at + 1 : start;
        var hosts = url[start..end];
        return (url[..start] + hosts.Split(',')[0] + url[end..], hosts);
    }

    // The URL form is what hosting platforms hand out; Npgsql reads only its own.
    private static string OfUrl(string url)
    {
        var (first, hosts) = SplitHosts(url);
        var uri = new Uri(first);
        var user = uri.UserInfo.Split(':', 2);
        var settings = new NpgsqlConnectionStringBuilder
        {
            Database = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/')),
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
        };
        if (hosts.Contains(',', StringComparison.Ordinal))
        {
            settings.Host = hosts;
        }
        else
        {
            (settings.Host, settings.Port) = (uri.Host, uri.IsDefaultPort || uri.Port < 0 ? DefaultPort : uri.Port);
        }

        foreach (var (name, value) in QueryHelpers.ParseQuery(uri.Query))
        {
            // verify-full is VerifyFull there.
            settings[Names.GetValueOrDefault(name, name)] = name == "sslmode" ? value.ToString().Replace("-", "", StringComparison.Ordinal) : value.ToString();
        }

        return settings.ConnectionString;
    }
}
