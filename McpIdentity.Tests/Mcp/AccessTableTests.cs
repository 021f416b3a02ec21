using McpIdentity.Mcp;
using McpIdentity.Tests.Coverage;

namespace McpIdentity.Tests.Mcp;

/// <summary>Who may call what: auth type, method, tool and credential against the answer.</summary>
[TestFixture(McpAuthType.OAuth), TestFixture(McpAuthType.Jwt), TestFixture(McpAuthType.Both), TestFixture(McpAuthType.None)]
[Category("MCP authorization")]
[Parallelizable(ParallelScope.All)]
internal sealed class AccessTableTests(McpAuthType authType)
{
    private McpHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:Auth:AuthType"] = authType.ToString(),
            ["Mcp:Auth:PublicTools:0"] = "greeting",
            ["Mcp:Auth:Jwt:RequiredScopes:0"] = "mcp",
        });
        _host.Sessions.Ended.Add("dead");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    // SEED-011, 012, 013, 050, 065: what needs a credential when none is shown.
    [TestCase("initialize", null, false), TestCase("ping", null, false), TestCase("logging/setLevel", null, false)]
    [TestCase("tools/list", null, false), TestCase("tools/call", "greeting", false)]
    [TestCase("tools/call", "echo", true), TestCase("tools/call", "admin_status", true), TestCase("tools/call", "no_such_tool", true)]
    [TestCase("resources/list", null, true), TestCase("prompts/list", null, true), TestCase("completion/complete", null, true)]
    [TestCase("invented/method", null, true), TestCase("Tools/List", null, true), TestCase("INITIALIZE", null, true)]
    [Category("SEED-011"), Category("SEED-012"), Category("SEED-013"), Category("SEED-050"), Category("SEED-065")]
    [Requirement("MCP-30"), Requirement("MCP-32"), Requirement("MCP-40")]
    public async Task Without_a_credential_only_what_is_public_is_answered(string method, string? tool, bool isProtected)
    {
        var answer = await _host.CallAsync(method, ParametersOf(method, tool));

        if (!isProtected || authType == McpAuthType.None)
        {
            Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
            return;
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(401));
            Assert.That(answer.Challenge, Does.StartWith(
                $"Bearer resource_metadata=\"{McpHost.PublicBaseUrl}/.well-known/oauth-protected-resource/mcp\", scope=\"mcp"));
            Assert.That(answer.Challenge, Does.Not.Contain("error").And.Not.Contain("offline_access"));
            Assert.That(answer.Reason, Is.EqualTo("authentication_required"));
            Assert.That(answer.Json.GetProperty("id").GetInt32(), Is.EqualTo(7));
            Assert.That(answer.CacheControl, Is.EqualTo("no-store"));
        }
    }

    [TestCase("tools/list", null), TestCase("tools/call", "greeting"), TestCase("tools/call", "echo"), TestCase("resources/list", null)]
    public async Task A_good_token_of_ours_opens_what_its_type_opens(string method, string? tool)
    {
        var answer = await _host.CallAsync(method, ParametersOf(method, tool), TestTokens.Own(_host.Keys.Key));

        Assert.That(answer.Status, Is.EqualTo(authType == McpAuthType.Jwt ? 401 : 200), answer.Body);
    }

    [TestCase("tools/list", null), TestCase("tools/call", "greeting"), TestCase("tools/call", "echo"), TestCase("resources/list", null)]
    public async Task A_good_foreign_token_opens_what_its_type_opens(string method, string? tool)
    {
        var answer = await _host.CallAsync(method, ParametersOf(method, tool), TestTokens.Foreign());

        Assert.That(answer.Status, Is.EqualTo(authType == McpAuthType.OAuth ? 401 : 200), answer.Body);
    }

    // SEED-089, 090: a bad credential is 401 on a public method too, and says what is wrong.
    [Test]
    [Category("SEED-015"), Category("SEED-089"), Category("SEED-090")]
    [Requirement("MCP-35"), Requirement("MCP-36")]
    public async Task A_bad_token_of_ours_is_refused_everywhere(
        [Values("expired", "wrong key", "wrong audience", "wrong issuer", "dead session", "no expiry", "no subject", "not an access token", "tampered")] string flaw,
        [Values("tools/list", "tools/call")] string method)
    {
        var (token, description) = FlawedOwn(flaw);
        if (authType == McpAuthType.Jwt)
        {
            description = "Invalid issuer"; // SEED-003: not the configured one, whatever else is wrong
        }

        await RefusesAsync(token, method, description);
    }

    [Test]
    [Category("SEED-015"), Category("SEED-018")]
    public async Task A_bad_foreign_token_is_refused_everywhere(
        [Values("expired", "wrong key", "wrong audience", "wrong issuer", "no expiry", "no subject", "not yet", "alg none", "tampered")] string flaw,
        [Values("tools/list", "tools/call")] string method)
    {
        var (token, description) = FlawedForeign(flaw);
        if (authType == McpAuthType.OAuth)
        {
            description = "Invalid issuer";
        }

        await RefusesAsync(token, method, description);
    }

    [Test]
    public async Task Garbage_is_refused([Values("garbage", "a.b", "a.b.c", "a.b.c.d.e", "....", "e30.e30.", "eyJhbGciOiJFUzI1NiJ9.W10.x")] string token) =>
        await RefusesAsync(token, "tools/call", "Malformed token");

    [Test]
    public async Task A_token_larger_than_16_KB_is_refused() =>
        await RefusesAsync(TestTokens.Own(_host.Keys.Key, new string('x', 13_000)), "tools/call", "Malformed token");

    // SEED-016, RFC 6750 §3.1: 403, and the scopes of the challenge are all that is needed and all that was granted.
    [Test]
    [Category("SEED-016")]
    [Requirement("MCP-33")]
    public async Task A_foreign_token_without_a_required_scope_is_403()
    {
        var answer = await _host.CallToolAsync("echo", TestTokens.Foreign(("scopes", new[] { "other" })), new { message = "hi" });

        if (authType is McpAuthType.OAuth or McpAuthType.None)
        {
            Assert.That(answer.Status, Is.EqualTo(authType == McpAuthType.OAuth ? 401 : 200));
            return;
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(403));
            Assert.That(answer.Challenge, Does.Contain("error=\"insufficient_scope\"").And.Contain("scope=\"mcp other\""));
            Assert.That(answer.Reason, Is.EqualTo("insufficient_scopes"));
            Assert.That(answer.Json.GetProperty("error").GetProperty("data").GetProperty("missingScopes")[0].GetString(), Is.EqualTo("mcp"));
        }
    }

    // SEED-080: a method may need scopes of its own, of our tokens too; what settings open stays open.
    [Test]
    [Category("SEED-080")]
    public async Task A_method_needs_the_scopes_that_settings_give_it()
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:Auth:AuthType"] = authType.ToString(),
            ["Mcp:Auth:PublicTools:0"] = "greeting",
            ["Mcp:Auth:PublicTools:1"] = "admin_status",
            ["Mcp:Auth:MethodScopes:tools/call:0"] = "mcp:call",
            ["Mcp:Auth:MethodScopes:tools/list"] = "mcp", // the shorter form, as an environment variable has it
        });
        var reader = TokenWith("mcp");
        var user = TokenWith("mcp mcp:call");

        var listed = await host.CallAsync("tools/list", bearer: reader);
        var open = await host.CallToolAsync("greeting");
        var called = await host.CallToolAsync("echo", user, new { message = "hi" });
        Assert.That((listed.Status, open.Status, called.Status), Is.EqualTo((200, 200, 200)), listed.Body + open.Body + called.Body);
        if (authType == McpAuthType.None)
        {
            return;
        }

        var anonymous = await host.CallAsync("tools/list");
        var refused = await host.CallToolAsync("echo", reader, new { message = "hi" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That((anonymous.Status, refused.Status), Is.EqualTo((401, 403)), "a method with scopes needs a credential");
            Assert.That(refused.Challenge, Does.Contain("error=\"insufficient_scope\"").And.Contain("scope=\"mcp:call mcp\""), "all that is needed and all that was granted");
        }

        var admin = await host.CallToolAsync("admin_status", TokenWith("mcp:admin"));
        Assert.That(admin.Status, Is.EqualTo(403), admin.Body);
        Assert.That(admin.Challenge, Does.Contain("mcp:call"), "a tool with scopes of its own is never open, whatever PublicTools says");

        string TokenWith(string scopes) => authType == McpAuthType.Jwt ? TestTokens.Foreign(("scopes", scopes.Split(' '))) : TestTokens.Own(host.Keys.Key, scopes);
    }

    // docs/scopes.md: what the consent page calls running tools is what a token of ours needs for it. JWTs as configured.
    [TestCase("", 403), TestCase("Mcp:Auth:MethodScopes:tools/call=mcp", 200), TestCase("Mcp:Auth:MethodScopes:tools/call=", 200)]
    [TestCase("Mcp:Auth:RequireAuthForToolsCall=false", 200), TestCase("Mcp:Auth:PublicTools=echo", 200)]
    [Requirement("MCP-33")]
    public async Task A_token_of_ours_calls_tools_with_the_scope_that_says_so(string setting, int status)
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:Auth:AuthType"] = authType.ToString(),
            [setting.Split('=')[0]] = setting.Split('=')[^1],
        });
        var own = TestTokens.Own(host.Keys.Key, "mcp openid");
        var narrow = await host.CallToolAsync("echo", own, new { message = "hi" });
        var wide = await host.CallToolAsync("echo", TestTokens.Own(host.Keys.Key, "mcp:call"), new { message = "hi" });
        var jwt = await host.CallToolAsync("echo", TestTokens.Foreign(("scopes", new[] { "mcp" })), new { message = "hi" });
        var listed = await host.CallAsync("tools/list", bearer: own);

        using (Assert.EnterMultipleScope())
        {
            switch (authType)
            {
                case McpAuthType.OAuth or McpAuthType.Both:
                    Assert.That(narrow.Status, Is.EqualTo(status), narrow.Body);
                    Assert.That(narrow.Challenge, status == 200 ? Is.Empty : Does.Contain("error=\"insufficient_scope\"").And.Contain("scope=\"mcp:call mcp openid\""));
                    Assert.That((wide.Status, listed.Status), Is.EqualTo((setting.EndsWith("call=mcp", StringComparison.Ordinal) ? 403 : 200, 200)), "no scope implies another");
                    break;
                default:
                    Assert.That((narrow.Status, listed.Status), Is.EqualTo(authType == McpAuthType.None ? (200, 200) : (401, 401)));
                    break;
            }

            Assert.That(jwt.Status, Is.EqualTo(authType == McpAuthType.OAuth ? 401 : 200), jwt.Body);
        }
    }

    // SEED-023, LINK-14.
    [Test]
    [Category("SEED-023"), Category("LINK-14")]
    public async Task The_admin_tool_needs_its_scope_and_is_hidden_without()
    {
        var plain = authType == McpAuthType.Jwt ? TestTokens.Foreign() : TestTokens.Own(_host.Keys.Key);
        var admin = authType == McpAuthType.Jwt
            ? TestTokens.Foreign(("scopes", new[] { "mcp", "mcp:admin" }))
            : TestTokens.Own(_host.Keys.Key, "mcp mcp:admin");

        var refused = await _host.CallToolAsync("admin_status", plain);
        var allowed = await _host.CallToolAsync("admin_status", admin);
        var seenByPlain = (await _host.CallAsync("tools/list", bearer: plain)).Tools;
        var seenByAdmin = (await _host.CallAsync("tools/list", bearer: admin)).Tools;
        var seenByNobody = (await _host.CallAsync("tools/list")).Tools;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(allowed.Status, Is.EqualTo(200), allowed.Body);
            Assert.That(seenByAdmin, Does.Contain("admin_status"));
            if (authType != McpAuthType.None)
            {
                Assert.That(refused.Status, Is.EqualTo(403));
                Assert.That(refused.Reason, Is.EqualTo("admin_required"));
                Assert.That(refused.Challenge, Does.Contain("scope=\"").And.Contain("mcp:admin").And.Contain("mcp:call"));
                Assert.That(seenByPlain, Does.Not.Contain("admin_status").And.Contain("echo"));
                Assert.That(seenByNobody, Does.Not.Contain("admin_status").And.Contain("echo"));
            }
        }
    }

    private async Task RefusesAsync(string token, string method, string description)
    {
        var answer = await _host.CallAsync(method, ParametersOf(method, "greeting"), token);
        if (authType == McpAuthType.None)
        {
            Assert.That(answer.Status, Is.EqualTo(200), "SEED-005: under none a bad bearer is ignored");
            return;
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(401), answer.Body);
            Assert.That(answer.Challenge, Does.Contain("error=\"invalid_token\""));
            Assert.That(answer.Challenge, Does.Contain($"error_description=\"{description}\""));
            Assert.That(answer.Reason, Is.EqualTo("invalid_token"));
            Assert.That(answer.Body, Does.Not.Contain(token));
        }
    }

    internal static object ParametersOf(string method, string? tool) => method switch
    {
        "tools/call" => new { name = tool, arguments = tool == "echo" ? (object)new { message = "hi" } : new { } },
        "initialize" => new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "test", version = "1" } },
        "logging/setLevel" => new { level = "info" },
        _ => new { },
    };

    private (string Token, string Description) FlawedOwn(string flaw)
    {
        var key = _host.Keys.Key;
        return flaw switch
        {
            "expired" => (TestTokens.Own(key, changes: ("exp", TestTokens.Now.AddSeconds(-31).ToUnixTimeSeconds())), "Token has expired"),
            "wrong key" => (TestTokens.Own(TestKeys.New(key.KeyId)), "Invalid signature"),
            "wrong audience" => (TestTokens.Own(key, changes: ("aud", McpHost.Resource + "/")), "Invalid audience"),
            "wrong issuer" => (TestTokens.Own(key, changes: ("iss", TestTokens.OwnIssuer + "/")), "Invalid issuer"),
            "dead session" => (TestTokens.Own(key, changes: ("sid", "dead")), "Session not found"),
            "no expiry" => (TestTokens.Own(key, changes: ("exp", null)), "Token has no expiry"),
            "no subject" => (TestTokens.Own(key, changes: ("sub", null)), "Token has no subject"),
            "not an access token" => (TestTokens.Own(key, changes: ("@typ", "JWT")), "Invalid token type"),
            _ => (Tamper(TestTokens.Own(key)), "Invalid signature"),
        };
    }

    private static (string Token, string Description) FlawedForeign(string flaw) => flaw switch
    {
        "expired" => (TestTokens.Foreign(("exp", TestTokens.Now.AddSeconds(-31).ToUnixTimeSeconds())), "Token has expired"),
        "wrong key" => (TestTokens.Foreign("another-secret-that-is-as-long-as-it-must-be", []), "Invalid signature"),
        "wrong audience" => (TestTokens.Foreign(("aud", "other-api")), "Invalid audience"),
        "wrong issuer" => (TestTokens.Foreign(("iss", "other-service")), "Invalid issuer"),
        "no expiry" => (TestTokens.Foreign(("exp", null)), "Token has no expiry"),
        "no subject" => (TestTokens.Foreign(("sub", null)), "Token has no subject"),
        "not yet" => (TestTokens.Foreign(("nbf", TestTokens.Now.AddMinutes(2).ToUnixTimeSeconds())), "Token is not valid yet"),
        "alg none" => (TestTokens.Foreign(("@alg", "none")), "Invalid signature"),
        _ => (Tamper(TestTokens.Foreign()), "Invalid signature"),
    };

    // Changes a claim and keeps the signature.
    private static string Tamper(string token)
    {
        var parts = token.Split('.');
        var claims = System.Text.Encoding.UTF8.GetString(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(parts[1]));
        parts[1] = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(claims.Replace("\"sub\":\"", "\"sub\":\"x", StringComparison.Ordinal));
        return string.Join('.', parts);
    }
}
