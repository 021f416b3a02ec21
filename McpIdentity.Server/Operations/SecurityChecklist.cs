using McpIdentity.Mcp;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Operations;

/// <summary>The guide's checklist for production, its eight items each judged by the settings in force (SEED-076 to SEED-080).</summary>
internal static class SecurityChecklist
{
    private const string Heading = "docs/production.md, \"Into production\"";

    private static readonly Check Https = new("checklist.https", Verdict.Fail, "Is the public address https, and plain http refused?", "Set Server:PublicBaseUrl (OAUTH_BASE_URL) to the https address.", Heading);
    private static readonly Check EncryptionKeys = new("checklist.encryption-keys", Verdict.Warn, "Is the encryption key one that you made and keep?", "Set ENCRYPTION_KEY (verb keygen).", Heading);
    private static readonly Check SessionStorage = new("checklist.session-storage", Verdict.Fail, "Are sign-in sessions kept where a restart and other servers find them?", "Use Database or Redis (OAuth:SessionStorage:Type, SESSION_STORAGE).", Heading);
    private static readonly Check TokenRotation = new("checklist.token-rotation", Verdict.Warn, "Is a refresh token that comes a second time noticed soon?", "Lower OAuth:RefreshTokenReuseGraceSeconds: a minute is long enough for a lost answer.", Heading);
    private static readonly Check RateLimiting = new("checklist.rate-limiting", Verdict.Fail, "Are requests limited?", "Set Mcp:RateLimiting:Enabled=true.", Heading);
    private static readonly Check AuditLogging = new("checklist.audit-logging", Verdict.Fail, "Are security events logged?", "Set Mcp:SecurityLogging:Enabled=true.", Heading);
    private static readonly Check ScopeValidation = new("checklist.scope-validation", Verdict.Fail, "Do tools need a token, and its scopes?", "Leave Mcp:AuthEnforcement and Mcp:Auth at what they are by default.", Heading);
    private static readonly Check TokenExpiration = new("checklist.token-expiration", Verdict.Fail, "Do tokens expire, and soon?", "Set OAuth:AccessTokenLifetime to an hour and OAuth:RefreshTokenLifetime to seven days at most.", Heading);

    /// <summary>The eight items.</summary>
    public static IReadOnlyList<Check> Checks { get; } = [Https, EncryptionKeys, SessionStorage, TokenRotation, RateLimiting, AuditLogging, ScopeValidation, TokenExpiration];

    public static IReadOnlyList<CheckResult> Judge(IServiceProvider services)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        var environment = services.GetRequiredService<IHostEnvironment>();
        var server = services.GetRequiredService<IOptions<ServerOptions>>().Value;
        var oauth = services.GetRequiredService<IOptions<OAuthServerOptions>>().Value;
        var mcp = services.GetRequiredService<IOptions<McpOptions>>().Value;
        return
        [
            JudgeHttps(server, environment),
            EncryptionKeys.Judge(configuration["OAuth:EncryptionKey"] is { Length: > 0 }, "OAuth:EncryptionKey is set, long enough and no sample", "the key was made by the server itself and lies beside the database"),
            SessionStorage.Judge(oauth.SessionStorage.Type is SessionStorageType.Database or SessionStorageType.Redis, $"{oauth.SessionStorage.Type}", $"{oauth.SessionStorage.Type} is for one process and for trying things"),
            TokenRotation.Judge(oauth.RefreshTokenReuseGraceSeconds <= 60, $"refresh tokens are used once; repeats within {oauth.RefreshTokenReuseGraceSeconds} s get the same successor",
                $"a stolen refresh token is not noticed when it is used within {oauth.RefreshTokenReuseGraceSeconds} s of its owner's refresh (OAuth:RefreshTokenReuseGraceSeconds)"),
            OnInProduction(RateLimiting, "Mcp:RateLimiting:Enabled", "requests are limited", configuration, environment),
            OnInProduction(AuditLogging, "Mcp:SecurityLogging:Enabled", "security events are logged", configuration, environment),
            JudgeScopes(mcp),
            JudgeLifetimes(oauth, mcp),
        ];
    }

    // Production does not start without; a developer has no certificate.
    private static CheckResult JudgeHttps(ServerOptions server, IHostEnvironment environment) =>
        server.PublicBaseUrl!.StartsWith("https://", StringComparison.Ordinal)
            ? server.RequireHttps == true
                ? Https.Pass($"{server.PublicBaseUrl}, and plain http is refused")
                : Https.Warn("Server:RequireHttps is off: plain http is answered as well", "Leave Server:RequireHttps unset, or set it to true.")
            : OutsideProduction(Https, environment, $"{server.PublicBaseUrl} is not https");

    // The setting is derived where it is unset: on in Production, off elsewhere.
    private static CheckResult OnInProduction(Check check, string setting, string on, IConfiguration configuration, IHostEnvironment environment) =>
        (bool.TryParse(configuration[setting], out var said) ? said : environment.IsProduction()) ? check.Pass(on) : OutsideProduction(check, environment, $"{setting} is off");

    private static CheckResult OutsideProduction(Check check, IHostEnvironment environment, string says) => environment.IsProduction() ? check.Bad(says) : check.Warn(says);

    private static CheckResult JudgeScopes(McpOptions mcp) => mcp switch
    {
        { Enabled: false } => ScopeValidation.Pass("the MCP endpoint is off"),
        { AuthEnforcement.Enabled: false } => ScopeValidation.Bad("Mcp:AuthEnforcement:Enabled is off: refusals are only reported"),
        { Auth.AuthType: McpAuthType.None } => ScopeValidation.Bad("Mcp:Auth:AuthType is none: everybody may call everything"),
        { Auth.RequireAuthForToolsCall: false } => ScopeValidation.Warn("Mcp:Auth:RequireAuthForToolsCall is off"),
        { Auth: { AuthType: McpAuthType.Jwt or McpAuthType.Both, Jwt.RequiredScopes.Count: 0 } } =>
            ScopeValidation.Warn("Mcp:Auth:Jwt:RequiredScopes is empty: a JWT needs no scope but what a tool asks for", "Name in Mcp:Auth:Jwt:RequiredScopes what every JWT must have."),
        _ => ScopeValidation.Pass("tools are called with a token and the scopes they ask for"),
    };

    private static CheckResult JudgeLifetimes(OAuthServerOptions oauth, McpOptions mcp)
    {
        if (mcp is { Enabled: true, Auth: { AuthType: McpAuthType.Jwt or McpAuthType.Both, Jwt.AllowExpiredTokens: true } })
        {
            return TokenExpiration.Bad("Mcp:Auth:Jwt:AllowExpiredTokens is on", "Take Mcp:Auth:Jwt:AllowExpiredTokens away.");
        }

        var lives = $"access tokens live {oauth.AccessTokenLifetime}, refresh tokens {oauth.RefreshTokenLifetime}";
        return oauth.AccessTokenLifetime <= TimeSpan.FromHours(1) && oauth.RefreshTokenLifetime <= TimeSpan.FromDays(7) ? TokenExpiration.Pass(lives) : TokenExpiration.Warn($"{lives}; an hour and seven days are usual");
    }
}
