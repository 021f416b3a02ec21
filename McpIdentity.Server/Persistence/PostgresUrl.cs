using System.Globalization;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// <c>postgres://user:password@host:port,host2/database?parameter=value</c>, as hosting platforms hand it out, in Npgsql's
/// words. The parameters are those of PostgreSQL's own library; one that has no counterpart is named, and not dropped where
/// it would make the connection safer.
/// </summary>
internal static class PostgresUrl
{
    // What libpq calls it, where Npgsql has another word. Npgsql's own names are taken as they are.
    private static readonly Dictionary<string, string> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["host"] = "Host",
        ["hostaddr"] = "Host",
        ["dbname"] = "Database",
        ["user"] = "Username",
        ["passfile"] = "Passfile",
        ["sslmode"] = "SSL Mode",
        ["sslnegotiation"] = "SSL Negotiation",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["channel_binding"] = "Channel Binding",
        ["require_auth"] = "Require Auth",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["application_name"] = "Application Name",
        ["client_encoding"] = "Client Encoding",
        ["connect_timeout"] = "Timeout",
        ["keepalives"] = "TCP Keepalive",
        ["keepalives_idle"] = "TCP Keepalive Time",
        ["keepalives_interval"] = "TCP Keepalive Interval",
        ["target_session_attrs"] = "Target Session Attributes",
        ["load_balance_hosts"] = "Load Balance Hosts",
        ["options"] = "Options",
    };

    // Without them the connection is the same, or Npgsql does so anyway.
    private static readonly HashSet<string> WithoutEffect = new(StringComparer.OrdinalIgnoreCase)
    {
        "fallback_application_name", "sslcompression", "sslsni", "keepalives_count", "tcp_user_timeout", "gsslib", "gssdelegation", "sslcertmode",
    };

    /// <returns>What Npgsql is told.</returns>
    /// <exception cref="ArgumentException">With what is wrong; never with the password.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string url)
    {
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0 || url[..scheme].ToLowerInvariant() is not ("postgres" or "postgresql"))
        {
            throw new ArgumentException("it must look like postgres://user:password@host:5432/database.");
        }

        var (beforeQuery, query) = Cut(url[(scheme + 3)..], '?');
        var (authority, database) = Cut(beforeQuery, '/');
        // A password may hold an @ that nobody escaped: the last one ends it.
        var at = authority.LastIndexOf('@');
        var (user, password) = at < 0 ? ("", "") : Cut(authority[..at], ':');
        var settings = new NpgsqlConnectionStringBuilder();
        SetHosts(settings, HostsOf(authority[(at + 1)..]));
        Set(settings, "Database", Uri.UnescapeDataString(database));
        Set(settings, "Username", Uri.UnescapeDataString(user));
        Set(settings, "Password", Uri.UnescapeDataString(password));
        foreach (var (name, value) in query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => Cut(pair, '=')))
        {
            SetParameter(settings, Uri.UnescapeDataString(name), Uri.UnescapeDataString(value.Replace('+', ' ')));
        }

        return string.IsNullOrEmpty(settings.Host) ? throw new ArgumentException("it names no host.") : settings;
    }

    // Several with their ports, IPv6 in brackets, or a socket's folder with its slashes escaped.
    private static string HostsOf(string hosts) => string.Join(',', hosts.Split(',').Select(host =>
    {
        var text = Uri.UnescapeDataString(host);
        var colon = text.LastIndexOf(':');
        return text.StartsWith('/') || colon <= text.LastIndexOf(']') || IsPort(text[(colon + 1)..])
            ? text
            : throw new ArgumentException("a port in it is no number between 1 and 65535.");
    }));

    private static void SetHosts(NpgsqlConnectionStringBuilder settings, string hosts)
    {
        var colon = hosts.LastIndexOf(':');
        if (hosts.Contains(',', StringComparison.Ordinal) || hosts.StartsWith('/'))
        {
            settings.Host = hosts;
            return;
        }

        var hasPort = colon > hosts.LastIndexOf(']');
        Set(settings, "Host", (hasPort ? hosts[..colon] : hosts).Trim('[', ']'));
        Set(settings, "Port", hasPort ? hosts[(colon + 1)..] : "");
    }

    private static bool IsPort(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535;

    private static void SetParameter(NpgsqlConnectionStringBuilder settings, string name, string value)
    {
        if (WithoutEffect.Contains(name))
        {
            return;
        }

        var keyword = Names.GetValueOrDefault(name, name);
        if (!settings.ContainsKey(keyword))
        {
            throw new ArgumentException($"it has the parameter '{name}', which Npgsql does not know.");
        }

        try
        {
            settings[keyword] = ValueOf(name.ToLowerInvariant(), value);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            throw new ArgumentException($"the value of its parameter '{name}' cannot be used.", exception);
        }
    }

    private static string ValueOf(string name, string value) => name switch
    {
        // verify-full is VerifyFull there, and prefer-standby PreferStandby.
        "sslmode" or "channel_binding" or "gssencmode" or "sslnegotiation" => value.Replace("-", "", StringComparison.Ordinal),
        "keepalives" or "load_balance_hosts" => value is "1" or "random" or "true" ? "true" : value is "0" or "disable" or "false" ? "false" : value,
        "require_auth" => value.Replace("scram-sha-256", "ScramSHA256", StringComparison.OrdinalIgnoreCase),
        // libpq: zero or less waits for ever, as Npgsql with 0; and at least two seconds.
        "connect_timeout" => value is ['-', ..] ? "0" : value == "1" ? "2" : value,
        "client_encoding" when value.Equals("auto", StringComparison.OrdinalIgnoreCase) => "UTF8",
        _ => value,
    };

    private static void Set(NpgsqlConnectionStringBuilder settings, string keyword, string value)
    {
        if (value.Length > 0)
        {
            settings[keyword] = value;
        }
    }

    private static (string Before, string After) Cut(string text, char at)
    {
        var position = text.IndexOf(at, StringComparison.Ordinal);
        return position < 0 ? (text, "") : (text[..position], text[(position + 1)..]);
    }
}
