using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Memory;

namespace McpIdentity.Server.Settings;

/// <summary>
/// The flat names (<c>GOOGLE_CLIENT_ID</c>, <c>PORT</c>, …), in the environment and in <c>.env.oauth</c>.
/// Lowest to highest: appsettings, user secrets, the file, the environment's flat names, .NET's names
/// (<c>OAuth__GoogleClientId</c>), the command line.
/// </summary>
internal static partial class EnvironmentNames
{
    /// <summary>Flat name to configuration key. A name ending in <c>_FILE</c> reads the value from that file (container secrets).</summary>
    public static readonly IReadOnlyDictionary<string, string> Keys = new Dictionary<string, string>
    {
        ["PORT"] = "Server:Port",
        ["OAUTH_BASE_URL"] = "Server:PublicBaseUrl",
        ["TRUST_PROXY"] = "Server:TrustProxy",
        ["OAUTH_ENABLED"] = "OAuth:Enabled",
        ["GOOGLE_CLIENT_ID"] = "OAuth:GoogleClientId",
        ["GOOGLE_CLIENT_SECRET"] = "OAuth:GoogleClientSecret",
        ["GITHUB_CLIENT_ID"] = "OAuth:GitHubClientId",
        ["GITHUB_CLIENT_SECRET"] = "OAuth:GitHubClientSecret",
        ["MICROSOFT_CLIENT_ID"] = "OAuth:MicrosoftClientId",
        ["MICROSOFT_CLIENT_SECRET"] = "OAuth:MicrosoftClientSecret",
        ["MICROSOFT_TENANT_ID"] = "OAuth:MicrosoftTenant",
        ["MCP_CLIENT_ID"] = "OAuth:McpClientId",
        ["MCP_CLIENT_SECRET"] = "OAuth:McpClientSecret",
        ["MCP_REDIRECT_URIS"] = "OAuth:McpRedirectUris",
        // Later lines win: ENCRYPTION_KEY beats its two older names.
        ["TOKEN_ENCRYPTION_KEY"] = "OAuth:EncryptionKey",
        ["OAUTH_SESSION_ENCRYPTION_KEY"] = "OAuth:EncryptionKey",
        ["ENCRYPTION_KEY"] = "OAuth:EncryptionKey",
        ["ACCESS_TOKEN_LIFETIME"] = "OAuth:AccessTokenLifetime",
        ["REFRESH_TOKEN_LIFETIME"] = "OAuth:RefreshTokenLifetime",
        ["SESSION_STORAGE"] = "OAuth:SessionStorage:Type",
        ["SESSION_FILE_PATH"] = "OAuth:SessionStorage:FilePath",
        ["REDIS_HOST"] = "OAuth:SessionStorage:Redis:Host",
        ["REDIS_PORT"] = "OAuth:SessionStorage:Redis:Port",
        ["REDIS_PASSWORD"] = "OAuth:SessionStorage:Redis:Password",
        ["REDIS_DB"] = "OAuth:SessionStorage:Redis:Db",
        ["REDIS_KEY_PREFIX"] = "OAuth:SessionStorage:Redis:KeyPrefix",
        ["REDIS_TLS"] = "OAuth:SessionStorage:Redis:Tls",
        ["JWT_SECRET"] = "Jwt:Secret",
        ["JWT_ISSUER"] = "Jwt:Issuer",
        ["JWT_AUDIENCE"] = "Jwt:Audience",
        ["JWT_JWKS_URI"] = "Jwt:JwksUri",
        ["MCP_ENABLED"] = "Mcp:Enabled",
        ["MCP_AUTH_TYPE"] = "Mcp:Auth:AuthType",
        ["MCP_PUBLIC_TOOLS"] = "Mcp:Auth:PublicTools",
        ["CORS_ORIGIN"] = "Cors:Origin",
        ["DATABASE_URL"] = "Database:Url",
        ["LOG_LEVEL"] = "Logging:LogLevel:Default",
    };

    /// <summary>Read beside <see cref="Keys"/>, for what has no one key.</summary>
    public static readonly IReadOnlyList<string> Others = ["REDIS_URL", "NODE_ENV"];

    // The guide's own object has these two at its root; the section's name wins.
    private static readonly (string Name, string Key)[] RootNames = [("port", "Server:Port"), ("trustProxy", "Server:TrustProxy")];

    private static readonly string[] EncryptionKeyNames = ["ENCRYPTION_KEY", "OAUTH_SESSION_ENCRYPTION_KEY", "TOKEN_ENCRYPTION_KEY"];

    public static void AddEnvironmentNames(this ConfigurationManager configuration, string contentRoot, ConfigurationProblems problems)
    {
        var sources = ((IConfigurationBuilder)configuration).Sources;
        var roots = RootNames.Where(name => configuration[name.Name] is { Length: > 0 }).ToDictionary(name => name.Key, name => configuration[name.Name]);
        sources.Insert(0, new NamedValues("appsettings (root)", roots));

        var named = configuration[$"{ServerOptions.Section}:{nameof(ServerOptions.EnvFile)}"] is { Length: > 0 } file ? file : ".env.oauth";
        foreach (var name in (string[])[".env", named])
        {
            var path = Path.Combine(contentRoot, name);
            if (File.Exists(path) || (name == named && Directory.Exists(path)))
            {
                var lines = EnvFile.Read(path, problems);
                Insert(sources, new NamedValues(name, Map(lines.GetValueOrDefault, lines.Keys, problems)));
                if (name == named)
                {
                    WarnOfUnknownNames(name, lines.Keys, problems);
                }
            }
        }

        Insert(sources, new NamedValues("environment", Map(Environment.GetEnvironmentVariable, Environment.GetEnvironmentVariables().Keys.Cast<string>(), problems)));
    }

