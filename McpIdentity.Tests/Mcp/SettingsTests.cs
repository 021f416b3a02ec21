using McpIdentity.Mcp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Mcp;

/// <summary>What the settings do, and which contradictions stop the start.</summary>
[Category("Configuration")]
[Parallelizable(ParallelScope.All)]
internal sealed class SettingsTests
{
    // SEED-001, 005, 008, 014, 015, 018, 064.
    [TestCase("Development", "Mcp:Auth:AuthType=foo", "Mcp:Auth:AuthType is 'foo'; allowed: oauth, jwt, both, none.")]
    [TestCase("Development", "Mcp:SessionMode=sticky", "Mcp:SessionMode is 'sticky'; allowed: stateless, stateful.")]
    [TestCase("Development", "Mcp:SessionMode=1", "Mcp:SessionMode is '1'; allowed")]
    [TestCase("Development", "Mcp:SessionIdleTimeout=00:00:00", "Mcp:SessionIdleTimeout is 00:00:00")]
    [TestCase("Development", "Mcp:MaxIdleSessions=0", "Mcp:MaxIdleSessions is 0")]
    [TestCase("Development", "Mcp:MaxSessionsPerCaller=-1", "Mcp:MaxSessionsPerCaller is -1")]
    [TestCase("Development", "Mcp:SessionNode=a.b", "Mcp:SessionNode is 'a.b'")]
    [TestCase("Production", "Mcp:Auth:AuthType=none", "Mcp:Auth:AllowNoneInProduction")]
    [TestCase("Development", "Mcp:Auth:AuthType=oauth;Mcp:Auth:OAuth:Enabled=false", "needs Mcp:Auth:OAuth:Enabled")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Mcp:Auth:Jwt:Enabled=false", "needs Mcp:Auth:Jwt:Enabled")]
    [TestCase("Development", "Mcp:Auth:AuthType=both;Mcp:Auth:Jwt:Enabled=false;Mcp:Auth:OAuth:Enabled=false", "both are false")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Secret=", "JWT_SECRET")]
    [TestCase("Development", "Mcp:Auth:AuthType=both;Jwt:Secret=;Jwt:Issuer=;Jwt:Audience=", "JWT_SECRET")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Issuer=", "JWT_ISSUER")]
    [TestCase("Development", "Mcp:Auth:AuthType=both;Jwt:Issuer=https://mcp.example", "our own issuer")]
    [TestCase("Production", "Mcp:Auth:AuthType=jwt;Jwt:Secret=your-jwt-secret", "sample value")]
    [TestCase("Production", "Mcp:Auth:AuthType=jwt;Jwt:Secret=0123456789012345678901234567890", "at least 32 bytes (got 31)")]
    [TestCase("Production", "Mcp:Auth:AuthType=jwt;Mcp:Auth:Jwt:RequireValidSignature=false", "RequireValidSignature")]
    [TestCase("Staging", "Mcp:Auth:AuthType=jwt;Mcp:Auth:Jwt:RequireValidSignature=false", "RequireValidSignature")]
    [TestCase("Production", "Mcp:AuthEnforcement:Enabled=false", "Mcp:AuthEnforcement:Enabled")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:JwksUri=https://idp.example/jwks", "contradicts")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Secret=;Jwt:JwksUri=http://idp.example/jwks", "https")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Secret=;Jwt:JwksUri=http://loopback/jwks", "https")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Secret=;Jwt:Authority=http://u@loopback:8080", "https")]
    [TestCase("Development", @"Mcp:Auth:AuthType=jwt;Jwt:Secret=;Jwt:JwksUri=http:\\loopback/x://localhost", "https")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Algorithms:0=RS256", "RS256")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:Algorithms:0=none", "none")]
    [TestCase("Development", "Mcp:Auth:AuthType=jwt;Jwt:ClockSkewSeconds=61", "0 to 60")]
    [TestCase("Development", "Mcp:PublicBaseUrl=https://mcp.example/", "trailing slash")]
    [TestCase("Development", "Mcp:Auth:SecondCredentialHeader=Cookie", "SecondCredentialHeader")]
    [Category("SEED-001"), Category("SEED-005"), Category("SEED-008"), Category("SEED-014"), Category("SEED-015"), Category("SEED-018"), Category("SEED-064")]
    public void A_contradiction_stops_the_start_and_is_named(string environment, string settings, string problem) =>
        Assert.That(
            async () => await McpHost.StartAsync(Parse(settings), environment: environment),
            Throws.InstanceOf<OptionsValidationException>().With.Message.Contains(problem));

    [Test]
    public void All_problems_are_reported_at_once() =>
        Assert.That(
            async () => await McpHost.StartAsync(Parse("Mcp:Auth:AuthType=jwt;Mcp:Auth:Jwt:Enabled=false;Mcp:Path=mcp/;Mcp:AuthEnforcement:Enabled=false"), environment: "Production"),
            Throws.InstanceOf<OptionsValidationException>().With.Property(nameof(OptionsValidationException.Failures)).Count.EqualTo(3));

    [TestCase("oauth", 200), TestCase("both", 200), TestCase("jwt", 401)]
    [Category("SEED-008")]
    public async Task Whether_our_tokens_count_follows_the_auth_type_where_nothing_else_is_said(string authType, int status)
    {
        await using var host = await McpHost.StartAsync(Parse($"Mcp:Auth:AuthType={authType}"));

        Assert.That((await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key))).Status, Is.EqualTo(status));
    }

    // SEED-007.
    [Test]
    [Category("SEED-007")]
    public async Task A_disabled_module_is_404([Values("/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp")] string path)
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Enabled=false"));
        using var get = await host.Client.GetAsync(path);
        using var post = await host.Client.PostAsync(path, null);

        Assert.That(((int)get.StatusCode, (int)post.StatusCode), Is.EqualTo((404, 404)));
    }

