using McpIdentity.Mcp;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Settings;

/// <summary>Names, files, precedence and refusals of the settings: docs/configuration.md.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class ConfigurationTests
{
    [Test, Category("SEED-068")]
    public async Task Env_oauth_is_read_by_the_rules_of_dotenv()
    {
        await using var file = new SettingsFile().Build(
            "# comment\r\n\r\nexport GOOGLE_CLIENT_ID=\"quoted # id\"\r\nGOOGLE_CLIENT_SECRET='si$ngle'   # said by the console\r\n" +
            "JWT_SECRET=a$2b$10$hash#with-dollar-signs-of-32-bytes\nJWT_ISSUER = spaced  # comment\nREDIS_PASSWORD=\nTRUST_PROXY=true  # Required");
        var oauth = file.Options<OAuthServerOptions>();

        Assert.That(oauth.GoogleClientId, Is.EqualTo("quoted # id"));
        Assert.That(oauth.GoogleClientSecret, Is.EqualTo("si$ngle"));
        Assert.That(file.Options<ExternalJwtOptions>().Secret, Is.EqualTo("a$2b$10$hash#with-dollar-signs-of-32-bytes"), "a secret is not expanded");
        Assert.That(file.Options<ExternalJwtOptions>().Issuer, Is.EqualTo("spaced"));
        Assert.That(oauth.SessionStorage.Redis.Password, Is.Null, "empty is unset");
        Assert.That(file.Options<ServerOptions>().TrustProxy, Is.True);
    }

    [Test, Category("SEED-068")]
    public void A_line_that_cannot_be_read_is_named_by_its_number_and_not_printed()
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("PORT=9000\nGOOGLE_CLIENT_SECRET=\"half a secret")),
            Does.Contain("line 2").And.Not.Contain("half a secret"));
    }

    [Test, Category("SEED-068")]
    public async Task Env_oauth_is_never_served_and_the_log_says_when_others_may_read_it()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-mode-");
        var path = Path.Combine(folder.FullName, ".env.oauth");
        await File.WriteAllTextAsync(path, "JWT_ISSUER=me\n");
        SettingsFile.SetMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Folder = folder.FullName,
            Environment = new Dictionary<string, string?> { ["LOG_LEVEL"] = "warn", ["NODE_ENV"] = "test", ["ASPNETCORE_ENVIRONMENT"] = null, ["ENCRYPTION_KEY"] = "0123456789abcdef0123456789abcdef0123" },
        });

        using var served = await server.Http.GetAsync("/.env.oauth");
        await server.StopAsync();
        folder.Delete(recursive: true);

        Assert.That((int)served.StatusCode, Is.EqualTo(404));
        Assert.That(server.Output, Does.Contain("chmod 600 .env.oauth"));
        Assert.That(server.Output, Does.Not.Contain("info:"), "LOG_LEVEL=warn (SEED-072)");
        Assert.That(server.Output, Does.Contain("  Test\n"), "NODE_ENV=test");
    }

    [Test, Category("SEED-069"), Category("SEED-075")]
    public async Task A_secret_is_read_from_the_file_that_its_name_points_to()
    {
        await using var file = new SettingsFile();
        var secret = file.InFolder("secret", "from a file\n");
        file.Build($"GOOGLE_CLIENT_ID=id\nGOOGLE_CLIENT_SECRET_FILE={secret}");

        Assert.That(file.Options<OAuthServerOptions>().GoogleClientSecret, Is.EqualTo("from a file"));
        Assert.That(SettingsFile.ProblemsOf(other => other.Build("JWT_SECRET_FILE=/nowhere/at/all")), Does.Contain("JWT_SECRET_FILE").And.Contain("/nowhere/at/all"));
    }

    [Test, Category("SEED-071"), Category("SEED-031")]
    public async Task Redis_is_named_by_one_url_or_by_parts_and_the_parts_win()
    {
        await using var file = new SettingsFile().Build("REDIS_URL=rediss://me:p%40ss@redis.internal:6380/3\nREDIS_DB=5");
        var redis = file.Options<OAuthServerOptions>().SessionStorage.Redis;

        Assert.That((redis.Host, redis.Port, redis.User, redis.Password, redis.Db, redis.Tls), Is.EqualTo(("redis.internal", 6380, "me", "p@ss", 5, true)));
        Assert.That(SettingsFile.ProblemsOf(other => other.Build("REDIS_URL=http://secret@x")), Does.Contain("REDIS_URL").And.Not.Contain("secret@x"));
    }

    [Test, Category("SEED-034")]
    public async Task Times_switches_and_lists_are_read_as_people_write_them()
    {
        await using var file = new SettingsFile().Build(
            "ACCESS_TOKEN_LIFETIME=1800\nREFRESH_TOKEN_LIFETIME=2.00:00:00\nTRUST_PROXY=1\nMCP_ENABLED=yes\nREDIS_TLS=no\nMCP_PUBLIC_TOOLS=greeting, ping\nCORS_ORIGIN=https://a.example, https://b.example",
            "--Server:KnownProxies=10.0.0.1,10.0.0.2");
        var oauth = file.Options<OAuthServerOptions>();

        Assert.That((oauth.AccessTokenLifetime, oauth.RefreshTokenLifetime), Is.EqualTo((TimeSpan.FromMinutes(30), TimeSpan.FromDays(2))));
        Assert.That((file.Options<ServerOptions>().TrustProxy, oauth.SessionStorage.Redis.Tls), Is.EqualTo(((bool?)true, false)));
        Assert.That(file.Options<McpOptions>().Auth.PublicTools, Is.EqualTo((string[])["greeting", "ping"]));
        Assert.That(file.Options<CorsSettings>().Origin, Is.EqualTo((string[])["https://a.example", "https://b.example"]));
        Assert.That(file.Options<ServerOptions>().KnownProxies, Is.EqualTo((string[])["10.0.0.1", "10.0.0.2"]));
    }

    [TestCase("TRUST_PROXY=maybe", "Server:TrustProxy (TRUST_PROXY) is 'maybe'")]
    [TestCase("REDIS_PORT=abc", "REDIS_PORT", Category = "SEED-031")]
    [TestCase("LOG_LEVEL=loud", "LOG_LEVEL is 'loud'")]
    [TestCase("PORT=0", "PORT")]
    [TestCase("CORS_ORIGIN=nonsense", "CORS_ORIGIN", Category = "LINK-16")]
    [TestCase("MCP_AUTH_TYPE=foo", "foo", Category = "SEED-001")]
    public void A_value_that_does_not_fit_is_refused_by_the_name_that_was_written(string line, string message)
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.Build(line)), Does.Contain(message));
    }

    [Test, Category("LINK-11")]
    public async Task The_older_names_of_the_encryption_key_work_and_the_newest_wins()
    {
        const string Newest = "the newest key of more than thirty-two characters", Oldest = "the oldest key of more than thirty-two characters";
        await using var old = new SettingsFile { HasKey = false }.Build($"TOKEN_ENCRYPTION_KEY={Oldest}");
        await using var both = new SettingsFile { HasKey = false }.Build($"TOKEN_ENCRYPTION_KEY={Oldest}\nENCRYPTION_KEY={Newest}");

        Assert.That(old.Options<OAuthServerOptions>().EncryptionKey, Is.EqualTo(Oldest));
        Assert.That(both.Options<OAuthServerOptions>().EncryptionKey, Is.EqualTo(Newest));
    }

    [Test, Category("B-02")]
    public void What_an_address_says_of_tls_and_users_is_not_dropped()
    {
        var postgres = new Npgsql.NpgsqlConnectionStringBuilder(ConnectionStrings.Postgres(new DatabaseOptions { Url = "postgres://me:p%40ss@db.internal/id?sslmode=verify-full&application_name=id-a" }, PostgresTraits.Unknown));

        Assert.That((postgres.Username, postgres.Password, postgres.SslMode, postgres.ApplicationName), Is.EqualTo(("me", "p@ss", Npgsql.SslMode.VerifyFull, "id-a")));
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("DATABASE_URL=postgres://me:secret@db/id?sslmod=require")), Does.Contain("DATABASE_URL").And.Contain("sslmod").And.Not.Contain("secret"));
    }

    [TestCase("--OAuth:RefreshTokenRotation=false", "OAuth:RefreshTokenRotation")]
    [TestCase("--OAuth:Issuer=https://another.example", "OAuth:Issuer")]
    [TestCase("--OAuth:SigningKeyRotation=01:00:00", "OAuth:SigningKeyRotation")]
    [TestCase("--OAuth:Registration:UnusedClientTtl=01:00:00", "UnusedClientTtl")]
    [TestCase("--OAuth:RefreshTokenReuseGraceSeconds=301", "RefreshTokenReuseGraceSeconds")]
    [TestCase("--OAuth:CallbackPath=callback", "OAuth:CallbackPath")]
    [TestCase("--OAuth:CallbackPath=/signin", "OAuth:CallbackPath"), TestCase("--OAuth:CallbackPath=/", "OAuth:CallbackPath"), TestCase("--OAuth:CallbackPath=/mcp", "OAuth:CallbackPath"), TestCase("--OAuth:CallbackPath=/health/google", "OAuth:CallbackPath"), TestCase("--OAuth:CallbackPath=/back/{id}", "OAuth:CallbackPath")]
    [TestCase("--OAuth:RefreshTokenLifetime=-00:00:01", "RefreshTokenLifetime")]
    [TestCase("--OAuth:AuthorizationCodeLifetime=00:00:00", "AuthorizationCodeLifetime")]
    [TestCase("--OAuth:LoginSessionLifetime=00:00:00", "LoginSessionLifetime")]
    [TestCase("--OAuth:PreviousEncryptionKeys:0=short", "OAuth:PreviousEncryptionKeys:0")]
    [TestCase("--Server:PublicBaseUrl=http://localhost:8082/id", "Server:PublicBaseUrl")]
    [TestCase("--Server:MaxRequestBodyBytes=1000", "Server:MaxRequestBodyBytes")]
    [TestCase("--Database:Url=mysql://x", "DATABASE_URL")]
    public void A_value_that_contradicts_a_rule_is_refused(string setting, string message)
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("", setting)), Does.Contain(message));
    }

    [Test, Category("SEED-081")]
    public void A_misspelled_setting_is_refused()
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("", "--mcp:auth:requireAuthForToolCall=true")),
            Does.Contain("requireAuthForToolCall is not a setting").And.Contain("RequireAuthForTools"));
    }

    [Test, Category("SEED-073")]
    public async Task Port_443_needs_a_certificate_or_a_proxy()
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.Build("PORT=443\nTRUST_PROXY=false")), Does.Contain("Kestrel:Certificates:Default:Path").And.Contain("TRUST_PROXY"));

        await using var behindProxy = new SettingsFile().Build("PORT=443\nTRUST_PROXY=true");
        using var certificate = new TlsCertificate();
        await using var withCertificate = new SettingsFile().Build("PORT=443", $"--Kestrel:Certificates:Default:Path={certificate.CertificateFile}", $"--Kestrel:Certificates:Default:KeyPath={certificate.KeyFile}");
        Assert.That(withCertificate.Options<ServerOptions>().PublicBaseUrl, Is.EqualTo("https://localhost"));
    }

    [TestCase("--Database:ConnectionString=Data Source=:memory:", "Database:ConnectionString")]
    [TestCase("--OAuth:EncryptionKey=dev-key-min-32-chars-required!!", "OAuth:EncryptionKey", Category = "SEED-026")]
    [TestCase("--OAuth:EncryptionKey=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "too regular", Category = "SEED-077")]
    [TestCase("--Server:PublicBaseUrl=http://id.example", "must be https", Category = "SEED-076")]
    [TestCase("--Server:KnownNetworks:0=::/0", "pretend to be anybody")]
    [TestCase("--Mcp:Auth:AuthType=none", "AllowNoneInProduction", Category = "SEED-005")]
    [TestCase("--Mcp:AuthEnforcement:Enabled=false", "Mcp:AuthEnforcement:Enabled", Category = "SEED-064")]
    [TestCase("--Cors:Credentials=true", "Cors:Credentials", Category = "LINK-16")]
    public void Production_does_not_start_with(string setting, string message)   // docs/production.md
    {
        Assert.That(SettingsFile.ProblemsOf(file => file.BuildIn("Production", "", "--Server:PublicBaseUrl=https://id.example", "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s", setting)),
            Does.Contain(message));
    }
}