    /// <summary>The flat names of a configuration key, the strongest first.</summary>
    public static IEnumerable<string> NamesOf(string key) =>
        Keys.Where(pair => pair.Value.Equals(key, StringComparison.OrdinalIgnoreCase)).Select(pair => pair.Key).Reverse();

    // This file is ours alone, so that a name that nobody reads is a slip of the pen; .env belongs to other programs too.
    private static void WarnOfUnknownNames(string file, IEnumerable<string> names, ConfigurationProblems problems)
    {
        foreach (var name in names.Where(name => !Others.Contains(name) && !IsOpenTelemetrys(name) && !Keys.ContainsKey(name) && !(name.EndsWith("_FILE", StringComparison.Ordinal) && Keys.ContainsKey(name[..^5]))))
        {
            problems.Warn($"{file} has {name}, which nothing reads. docs/configuration.md has the names.");
        }
    }

    // Below the un-prefixed environment source, so that Mcp__Auth__AuthType beats MCP_AUTH_TYPE.
    private static void Insert(IList<IConfigurationSource> sources, NamedValues values)
    {
        var position = sources.ToList().FindLastIndex(source => source is EnvironmentVariablesConfigurationSource { Prefix: null or "" });
        sources.Insert(position < 0 ? sources.Count : position, values);
    }

    /// <summary>Names of OpenTelemetry, whatever there will be, are its SDK's to read: as keys they keep their name (<c>docs/telemetry.md</c>).</summary>
    public static bool IsOpenTelemetrys(string name) => name.StartsWith("OTEL_", StringComparison.Ordinal);

    private static Dictionary<string, string?> Map(Func<string, string?> read, IEnumerable<string> names, ConfigurationProblems problems)
    {
        var values = new Dictionary<string, string?>();
        if (read("REDIS_URL") is { Length: > 0 } url)
        {
            RedisUrl.Read(url, values, problems);
        }

        var openTelemetry = names.Where(IsOpenTelemetrys).Select(name => name.EndsWith("_FILE", StringComparison.Ordinal) ? name[..^5] : name).Distinct();
        foreach (var (name, key) in Keys.Concat(openTelemetry.Select(name => KeyValuePair.Create(name, name))))
        {
            var value = read(name);
            if (IsOfOtherService(name, value))
            {
                value = null;
            }

            if (string.IsNullOrEmpty(value) && read(name + "_FILE") is { Length: > 0 } path)
            {
                value = ReadFile(name, path, problems);
            }

            // An empty variable counts as unset: compose files and CI pass them so.
            if (!string.IsNullOrEmpty(value))
            {
                values[key] = name == "LOG_LEVEL" ? LogLevelOf(value, problems) : value;
            }

            if (name == "LOG_LEVEL" && SecurityLogLevelOf(value) is { } level)
            {
                values["Mcp:SecurityLogging:LogLevel"] = level;
            }
        }

        if (EncryptionKeyNames.Select(read).Where(value => !string.IsNullOrEmpty(value)).Distinct(StringComparer.Ordinal).Count() > 1)
        {
            problems.Warn($"{string.Join(", ", EncryptionKeyNames)} differ; the first that is set is used.");
        }

        return values;
    }

    // Kubernetes tells every container about every Service: one that is called redis sets REDIS_PORT=tcp://10.96.0.5:6379,
    // and a link of Docker does the same. It is an address, and never what the operator meant by the name.
    private static bool IsOfOtherService(string name, string? value) =>
        (name.EndsWith("PORT", StringComparison.Ordinal) || name.EndsWith("HOST", StringComparison.Ordinal)) && value is not null && ServiceAddress.IsMatch(value.Trim());

    [GeneratedRegex("^(tcp|udp|sctp)://", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ServiceAddress { get; }

    private static string? ReadFile(string name, string path, ConfigurationProblems problems)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            problems.Add($"{name}_FILE names '{path}', which cannot be read: {exception.Message}");
            return null;
        }
    }

    private static string? SecurityLogLevelOf(string? word) => word?.ToUpperInvariant() switch
    {
        "ERROR" or "WARN" or "INFO" or "DEBUG" => word,
        "TRACE" => "Debug",
        _ => null,
    };

    // The words of LOG_LEVEL are those of Node's loggers.
    private static string LogLevelOf(string word, ConfigurationProblems problems)
    {
        string? level = word.ToUpperInvariant() switch
        {
            "ERROR" => nameof(LogLevel.Error),
            "WARN" => nameof(LogLevel.Warning),
            "INFO" => nameof(LogLevel.Information),
            "DEBUG" => nameof(LogLevel.Debug),
            "TRACE" => nameof(LogLevel.Trace),
            _ => Enum.TryParse<LogLevel>(word, ignoreCase: true, out var known) && Enum.IsDefined(known) ? known.ToString() : null,
        };
        if (level is null)
        {
            problems.Add($"LOG_LEVEL is '{word}'; allowed: error, warn, info, debug, trace.");
        }

        return level ?? nameof(LogLevel.Information);
    }

    /// <summary>Values with the name of where they came from, for <c>config show</c>.</summary>
    internal sealed class NamedValues(string name, IReadOnlyDictionary<string, string?> values) : IConfigurationSource
    {
        public IConfigurationProvider Build(IConfigurationBuilder builder) => new Provider(name, values);

        private sealed class Provider(string name, IReadOnlyDictionary<string, string?> values)
            : MemoryConfigurationProvider(new MemoryConfigurationSource { InitialData = values })
        {
            public override string ToString() => name;
        }
    }
}
