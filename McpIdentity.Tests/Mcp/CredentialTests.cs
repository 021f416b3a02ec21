using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Coverage;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Mcp;

/// <summary>How credentials are read, joined and remembered.</summary>
[Category("RFC 6750")]
[Parallelizable(ParallelScope.All)]
internal sealed class CredentialTests
{
    private McpHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:AuthType"] = "both" });

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    // SEED-021.
    [Test]
    [Category("SEED-021")]
    public async Task The_literal_request_of_the_guide_works([Values("Bearer", "bearer", "BEARER")] string scheme)
    {
        var answer = await _host.PostAsync(
            """{"jsonrpc": "2.0", "method": "tools/call", "params": { "name": "greeting", "arguments": {} }, "id": 1}""",
            change: request => request.Headers.TryAddWithoutValidation("Authorization", $"{scheme} {TestTokens.Foreign()}"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(200));
            Assert.That(answer.Text, Is.EqualTo("Hello, robot@example.com!"));
        }
    }

    [TestCase("Basic dTpw"), TestCase("Bearer"), TestCase("Bearer "), TestCase("Bearer one two"), TestCase("DPoP abc")]
    public async Task Another_scheme_or_an_empty_one_is_401(string header)
    {
        var answer = await _host.CallAsync("tools/list", change: request => request.Headers.TryAddWithoutValidation("Authorization", header));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(401));
            Assert.That(answer.Challenge, Does.Contain("error=\"invalid_token\""));
        }
    }

    // SEED-021, SEED-053.
    [Test]
    [Category("SEED-021"), Category("SEED-053")]
    public async Task Two_Authorization_headers_are_400()
    {
        var token = TestTokens.Own(_host.Keys.Key);
        var answer = await _host.RawAsync($"Authorization: Bearer {token}\r\nAuthorization: Bearer {token}");

        Assert.That(answer, Does.StartWith("HTTP/1.1 400"));
    }

    [Test]
    [Requirement("MCP-38")]
    public async Task A_token_in_the_query_string_is_401_and_warned_of()
    {
        var token = TestTokens.Own(_host.Keys.Key);
        var answer = await _host.CallToolAsync("echo", arguments: new { message = "hi" }, change: request =>
            request.RequestUri = new Uri($"/mcp?access_token={token}", UriKind.Relative));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(401));
            Assert.That(_host.Logs.At(LogLevel.Warning), Has.Some.Contains("query string"));
        }
    }

    [Test]
    [Requirement("MCP-39")]
    public async Task A_cookie_is_not_a_credential()
    {
        var answer = await _host.CallToolAsync("echo", change: request => request.Headers.Add("Cookie", $"access_token={TestTokens.Own(_host.Keys.Key)}"));

        Assert.That(answer.Status, Is.EqualTo(401));
    }

    // SEED-051, SEED-052, LINK-05.
    [TestCase(true, "oauth"), TestCase(false, "jwt")]
    [Category("SEED-051"), Category("SEED-052"), Category("LINK-05")]
    public async Task The_caller_is_who_the_token_says(bool own, string method)
    {
        var answer = await _host.CallToolAsync("whoami", own ? TestTokens.Own(_host.Keys.Key) : TestTokens.Foreign());
        var caller = JsonDocument.Parse(answer.Text).RootElement;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(caller.GetProperty("sub").GetString(), Is.EqualTo(own ? "alice" : "robot"));
            Assert.That(caller.GetProperty("auth_method").GetString(), Is.EqualTo(method));
            Assert.That(ScopesOf(caller), Is.EqualTo("mcp mcp:call"));
        }
    }

    // SEED-021, LINK-05.
    [TestCase("greeting", "{}", "Hello, stranger!"), TestCase("greeting", """{"name":"Bob"}""", "Hello, Bob!"), TestCase("ping", "{}", "pong")]
    [TestCase("whoami", "{}", "anonymous")]
    [Category("SEED-021"), Category("LINK-05")]
    public async Task Tools_know_that_nobody_is_calling(string tool, string arguments, string text)
    {
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:RequireAuthForToolsCall"] = "false" });
        var answer = await host.CallToolAsync(tool, arguments: JsonDocument.Parse(arguments).RootElement);

        Assert.That(answer.Text, Is.EqualTo(text));
    }

    // SEED-022.
    [TestCase("scopes", new[] { "a", "b" }), TestCase("scope", "a b"), TestCase("scp", "a b"), TestCase("scp", new[] { "a", "b" })]
    [Category("SEED-022")]
    public async Task Scopes_are_read_from_every_usual_claim(string claim, object value)
    {
        var answer = await _host.CallToolAsync("whoami", TestTokens.Foreign(("scopes", null), (claim, value)));

        Assert.That(ScopesOf(JsonDocument.Parse(answer.Text).RootElement), Is.EqualTo("a b"));
    }

    // RFC 8725 §3.11: what an issuer signed for another purpose is no access token.
    [TestCase(null, 200), TestCase("JWT", 200), TestCase("jwt", 200), TestCase("at+jwt", 200), TestCase("application/at+jwt", 200)]
    [TestCase("logout+jwt", 401), TestCase("secevent+jwt", 401), TestCase("dpop+jwt", 401), TestCase("", 401)]
    public async Task Only_access_tokens_are_accepted(string? type, int status)
    {
        var answer = await _host.CallToolAsync("whoami", TestTokens.Foreign(("@typ", type)));

        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Challenge, status == 200 ? Is.Empty : Does.Contain("Invalid token type"));
    }

    [Test]
    public async Task An_audience_may_be_one_of_several() =>
        Assert.That((await _host.CallToolAsync("whoami", TestTokens.Foreign(("aud", new[] { "x", "mcp-api" })))).Status, Is.EqualTo(200));

    [TestCase("iat", 120), TestCase("nbf", 120)]
    [Category("SEED-022")]
    public async Task A_token_from_the_future_is_refused(string claim, int seconds) =>
        Assert.That((await _host.CallToolAsync("whoami", TestTokens.Foreign((claim, TestTokens.Now.AddSeconds(seconds).ToUnixTimeSeconds())))).Status, Is.EqualTo(401));

    // SEED-053; docs/auth-types.md, "Both".
    [TestCase(true, true, 200), TestCase(true, false, 401), TestCase(false, true, 401)]
    [Category("SEED-053")]
    public async Task Where_both_are_presented_both_must_be_valid(bool own, bool foreign, int status)
    {
        var answer = await BothAsync(
            TestTokens.Own(_host.Keys.Key, "mcp mcp:call openid", ("exp", TestTokens.Now.AddHours(own ? 1 : -1).ToUnixTimeSeconds())),
            TestTokens.Foreign(("exp", TestTokens.Now.AddHours(foreign ? 1 : -1).ToUnixTimeSeconds())));

        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
    }

    [Test]
    public async Task Our_subject_leads_and_only_shared_scopes_remain([Values] bool ownFirst)
    {
        var (own, foreign) = (TestTokens.Own(_host.Keys.Key, "mcp:call openid"), TestTokens.Foreign());
        var answer = ownFirst ? await BothAsync(own, foreign) : await BothAsync(foreign, own);
        var caller = JsonDocument.Parse(answer.Text).RootElement;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(caller.GetProperty("sub").GetString(), Is.EqualTo("alice"));
            Assert.That(ScopesOf(caller), Is.EqualTo("mcp:call"));
        }
    }

    // RFC 8725 §3.1, §3.8.
    [Test]
    public async Task Our_public_key_is_no_secret_and_foreign_keys_sign_nothing_of_ours()
    {
        var publicKey = new Microsoft.IdentityModel.Tokens.SymmetricSecurityKey(_host.Keys.Key.ECDsa.ExportSubjectPublicKeyInfo());
        var confused = TestTokens.Sign(
            new() { ["alg"] = "HS256", ["typ"] = "at+jwt", ["kid"] = "own-1" },
            JsonSerializer.Deserialize<Dictionary<string, object?>>(PayloadOf(TestTokens.Own(_host.Keys.Key)))!, [], publicKey);
        var crossed = TestTokens.Foreign(("iss", TestTokens.OwnIssuer), ("aud", McpHost.Resource), ("@typ", "at+jwt"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await _host.CallToolAsync("whoami", confused)).Challenge, Does.Contain("Invalid signature"));
            Assert.That((await _host.CallToolAsync("whoami", crossed)).Challenge, Does.Contain("Invalid signature"));
        }
    }

    [Test]
    public async Task Members_that_stand_twice_and_critical_extensions_are_refused([Values("claims", "header", "crit")] string where)
    {
        var key = _host.Keys.Key;
        var claims = PayloadOf(TestTokens.Own(key));
        var header = """{"alg":"ES256","typ":"at+jwt","kid":"own-1"}""";
        var token = where switch
        {
            "claims" => TestTokens.SignRaw(header, claims.Insert(1, "\"sub\":\"mallory\","), key, "ES256"),
            "header" => TestTokens.SignRaw(header.Insert(1, "\"alg\":\"none\","), claims, key, "ES256"),
            _ => TestTokens.SignRaw(header.Insert(1, "\"crit\":[\"exp\"],"), claims, key, "ES256"),
        };

        Assert.That((await _host.CallToolAsync("whoami", token)).Challenge, Does.Contain("Malformed token"));
    }

    [Test]
    public async Task No_token_is_ever_logged()
    {
        var token = TestTokens.Own(_host.Keys.Key, changes: ("jti", "planted"));
        await _host.CallToolAsync("whoami", token);
        await _host.CallToolAsync("whoami", token[..^4]);

        Assert.That(_host.Logs.All, Does.Not.Contain(token.Split('.')[1]));
    }

    private Task<McpAnswer> BothAsync(string first, string second) =>
        _host.CallToolAsync("whoami", first, change: request => request.Headers.Add("X-MCP-JWT", second));

    private static string ScopesOf(JsonElement caller) =>
        string.Join(' ', caller.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()).Order(StringComparer.Ordinal));

    private static string PayloadOf(string token) =>
        Encoding.UTF8.GetString(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(token.Split('.')[1]));
}
