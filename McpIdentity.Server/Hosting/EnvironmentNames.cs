using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Memory;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// The flat names of the seed (<c>GOOGLE_CLIENT_ID</c>, <c>PORT</c>, …), in the environment and in <c>.env.oauth</c>.
/// Lowest to highest: appsettings, user secrets, the file, the environment's flat names, .NET's names
/// (<c>OAuth__GoogleClientId</c>), the command line.
/// </summary>
internal static class EnvironmentNames
{
    /// <summary>Flat name to configuration key. A name ending in <c>_FILE</c> reads the value from that file (container secrets).</summary>
    public static readonly IReadOnlyDictionary<string, string> Keys = new Dictionary<string, string>
    {
        ["PORT"] = "Server:Port",
        ["OAUTH_BASE_URL"] = "Server:PublicBaseUrl",
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
        ["DATABASE_URL"] = "Database:Url",
        ["LOG_LEVEL"] = "Logging:LogLevel:Default",
    };

    public static void AddEnvironmentNames(this ConfigurationManager configuration, string contentRoot)
    {
        var values = new Dictionary<string, string?>();
        var file = Path.Combine(contentRoot, configuration[$"{ServerOptions.Section}:{nameof(ServerOptions.EnvFile)}"] ?? ".env.oauth");
        if (File.Exists(file))
        {
            var lines = DotNetEnv.Env.NoEnvVars().Load(file).ToLookup(line => line.Key, line => line.Value);
            Map(name => lines[name].LastOrDefault(), values);
        }

        Map(Environment.GetEnvironmentVariable, values);

        // Below the un-prefixed environment source, so that Mcp__Auth__AuthType beats MCP_AUTH_TYPE.
        var sources = ((IConfigurationBuilder)configuration).Sources;
        var position = sources.ToList().FindLastIndex(source => source is EnvironmentVariablesConfigurationSource { Prefix: null or "" });
        sources.Insert(position < 0 ? sources.Count : position, new MemoryConfigurationSource { InitialData = values });
    }

    private static void Map(Func<string, string?> read, Dictionary<string, string?> values)
    {
        foreach (var (name, key) in Keys)
        {
            var value = read(name);
            if (string.IsNullOrEmpty(value) && read(name + "_FILE") is { Length: > 0 } path)
            {
                value = File.ReadAllText(path).Trim();
            }

            // An empty variable counts as unset: compose files and CI pass them so.
            if (!string.IsNullOrEmpty(value))
            {
                values[key] = name == "LOG_LEVEL" ? LogLevelOf(value) : value;
            }

            if (name == "LOG_LEVEL" && SecurityLogLevelOf(value) is { } level)
            {
                values["Mcp:SecurityLogging:LogLevel"] = level;
            }
        }
    }

    private static string? SecurityLogLevelOf(string? word) => word?.ToUpperInvariant() switch
    {
        "ERROR" or "WARN" or "INFO" or "DEBUG" => word,
        "TRACE" => "Debug",
        _ => null,
    };

    // The seed's words are Node's; an unknown one is left to the logging configuration to refuse.
    private static string LogLevelOf(string word) => word.ToUpperInvariant() switch
    {
        "ERROR" => nameof(LogLevel.Error),
        "WARN" => nameof(LogLevel.Warning),
        "INFO" => nameof(LogLevel.Information),
        "DEBUG" => nameof(LogLevel.Debug),
        "TRACE" => nameof(LogLevel.Trace),
        _ => word,
    };
}
