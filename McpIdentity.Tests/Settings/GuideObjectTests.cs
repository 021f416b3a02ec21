using McpIdentity.Mcp;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Settings;

namespace McpIdentity.Tests.Settings;

/// <summary>The guide's configuration objects, literally as it prints them with values in place of <c>process.env</c>.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class GuideObjectTests
{
    private const string OAuthProduction = """
        {
          "port": 443,
          "oauth": {
            "enabled": true, "googleClientId": "id", "googleClientSecret": "secret", "encryptionKey": "6f1d0c83a95b47e2b8d43f7a10c9e65d",
            "sessionStorage": { "type": "redis", "redis": { "host": "redis.internal", "port": 6379, "password": "pw", "db": 0, "keyPrefix": "oauth:prod:", "tls": true } }
          },
          "mcp": {
            "enabled": true,
            "auth": { "authType": "oauth", "oauth": { "enabled": true, "requireValidSession": true }, "requireAuthForToolsList": false, "requireAuthForToolsCall": true, "publicTools": [] },
            "rateLimiting": { "enabled": true, "windowMs": 60000, "maxRequests": 100, "maxToolCalls": 50 },
            "securityLogging": { "enabled": true, "logLevel": "info", "logToFile": true, "logFilePath": "/var/log/mcp-security.log" },
            "authEnforcement": { "enabled": true, "requireAuth": true, "requireValidSession": true }
          }
        }
        """;

    private const string JwtProduction = """
        {
          "port": 443,
          "jwt": { "secret": "Zq4vT8mLr2Xw9KdYb6NhJc3FgPs7AeUi5Vt1", "issuer": "your-service", "audience": "mcp-api" },
          "mcp": {
            "enabled": true,
            "auth": {
              "authType": "jwt",
              "jwt": { "enabled": true, "requireValidSignature": true, "requiredScopes": ["mcp", "mcp:call"], "allowExpiredTokens": false },
              "oauth": { "enabled": false },
              "requireAuthForToolsList": true, "requireAuthForToolsCall": true, "publicTools": []
            },
            "rateLimiting": { "enabled": true, "maxRequests": 100 },
            "securityLogging": { "enabled": true },
            "authEnforcement": { "enabled": true }
          }
        }
        """;

    private const string Both = """
        {
          "port": 8082,
          "oauth": { "enabled": true, "sessionStorage": { "type": "redis", "redis": {} } },
          "jwt": { "secret": "a secret of more than thirty-two bytes!", "issuer": "your-service", "audience": "mcp-api" },
          "mcp": { "enabled": true, "auth": { "authType": "both", "oauth": { "enabled": true, "requireValidSession": true },
            "jwt": { "enabled": true, "requireValidSignature": true, "requiredScopes": ["mcp"], "allowExpiredTokens": false },
            "requireAuthForToolsList": false, "requireAuthForToolsCall": true, "publicTools": ["greeting"] } }
        }
        """;

    // Settings of docs/configuration.md, each with its default: a file that has them all binds.
    private const string Full = """
        {
          "Server": {
            "Port": 8082,
            "PublicBaseUrl": null,
            "TrustProxy": null,
            "ForwardLimit": 1,
            "KnownProxies": [],
            "KnownNetworks": [ "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" ],
            "AllowedHosts": [],
            "RequireHttps": null,
            "MaxRequestBodyBytes": 1048576,
            "EnvFile": ".env.oauth"
          },
          "Database": {
            "Provider": "Sqlite",
            "ConnectionString": "Data Source=data/mcpidentity.db",
            "MigrateOnStart": true
          },
          "OAuth": {
            "Enabled": true,
            "Issuer": null,
            "GoogleClientId": null,
            "GoogleClientSecret": null,
            "GoogleHostedDomain": null,
            "CallbackPath": "/oauth/callback",
            "GitHubClientId": null,
            "GitHubClientSecret": null,
            "MicrosoftClientId": null,
            "MicrosoftClientSecret": null,
            "RequireVerifiedEmail": true,
            "AllowedEmailDomains": [],
            "EncryptionKey": null,
            "PreviousEncryptionKeys": [],
            "SessionStorage": {
              "Type": "Database",
              "FilePath": "./data/oauth-sessions.db",
              "Redis": {
                "Host": "localhost",
                "Port": 6379,
                "Password": null,
                "Db": 0,
                "KeyPrefix": "oauth:session:",
                "Tls": false
              }
            },
            "AccessTokenLifetime": "01:00:00",
            "RefreshTokenLifetime": "7.00:00:00",
            "AuthorizationCodeLifetime": "00:01:00",
            "LoginSessionLifetime": "08:00:00",
            "RefreshTokenRotation": true,
            "RefreshTokenReuseGraceSeconds": 30,
            "Registration": {
              "Enabled": true,
              "RequireInitialAccessToken": false,
              "InitialAccessToken": null,
              "AllowedRedirectUriSchemes": [ "https", "http-loopback" ],
              "MaxRedirectUris": 20,
              "UnusedClientTtl": "30.00:00:00"
            },
            "StaticClients": []
          },
          "Jwt": {
            "Secret": null,
            "Issuer": null,
            "Audience": null,
            "JwksUri": null,
            "Authority": null,
            "Algorithms": [],
            "ClockSkewSeconds": 30,
            "SubjectClaim": "sub",
            "ScopeClaims": [ "scopes", "scope", "scp" ]
          },
          "Mcp": {
            "Enabled": true,
            "Path": "/mcp",
            "Auth": {
              "AuthType": "oauth",
              "OAuth": {
                "Enabled": null,
                "SessionStorePath": null,
                "RequireValidSession": true
              },
              "Jwt": {
                "Enabled": null,
                "RequireValidSignature": true,
                "RequiredScopes": [],
                "AllowExpiredTokens": false
              },
              "RequireAuthForToolsList": false,
              "RequireAuthForToolsCall": true,
              "PublicTools": [],
              "DenyPublicTools": [],
              "PublicCategories": [],
              "AnonymousListing": "All",
              "SecondCredentialHeader": "X-MCP-JWT",
              "AllowNoneInProduction": false
            },
            "AdminUsers": [],
            "RateLimiting": {
              "Enabled": null,
              "WindowMs": 60000,
              "MaxRequests": 100,
              "MaxToolCalls": 50,
              "AuthEndpointMaxRequests": 60,
              "RegistrationMaxRequests": 20
            },
            "SecurityLogging": {
              "Enabled": null,
              "LogLevel": "info",
              "LogToFile": false,
              "LogFilePath": "./logs/mcp-security.log",
              "MaxFileSizeBytes": 52428800,
              "MaxFiles": 10
            },
            "AuthEnforcement": {
              "Enabled": true,
              "RequireAuth": true,
              "RequireValidSession": null
            },
            "DnsRebinding": {
              "EnableDnsRebindingProtection": true,
              "AllowedHosts": [],
              "AllowedOrigins": []
            }
          },
          "Cors": {
            "Origin": [ "*" ],
            "Credentials": false,
            "Methods": [ "GET", "POST", "DELETE", "OPTIONS", "HEAD" ],
            "AllowedHeaders": [ "Content-Type", "Authorization", "X-Requested-With", "mcp-protocol-version", "mcp-session-id", "last-event-id", "X-MCP-JWT", "Accept", "Accept-Language", "Content-Language", "Origin" ],
            "ExposedHeaders": [ "WWW-Authenticate", "mcp-session-id", "Retry-After" ]
          },
          "Logging": { "LogLevel": { "Default": "Information", "Microsoft.AspNetCore": "Warning" } }
        }
        """;

    // The port wants TLS, which a proxy ends.
    private static readonly string[] BehindProxy = ["--Server:PublicBaseUrl=https://id.example", "--Server:TrustProxy=true"];

    [Test, Category("SEED-081")]
    public async Task The_production_object_for_oauth_binds_as_it_stands()
    {
        await using var file = new SettingsFile { HasKey = false }.BuildIn("Production", "", [.. SettingsFile.Settings(OAuthProduction), .. BehindProxy]);
        var (oauth, mcp) = (file.Options<OAuthServerOptions>(), file.Options<McpOptions>());

        Assert.That(file.Options<ServerOptions>().Port, Is.EqualTo(443));
        Assert.That(oauth.EncryptionKey, Is.EqualTo("6f1d0c83a95b47e2b8d43f7a10c9e65d"));
        Assert.That(oauth.SessionStorage.Type, Is.EqualTo(SessionStorageType.Redis));
        Assert.That((oauth.SessionStorage.Redis.Host, oauth.SessionStorage.Redis.KeyPrefix, oauth.SessionStorage.Redis.Tls), Is.EqualTo(("redis.internal", "oauth:prod:", true)));
        Assert.That((mcp.RateLimiting.Enabled, mcp.RateLimiting.WindowMs, mcp.RateLimiting.MaxRequests, mcp.RateLimiting.MaxToolCalls), Is.EqualTo(((bool?)true, 60000, 100, 50)));
        Assert.That((mcp.SecurityLogging.LogToFile, mcp.SecurityLogging.LogFilePath), Is.EqualTo((true, "/var/log/mcp-security.log")));
        Assert.That((mcp.AuthEnforcement.RequireAuth, mcp.AuthEnforcement.RequireValidSession), Is.EqualTo((true, (bool?)true)));
    }

    // Of an authorization server beside it the object says nothing, so that one stays on (docs/auth-types.md).
    [Test, Category("SEED-081")]
    public async Task The_production_object_for_jwt_binds_as_it_stands()
    {
        await using var file = new SettingsFile { HasKey = false }.BuildIn("Production", "", [.. SettingsFile.Settings(JwtProduction), .. BehindProxy, "--OAuth:Enabled=false"]);
        var mcp = file.Options<McpOptions>();

        Assert.That((mcp.Auth.AuthType, mcp.Auth.RequireAuthForToolsList, mcp.Auth.OAuth.Enabled), Is.EqualTo((McpAuthType.Jwt, true, (bool?)false)));
        Assert.That(mcp.Auth.Jwt.RequiredScopes, Is.EqualTo((string[])["mcp", "mcp:call"]));
        Assert.That((mcp.RateLimiting.Enabled, mcp.SecurityLogging.Enabled), Is.EqualTo(((bool?)true, (bool?)true)));
    }

    [Test, Category("SEED-055")]
    public async Task The_object_for_both_binds_as_it_stands()
    {
        await using var file = new SettingsFile().Build("", SettingsFile.Settings(Both));
        var auth = file.Options<McpOptions>().Auth;

        Assert.That(auth.AuthType, Is.EqualTo(McpAuthType.Both));
        Assert.That(auth.Jwt.RequiredScopes, Is.EqualTo((string[])["mcp"]));
        Assert.That(auth.PublicTools, Is.EqualTo((string[])["greeting"]));
        Assert.That(file.Options<ExternalJwtOptions>().Issuer, Is.EqualTo("your-service"));
    }

    [Test, Category("SEED-081")]
    public async Task Every_setting_of_the_checklist_is_one_of_ours()
    {
        await using var file = new SettingsFile().Build("", SettingsFile.Settings(Full));

        Assert.That(file.Options<OAuthServerOptions>().Registration.UnusedClientTtl, Is.EqualTo(new OAuthServerOptions().Registration.UnusedClientTtl), "as the file says");
        Assert.That(file.Options<ServerOptions>().MaxRequestBodyBytes, Is.EqualTo(new ServerOptions().MaxRequestBodyBytes));
    }
}
