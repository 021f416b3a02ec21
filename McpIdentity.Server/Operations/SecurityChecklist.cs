using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Operations;

/// <summary>The guide's checklist for production, its eight items each judged by the settings in force (SEED-076 to SEED-080).</summary>
internal static class SecurityChecklist
{
    public static IReadOnlyList<CheckResult> Judge(IServiceProvider services)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        var environment = services.GetRequiredService<IHostEnvironment>();
        var server = services.GetRequiredService<IOptions<ServerOptions>>().Value;
        var oauth = services.GetRequiredService<IOptions<OAuthServerOptions>>().Value;
        var mcp = services.GetRequiredService<IOptions<McpOptions>>().Value;
        return
        [
            Https(server, environment),
            EncryptionKey(configuration),
            SessionStorage(oauth),
            TokenRotation(oauth),
            OnInProduction("rate-limiting", "Mcp:RateLimiting:Enabled", "requests are limited", configuration, environment),
            OnInProduction("audit-logging", "Mcp:SecurityLogging:Enabled", "security events are logged", configuration, environment),
            ScopeValidation(mcp),
            TokenExpiration(oauth, mcp),
        ];
    }

    // Production does not start without; a developer has no certificate.
    private static CheckResult Https(ServerOptions server, IHostEnvironment environment) =>
        server.PublicBaseUrl!.StartsWith("https://", StringComparison.Ordinal)
            ? server.RequireHttps == true
                ? new("https", Verdict.Pass, $"{server.PublicBaseUrl}, and plain http is refused")
                : new("https", Verdict.Warn, "Server:RequireHttps is off: plain http is answered as well")
            : new("https", environment.IsProduction() ? Verdict.Fail : Verdict.Warn, $"{server.PublicBaseUrl} is not https: set Server:PublicBaseUrl (OAUTH_BASE_URL)");

    private static CheckResult EncryptionKey(IConfiguration configuration) =>
        configuration["OAuth:EncryptionKey"] is { Length: > 0 }
            ? new("encryption-keys", Verdict.Pass, "OAuth:EncryptionKey is set, long enough and no sample")
            : new("encryption-keys", Verdict.Warn, "the key was made by the server itself and lies beside the database: set ENCRYPTION_KEY (verb keygen)");

    private static CheckResult SessionStorage(OAuthServerOptions oauth) => oauth.SessionStorage.Type is SessionStorageType.Database or SessionStorageType.Redis
        ? new("session-storage", Verdict.Pass, $"{oauth.SessionStorage.Type}")
        : new("session-storage", Verdict.Fail, $"{oauth.SessionStorage.Type} is for one process and for trying things: use Database or Redis (SESSION_STORAGE)");

    private static CheckResult TokenRotation(OAuthServerOptions oauth) =>
        new("token-rotation", Verdict.Pass, $"refresh tokens are used once; repeats within {oauth.RefreshTokenReuseGraceSeconds} s get the same successor");

    // The setting is derived where it is unset: on in Production, off elsewhere.
    private static CheckResult OnInProduction(string name, string setting, string on, IConfiguration configuration, IHostEnvironment environment) =>
        (bool.TryParse(configuration[setting], out var said) ? said : environment.IsProduction())
            ? new(name, Verdict.Pass, on)
            : new(name, environment.IsProduction() ? Verdict.Fail : Verdict.Warn, $"{setting} is off");

    private static CheckResult ScopeValidation(McpOptions mcp) => mcp switch
    {
        { Enabled: false } => new("scope-validation", Verdict.Pass, "the MCP endpoint is off"),
        { AuthEnforcement.Enabled: false } => new("scope-validation", Verdict.Fail, "Mcp:AuthEnforcement:Enabled is off: refusals are only reported"),
        { Auth.AuthType: McpAuthType.None } => new("scope-validation", Verdict.Fail, "Mcp:Auth:AuthType is none: everybody may call everything"),
        { Auth.RequireAuthForToolsCall: false } => new("scope-validation", Verdict.Warn, "Mcp:Auth:RequireAuthForToolsCall is off"),
        { Auth: { AuthType: McpAuthType.Jwt or McpAuthType.Both, Jwt.RequiredScopes.Count: 0 } } =>
            new("scope-validation", Verdict.Warn, "Mcp:Auth:Jwt:RequiredScopes is empty: a JWT needs no scope but what a tool asks for"),
        _ => new("scope-validation", Verdict.Pass, "tools are called with a token and the scopes they ask for"),
    };

    private static CheckResult TokenExpiration(OAuthServerOptions oauth, McpOptions mcp)
    {
        if (mcp is { Enabled: true, Auth: { AuthType: McpAuthType.Jwt or McpAuthType.Both, Jwt.AllowExpiredTokens: true } })
        {
            return new("token-expiration", Verdict.Fail, "Mcp:Auth:Jwt:AllowExpiredTokens is on");
        }

        var lives = $"access tokens live {oauth.AccessTokenLifetime}, refresh tokens {oauth.RefreshTokenLifetime}";
        return oauth.AccessTokenLifetime <= TimeSpan.FromHours(1) && oauth.RefreshTokenLifetime <= TimeSpan.FromDays(7)
            ? new("token-expiration", Verdict.Pass, lives)
            : new("token-expiration", Verdict.Warn, $"{lives}; an hour and seven days are usual");
    }
}
