using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Sessions;

/// <summary>Sign-in sessions, in the storage that is configured, and the browser's side of them: one cookie, host-bound over https, never readable by script.</summary>
internal static partial class SessionsSetup
{
    public const string Scheme = "session";

    public static void AddSignInSessions(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<SessionStorageOptions>().Configure<IOptions<OAuthServerOptions>, IOptions<McpHostOptions>>(
            (storage, oauth, mcp) => storage.TakeFrom(oauth.Value.SessionStorage, mcp.Value.Auth.OAuth.SessionStorePath)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<SessionStorageOptions>, SessionStorageRules>();
        services.AddSingleton<ISessionStorage>(provider => provider.GetRequiredService<IOptions<SessionStorageOptions>>().Value.Type switch
        {
            SessionStorageType.Memory => ActivatorUtilities.CreateInstance<MemorySessions>(provider),
            SessionStorageType.File => ActivatorUtilities.CreateInstance<FileSessions>(provider),
            SessionStorageType.Redis => ActivatorUtilities.CreateInstance<RedisSessions>(provider),
            _ => ActivatorUtilities.CreateInstance<DatabaseSessions>(provider),
        });
        services.AddSingleton<SignInSessions>();
        services.AddSingleton<People>();
        services.AddScoped<SessionCookie>();
        services.AddAuthentication(Scheme).AddCookie(Scheme);
        services.AddOptions<CookieAuthenticationOptions>(Scheme)
            .Configure<PublicAddress, TimeProvider, IOptions<OAuthServerOptions>>((cookie, address, time, oauth) =>
            {
                cookie.Events.OnSigningIn = context => CookieOf(context.HttpContext).SigningInAsync(context);
                cookie.Events.OnValidatePrincipal = context => CookieOf(context.HttpContext).ValidateAsync(context);
                cookie.Events.OnSigningOut = context => CookieOf(context.HttpContext).LeaveAsync(context.HttpContext);
                cookie.TimeProvider = time;
                cookie.SlidingExpiration = false;
                cookie.ExpireTimeSpan = oauth.Value.LoginSessionLifetime;
                // RFC 6265bis §4.1.3.2: the prefix binds the cookie to this host; browsers demand https for it.
                cookie.Cookie.Name = address.IsHttps ? "__Host-mcpidentity" : "mcpidentity";
                cookie.Cookie.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
                cookie.Cookie.HttpOnly = true;
                cookie.Cookie.SameSite = SameSiteMode.Lax;
                cookie.Cookie.Path = "/";
            });
        services.AddAntiforgery();
        services.AddOptions<AntiforgeryOptions>().Configure<PublicAddress>((antiforgery, address) =>
        {
            antiforgery.Cookie.Name = address.IsHttps ? "__Host-mcpidentity-form" : "mcpidentity-form";
            antiforgery.Cookie.SecurePolicy = address.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            antiforgery.Cookie.Path = "/";
            // frame-ancestors of the page's own policy says it.
            antiforgery.SuppressXFrameOptionsHeader = true;
        });
    }

    /// <summary>Opens the storage, and says once what an operator should know of it.</summary>
    public static async Task OpenSessionsAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        var options = services.GetRequiredService<IOptions<SessionStorageOptions>>().Value;
        var logger = services.GetRequiredService<ILogger<SignInSessions>>();
        if (options.Type == SessionStorageType.Memory)
        {
            InMemory(logger);
        }

        if (options.IsFilePathTwice)
        {
            FilePathWins(logger, options.FilePath!);
        }

        if (options.Type is SessionStorageType.Memory or SessionStorageType.File && services.GetRequiredService<IHostEnvironment>().IsProduction())
        {
            NotForProduction(logger, options.Type);
        }

        var unreadable = await services.GetRequiredService<ISessionStorage>().OpenAsync(cancellationToken);
        if (options.Type != SessionStorageType.Redis && services.GetRequiredService<RedisConnection>() is { IsConfigured: true } redis)
        {
            await redis.TryOpenAsync(); // for what else is shared through it: a wrong password stops the start all the same
        }

        if (unreadable > 0)
        {
            Unreadable(logger, unreadable, services.GetRequiredService<EncryptionKeys>().Fingerprint);
        }
    }

    private static SessionCookie CookieOf(HttpContext context) => context.RequestServices.GetRequiredService<SessionCookie>();

    [LoggerMessage(1304, LogLevel.Warning, "Sign-in sessions are kept in memory (OAuth:SessionStorage:Type): everybody is signed out when the server stops.")]
    private static partial void InMemory(ILogger logger);

    [LoggerMessage(1305, LogLevel.Warning, "Both OAuth:SessionStorage:FilePath and Mcp:Auth:OAuth:SessionStorePath are set; sessions are kept in {Path}.")]
    private static partial void FilePathWins(ILogger logger, string path);

    [LoggerMessage(1306, LogLevel.Warning, "checklist:session-storage: in Production keep sign-in sessions in the Database or in Redis, not in {Type} (OAuth:SessionStorage:Type).")]
    private static partial void NotForProduction(ILogger logger, SessionStorageType type);

    [LoggerMessage(1307, LogLevel.Warning,
        "{Count} sign-in sessions cannot be decrypted and count as signed out: they were stored under another encryption key than the configured one ({Fingerprint}). " +
        "To keep them, name that key in OAuth:PreviousEncryptionKeys.")]
    private static partial void Unreadable(ILogger logger, int count, string fingerprint);
}