    // SEED-005.
    [Test]
    [Category("SEED-005")]
    public async Task None_is_loud([Values("Development", "Production")] string environment)
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Auth:AuthType=none;Mcp:Auth:AllowNoneInProduction=true"), environment: environment);

        Assert.That(host.Logs.At(environment == "Production" ? LogLevel.Critical : LogLevel.Warning), Has.Some.Contains("Mcp:Auth:AuthType is none"));
    }

    // SEED-004: a kill switch for each kind of credential.
    [TestCase("Mcp:Auth:OAuth:Enabled=false", 401, 200), TestCase("Mcp:Auth:Jwt:Enabled=false", 200, 401)]
    [Category("SEED-004")]
    public async Task Under_both_either_kind_can_be_switched_off(string setting, int own, int foreign)
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Auth:AuthType=both;" + setting));

        Assert.That(
            ((await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key))).Status, (await host.CallToolAsync("whoami", TestTokens.Foreign())).Status),
            Is.EqualTo((own, foreign)));
    }

    // SEED-010, SEED-066.
    [TestCase("Mcp:Auth:OAuth:RequireValidSession=false", 200)]
    [TestCase("Mcp:Auth:OAuth:RequireValidSession=false;Mcp:AuthEnforcement:RequireValidSession=true", 401)]
    [Category("SEED-010"), Category("SEED-066")]
    public async Task Whether_the_session_must_live_is_a_setting(string settings, int status)
    {
        await using var host = await McpHost.StartAsync(Parse(settings));
        host.Sessions.Ended.Add("session-1");

        Assert.That((await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key))).Status, Is.EqualTo(status));
    }

    // SEED-011, 012, 020, 065; docs/auth-types.md, "What needs a credential".
    [TestCase("Mcp:Auth:RequireAuthForToolsList=true", "tools/list", 401)]
    [TestCase("Mcp:Auth:RequireAuthForToolsCall=false", "tools/call", 200)]
    [TestCase("Mcp:AuthEnforcement:RequireAuth=false", "resources/list", 200)]
    [TestCase("Mcp:Auth:ChallengeOnFirstContact=true", "initialize", 401)]
    [TestCase("Mcp:Auth:ChallengeOnFirstContact=true", "server/discover", 401)]
    [Category("SEED-011"), Category("SEED-012"), Category("SEED-020"), Category("SEED-065")]
    public async Task Doors_open_and_close_by_setting(string settings, string method, int status)
    {
        await using var host = await McpHost.StartAsync(Parse(settings));

        Assert.That((await host.CallAsync(method, new { name = "ping" })).Status, Is.EqualTo(status));
    }

    [Test]
    public async Task A_tool_with_a_scope_is_never_open()
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Auth:RequireAuthForToolsCall=false;Mcp:Auth:PublicTools=admin_status"));

        Assert.That((await host.CallToolAsync("admin_status")).Status, Is.EqualTo(401));
    }

    // SEED-064.
    [Test]
    [Category("SEED-064")]
    public async Task Without_enforcement_refusals_are_only_reported()
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:AuthEnforcement:Enabled=false"));
        var answer = await host.CallToolAsync("whoami", "garbage");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Text, Is.EqualTo("anonymous"));
            Assert.That(host.Logs.At(LogLevel.Warning), Has.Some.Contains("InvalidToken").And.Contains("whoami"));
        }
    }

    /// <summary>What an anonymous list shows can be called: scopes of the method count too, where calls need no credential otherwise.</summary>
    [Test]
    [Category("LINK-12")]
    public async Task An_anonymous_list_of_public_tools_knows_the_scopes_of_the_method()
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:Auth:PublicTools"] = "greeting",
            ["Mcp:Auth:RequireAuthForToolsCall"] = "false",
            ["Mcp:Auth:AnonymousListing"] = nameof(McpAnonymousListing.PublicOnly),
            ["Mcp:Auth:MethodScopes:tools/call"] = "mcp:call",
        });

        Assert.That((await host.CallAsync("tools/list")).Tools, Is.EqualTo(["greeting"]));
        Assert.That((await host.CallToolAsync("echo", arguments: new { message = "hi" })).Status, Is.EqualTo(401));
    }

    // LINK-12.
    [TestCase("default", "", "", "greeting ping")]
    [TestCase("default", "ping", "", "greeting")]
    [TestCase("default", "", "diagnostics", "ping")]
    [TestCase("echo,default", "", "demo", "echo greeting")]
    [TestCase("", "", "", "")]
    [Category("LINK-12")]
    public async Task Public_tools_are_named_or_declare_themselves(string open, string denied, string categories, string expected)
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:Auth:PublicTools"] = open,
            ["Mcp:Auth:DenyPublicTools"] = denied,
            ["Mcp:Auth:PublicCategories"] = categories,
            ["Mcp:Auth:AnonymousListing"] = nameof(McpAnonymousListing.PublicOnly),
        });
        var listed = (await host.CallAsync("tools/list")).Tools;
        List<string> callable = [];
        foreach (var tool in new[] { "echo", "greeting", "ping", "whoami", "admin_status" })
        {
            if ((await host.CallToolAsync(tool, arguments: new { message = "hi" })).Status == 200)
            {
                callable.Add(tool);
            }
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', callable), Is.EqualTo(expected));
            Assert.That(string.Join(' ', listed.Order()), Is.EqualTo(expected));
        }
    }

    // SEED-013.
    [Test]
    [Category("SEED-013")]
    public async Task A_public_tool_that_does_not_exist_is_warned_of()
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Auth:PublicTools:0=greetings"));

        Assert.That(host.Logs.At(LogLevel.Warning), Has.Some.Contains("'greetings'"));
    }

    // SEED-085: 15 bytes, as jsonwebtoken signs with it.
    [Test]
    [Category("SEED-085")]
    public async Task A_short_secret_works_in_development()
    {
        await using var host = await McpHost.StartAsync(Parse("Mcp:Auth:AuthType=jwt;Jwt:Secret=your-jwt-secret"));
        var answer = await host.CallToolAsync("whoami", TestTokens.Foreign("your-jwt-secret", []));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
            Assert.That(host.Logs.At(LogLevel.Warning), Has.Some.Contains("15 bytes"));
        }
    }

    // SEED-015, SEED-017: never for our own tokens.
    [Test]
    [Category("SEED-015"), Category("SEED-017")]
    public async Task Signature_and_expiry_can_be_waived_for_foreign_tokens_alone()
    {
        await using var host = await McpHost.StartAsync(Parse(
            "Mcp:Auth:AuthType=both;Mcp:Auth:Jwt:RequireValidSignature=false;Mcp:Auth:Jwt:AllowExpiredTokens=true"));
        (string, object?) expired = ("exp", TestTokens.Now.AddHours(-1).ToUnixTimeSeconds());

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Foreign("another-secret-that-is-as-long-as-it-must-be", [expired]))).Status, Is.EqualTo(200));
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Foreign(("@alg", "none")))).Status, Is.EqualTo(200));
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Foreign(("aud", "x")))).Status, Is.EqualTo(401));
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Foreign(("nbf", TestTokens.Now.AddHours(1).ToUnixTimeSeconds())))).Status, Is.EqualTo(401));
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key, changes: expired))).Status, Is.EqualTo(401));
            Assert.That((await host.CallToolAsync("whoami", TestTokens.Own(TestKeys.New("own-1")))).Status, Is.EqualTo(401));
            Assert.That(host.Logs.At(LogLevel.Warning), Has.Some.Contains("expired_token_accepted").And.Some.Contains("RequireValidSignature"));
        }
    }

    // SEED-092, SEED-093.
    [Test]
    [Category("SEED-092"), Category("SEED-093")]
    public async Task The_test_helpers_configure_a_host()
    {
        await using var oauth = await McpHost.StartAsync(McpAuthTestConfig.OAuth());
        await using var jwt = await McpHost.StartAsync(McpAuthTestConfig.Jwt(("Mcp:Auth:RequireAuthForToolsList", "false")));
        await using var both = await McpHost.StartAsync(McpAuthTestConfig.Both());
        await using var none = await McpHost.StartAsync(McpAuthTestConfig.None());

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await oauth.CallAsync("tools/list")).Status, Is.EqualTo(401));
            Assert.That((await oauth.CallAsync("tools/list", bearer: TestTokens.Own(oauth.Keys.Key))).Status, Is.EqualTo(200));
            Assert.That((await jwt.CallAsync("tools/list")).Status, Is.EqualTo(200));
            Assert.That((await jwt.CallToolAsync("whoami", TestTokens.Foreign(("scopes", null)))).Status, Is.EqualTo(403));
            Assert.That((await both.CallToolAsync("whoami", TestTokens.Foreign())).Status, Is.EqualTo(200));
            Assert.That((await none.CallToolAsync("whoami")).Text, Is.EqualTo("anonymous"));
        }
    }

    [Test]
    [Category("SEED-092"), Category("SEED-093")]
    public void The_test_helpers_say_what_the_guides_helpers_say()
    {
        var (oauth, jwt) = (McpAuthTestConfig.OAuth(("mcp:auth:oauth:requirevalidsession", "false")), McpAuthTestConfig.Jwt());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Pick(oauth), Is.EqualTo("oauth true false true true"));
            Assert.That(oauth["Mcp:Auth:OAuth:RequireValidSession"], Is.EqualTo("false"), "an override wins, however it is written");
            Assert.That(Pick(jwt), Is.EqualTo("jwt false true true true"));
            Assert.That(jwt["Mcp:Auth:Jwt:RequiredScopes:0"], Is.EqualTo("mcp"));
            Assert.That((jwt["Mcp:Auth:Jwt:RequireValidSignature"], jwt["Mcp:Auth:Jwt:AllowExpiredTokens"]), Is.EqualTo(("true", "false")));
            Assert.That((jwt["Mcp:RateLimiting:Enabled"], jwt["Mcp:SecurityLogging:Enabled"], jwt["Mcp:Auth:PublicTools"]), Is.EqualTo(("false", "false", "")));
        }

        static string Pick(Dictionary<string, string?> settings) => string.Join(' ', new[]
        {
            "AuthType", "OAuth:Enabled", "Jwt:Enabled", "RequireAuthForToolsList", "RequireAuthForToolsCall",
        }.Select(name => settings["Mcp:Auth:" + name]));
    }

    private static Dictionary<string, string?> Parse(string settings) =>
        settings.Split(';').Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], string? (pair) => pair[1]);
}
