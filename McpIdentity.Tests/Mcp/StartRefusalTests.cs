using System.Net;
using McpIdentity.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Mcp;

/// <summary>What the built server says when its settings contradict each other: exit code, one list, no stack.</summary>
[Category("Configuration"), Category("B-02")]
[Parallelizable(ParallelScope.All)]
internal sealed class StartRefusalTests
{
    [Test]
    [Category("SEED-005"), Category("SEED-008"), Category("SEED-015"), Category("SEED-064")]
    public Task In_production_every_weakness_is_in_one_list() => RefusesAsync(
        "Production",
        [
            "--Mcp:Auth:AuthType=none", "--Mcp:AuthEnforcement:Enabled=false", "--Mcp:Auth:Jwt:RequireValidSignature=false", "--Mcp:Path=mcp/",
            "--Mcp:Auth:RequireAuthForToolCall=true", "--Mcp:Auth:SecondCredentialHeader=Cookie",
        ],
        "Mcp:Auth:AllowNoneInProduction", "Mcp:AuthEnforcement:Enabled", "RequireValidSignature", "Mcp:Path", "Mcp:Auth:RequireAuthForToolCall is not a setting",
        "Mcp:Auth:SecondCredentialHeader", "Server:PublicBaseUrl", "ENCRYPTION_KEY", "GOOGLE_CLIENT_ID");

    [Test]
    [Category("SEED-014"), Category("SEED-018"), Category("SEED-024")]
    public Task In_development_too() => RefusesAsync(
        "Development",
        [
            "--OAuth:Enabled=false", "--Mcp:Auth:AuthType=both", "--Jwt:TrustedIssuers:0:Issuer=https://idp.example", "--Jwt:TrustedIssuers:1:JwksUri=http://idp.example/jwks",
            "--Jwt:TrustedIssuers:1:Issuer=https://idp.example", "--Jwt:TrustedIssuers:1:Algorithms:0=HS256", "--Jwt:TrustedIssuers:1:ClockSkewSeconds=61",
        ],
        "OAuth:Enabled (OAUTH_ENABLED) is false", "Jwt:TrustedIssuers:0:Secret", "must be an https URL", "has 'HS256'", "allowed: 0 to 60", "configured 2 times");

    [TestCase("--Mcp:Auth:AuthType=foo", "Mcp:Auth:AuthType (MCP_AUTH_TYPE) is 'foo'; allowed: oauth, jwt, both, none.")]
    [TestCase("--Mcp:Auth:AuthType=jwt", "JWT_SECRET")]
    [TestCase("--Mcp:Auth:MethodScopes:tools/cal:0=mcp:call", "Mcp:Auth:MethodScopes names 'tools/cal'")]
    [TestCase("--Mcp:Auth:MethodScopes:tools/call=mcp mcp:call", "Mcp:Auth:MethodScopes:tools/call must be a list of scopes")]
    [TestCase("--Mcp:Auth:OAuth:Enabled=false", "Mcp:Auth:AuthType oauth needs Mcp:Auth:OAuth:Enabled")]
    [Category("SEED-001"), Category("SEED-008"), Category("SEED-018")]
    public Task One_setting_is_enough(string setting, string problem) => RefusesAsync("Development", [setting], problem);

    [TestCase("your-jwt-secret", "sample value"), TestCase("0123456789012345678901234567890", "at least 32 bytes (got 31)")]
    [Category("SEED-085")]
    public Task A_weak_JWT_secret_is_refused_in_production(string secret, string problem) => RefusesAsync("Production", ["--Mcp:Auth:AuthType=jwt", $"--Jwt:Secret={secret}"], problem);

    /// <summary>A server for JWTs alone needs neither Google nor an encryption key (SEED-019; docs/auth-types.md, "JWTs").</summary>
    [Test]
    [Category("SEED-003"), Category("SEED-019"), Category("SEED-024"), Category("SEED-070")]
    public async Task A_server_for_JWTs_alone_starts_in_production_with_a_key_for_them_and_an_address()
    {
        await using var server = ServerProcess.Launch(new ServerStart
        {
            EnvironmentName = "Production",
            Environment = new Dictionary<string, string?>
            {
                ["OAUTH_ENABLED"] = "false",
                ["Server__RequireHttps"] = "false", // no proxy stands before it here
                ["OAUTH_BASE_URL"] = "https://id.example",
                ["MCP_AUTH_TYPE"] = "jwt",
                ["JWT_SECRET"] = TestTokens.Secret,
                ["JWT_ISSUER"] = TestTokens.ForeignIssuer,
                ["JWT_AUDIENCE"] = TestTokens.ForeignAudience,
            },
        });
        await Until.TrueAsync(() => server.ExitCode is not null || server.Output.Contains("Connect  ", StringComparison.Ordinal), "the server says how to connect");

        Assert.That(server.ExitCode, Is.Null, server.Output);
        var good = await new McpCaller(server.Http).CallToolAsync("whoami", TestTokens.ForeignAt(DateTimeOffset.UtcNow));
        using var authorize = await server.Http.GetAsync("/oauth/authorize");
        Assert.That((good.Status, authorize.StatusCode), Is.EqualTo((200, HttpStatusCode.NotFound)), good.Body);
        Assert.That(server.Output, Does.Contain("off (OAuth:Enabled)"));
        Assert.That(await server.StopAsync(), Is.Zero, server.Output);
    }

    private static async Task RefusesAsync(string environment, string[] arguments, params string[] problems)
    {
        await using var server = ServerProcess.Launch(new ServerStart { EnvironmentName = environment, Arguments = arguments });

        Assert.That(await server.WaitForExitAsync(), Is.EqualTo(1), server.Output);
        Assert.Multiple(() =>
        {
            foreach (var problem in problems)
            {
                Assert.That(server.Output, Does.Contain(problem));
            }

            Assert.That(server.Output, Does.Not.Contain("   at "), "an operator needs no stack");
            Assert.That(server.Output, Does.Not.Contain("0123456789012345678901234567890"), "no secret is printed");
        });
    }
}
