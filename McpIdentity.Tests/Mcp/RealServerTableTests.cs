using McpIdentity.Mcp;
using McpIdentity.Server.Keys;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>
/// Auth type × method × tool × credential on the real server, whose own tokens come from <c>/oauth/token</c> or are signed with
/// its own key. What is expected is written down, cell by cell, from the words of docs/auth-types.md.
/// </summary>
[TestFixture(McpAuthType.OAuth), TestFixture(McpAuthType.Jwt), TestFixture(McpAuthType.Both), TestFixture(McpAuthType.None)]
[Category("MCP authorization")]
[Category("SEED-003"), Category("SEED-004"), Category("SEED-011"), Category("SEED-012"), Category("SEED-013"), Category("SEED-016")]
[Category("SEED-050"), Category("SEED-051"), Category("SEED-052"), Category("SEED-053"), Category("SEED-065"), Category("SEED-089")]
[Category("B-03"), Category("B-14")]
[Parallelizable(ParallelScope.All)]
internal sealed class RealServerTableTests(McpAuthType authType)
{
    private const string WrongSecret = "another-secret-that-is-as-long-as-it-must-be";

    // Under oauth, jwt and both; under none everything is answered. One word for all, or for what is open, what is protected, a
    // tool, and the tool with a scope of its own. "sign in" is a 401 without an error; words are the description of a 401
    // invalid_token; "scopes" and "admin" are a 403, and the scopes that its challenge names.
    private const string Table = """
        none                    | ok / sign in / sign in / sign in              | ok / sign in / sign in / sign in                      | ok / sign in / sign in / sign in
        own                     | ok / ok / ok / admin: mcp:admin               | Invalid issuer                                        | ok / ok / ok / admin: mcp:admin
        own admin               | ok                                            | Invalid issuer                                        | ok
        own, no scope           | ok / ok / scopes: mcp:call / admin: mcp:admin | Invalid issuer                                        | ok / ok / scopes: mcp:call / admin: mcp:admin
        own, expired            | Token has expired                             | Invalid issuer                                        | Token has expired
        own, wrong key          | Invalid signature                             | Invalid issuer                                        | Invalid signature
        own, wrong audience     | Invalid audience                              | Invalid issuer                                        | Invalid audience
        own, wrong issuer       | Invalid issuer                                | Invalid issuer                                        | Invalid issuer
        own, revoked            | Session not found                             | Invalid issuer                                        | Session not found
        own, ID token           | Invalid token type                            | Invalid issuer                                        | Invalid token type
        own, refresh token      | Malformed token                               | Malformed token                                       | Malformed token
        jwt                     | Invalid issuer                                | ok / ok / ok / admin: mcp mcp:admin                   | ok / ok / ok / admin: mcp mcp:admin
        jwt admin               | Invalid issuer                                | ok                                                    | ok
        jwt, no scope           | Invalid issuer                                | ok / scopes: mcp / scopes: mcp / admin: mcp mcp:admin | ok / scopes: mcp / scopes: mcp / admin: mcp mcp:admin
        jwt, expired            | Invalid issuer                                | Token has expired                                     | Token has expired
        jwt, wrong key          | Invalid issuer                                | Invalid signature                                     | Invalid signature
        jwt, wrong audience     | Invalid issuer                                | Invalid audience                                      | Invalid audience
        jwt, wrong issuer       | Invalid issuer                                | Invalid issuer                                        | Invalid issuer
        jwt, alg none           | Invalid issuer                                | Invalid signature                                     | Invalid signature
        jwt, no expiry          | Invalid issuer                                | Token has no expiry                                   | Token has no expiry
        both                    | ok / ok / ok / admin: mcp:admin               | Invalid issuer                                        | ok / ok / ok / admin: mcp mcp:admin
        both, JWT first         | Invalid issuer                                | ok / ok / ok / admin: mcp mcp:admin                   | ok / ok / ok / admin: mcp mcp:admin
        both, JWT expired       | ok / ok / ok / admin: mcp:admin               | Invalid issuer                                        | Token has expired
        both, own revoked       | Invalid issuer                                | ok / ok / ok / admin: mcp mcp:admin                   | Session not found
        both, JWT without scope | ok / ok / ok / admin: mcp:admin               | Invalid issuer                                        | ok / scopes: mcp / scopes: mcp mcp:call / admin: mcp mcp:admin
        both, only ours admin   | ok                                            | Invalid issuer                                        | ok / ok / ok / admin: mcp mcp:admin
        garbage                 | Malformed token                               | Malformed token                                       | Malformed token
        """;

    private static readonly (string Method, string? Tool, int Cell)[] Operations =
    [
        ("initialize", null, 0), ("ping", null, 0), ("tools/list", null, 0), ("tools/call", "greeting", 0),
        ("resources/list", null, 1), ("prompts/get", null, 1), ("invented/method", null, 1),
        ("tools/call", "echo", 2), ("tools/call", "no_such_tool", 2), ("tools/call", "admin_status", 3),
    ];

    private readonly Dictionary<string, (string? First, string? Second)> _credentials = [];
    private TestServer _server = null!;
    private McpCaller _mcp = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync(
            $"Mcp:Auth:AuthType={authType}", "Mcp:Auth:PublicTools:0=greeting", "Mcp:Auth:Jwt:RequiredScopes:0=mcp", "Mcp:AdminUsers:0=bob@example.com",
            $"Jwt:Secret={TestTokens.Secret}", $"Jwt:Issuer={TestTokens.ForeignIssuer}", $"Jwt:Audience={TestTokens.ForeignAudience}");
        _mcp = new McpCaller(_server);

        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        var good = await client.ConnectAsync(alice, ("scope", "openid mcp mcp:call"));
        var admin = await client.ConnectAsync(bob, ("scope", "mcp mcp:call mcp:admin"));
        var revoked = await client.ConnectAsync(alice, ("scope", "mcp mcp:call"));
        using var revocation = await client.PostAsync("/oauth/revoke", ("token", revoked.Text("refresh_token")));
        Assert.That(revocation.IsSuccessStatusCode, Is.True);

        AddOwn(good.Text("access_token")!, good.Text("id_token")!, good.Text("refresh_token")!, admin.Text("access_token")!, revoked.Text("access_token")!);
        AddForeign();
        AddOthers(good.Text("access_token")!, revoked.Text("access_token")!);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    private static IEnumerable<string> Names => Table.Split('\n').Select(row => row.Split('|')[0].Trim());

    [TestCaseSource(nameof(Names))]
    public async Task Every_operation_answers_every_credential_as_the_table_says(string name)
    {
        var cells = Table.Split('\n').Single(row => row.Split('|')[0].Trim() == name).Split('|')[1..].Select(cell => cell.Trim()).ToArray();
        var column = authType == McpAuthType.None ? "ok" : cells[(int)authType];
        var expected = column.Split(" / ");
        foreach (var (method, tool, cell) in Operations)
        {
            var (first, second) = _credentials[name];
            var answer = await _mcp.CallAsync(method, AccessTableTests.ParametersOf(method, tool), first, second);
            Check(answer, expected[expected.Length == 1 ? 0 : cell], $"{authType} × {method} {tool} × {name}: {answer.Status} {answer.Challenge} {answer.Body}");
        }
    }

    private void Check(McpAnswer answer, string expected, string what)
    {
        if (expected == "ok")
        {
            Assert.That((answer.Status, answer.Challenge), Is.EqualTo((200, "")), what);
            return;
        }

        Assert.That(answer.Challenge, Does.StartWith($"Bearer resource_metadata=\"{_server.BaseUrl}/.well-known/oauth-protected-resource/mcp\", scope=\""), what);
        Assert.That(answer.Json.GetProperty("id").GetInt32(), Is.EqualTo(7), what);
        Assert.That(answer.CacheControl, Is.EqualTo("no-store"), what);
        if (expected.Split(": ") is [var kind, var scopes])
        {
            Assert.That((answer.Status, answer.Reason), Is.EqualTo((403, kind == "admin" ? "admin_required" : "insufficient_scopes")), what);
            Assert.That(answer.Challenge, Does.Contain("error=\"insufficient_scope\""), what);
            Assert.That(answer.Challenge.Split("scope=\"")[1].Split('"')[0].Split(' '), Is.SupersetOf(scopes.Split(' ')), what);
            Assert.That(answer.Challenge, Does.Match("error_description=\"[^\"]*missing scope (mcp|mcp:call|mcp:admin)\\b"), what);
            return;
        }

        var signIn = expected == "sign in";
        Assert.That((answer.Status, answer.Reason), Is.EqualTo((401, signIn ? "authentication_required" : "invalid_token")), what);
        Assert.That(answer.Challenge, signIn ? Does.Not.Contain("error") : Does.Contain($"error=\"invalid_token\", error_description=\"{expected}\""), what);
    }

    private void AddOwn(string good, string idToken, string refreshToken, string admin, string revoked)
    {
        var key = _server.Services.GetRequiredService<SigningKeyRing>().SigningKeys[0];
        var now = _server.Clock.GetUtcNow();
        var session = new JsonWebToken(good).GetClaim("sid").Value;
        string Sign(Microsoft.IdentityModel.Tokens.SecurityKey by, string scope, params ReadOnlySpan<(string, object?)> changes) => TestTokens.Own(by, scope,
            [("iss", _server.BaseUrl), ("sid", session), ("aud", _server.McpUrl), ("iat", now.ToUnixTimeSeconds()), ("exp", now.AddHours(1).ToUnixTimeSeconds()), .. changes]);
        void Add(string name, string token) => _credentials["own" + name] = (token, null);

        Add("", good);
        Add(" admin", admin);
        Add(", no scope", Sign(key, "openid"));
        Add(", expired", Sign(key, "mcp", ("exp", now.AddSeconds(-31).ToUnixTimeSeconds())));
        Add(", wrong key", Sign(TestKeys.New(key.KeyId), "mcp"));
        Add(", wrong audience", Sign(key, "mcp", ("aud", _server.BaseUrl)));
        Add(", wrong issuer", Sign(key, "mcp", ("iss", _server.BaseUrl + "/")));
        Add(", revoked", revoked);
        Add(", ID token", idToken);
        Add(", refresh token", refreshToken);
    }

    private void AddForeign()
    {
        var now = _server.Clock.GetUtcNow();
        void Add(string name, params ReadOnlySpan<(string, object?)> changes) => _credentials["jwt" + name] = (TestTokens.ForeignAt(now, changes), null);

        Add("");
        Add(" admin", ("scopes", new[] { "mcp", "mcp:admin" }));
        Add(", no scope", ("scopes", new[] { "other" }));
        Add(", expired", ("exp", now.AddSeconds(-31).ToUnixTimeSeconds()));
        Add(", wrong audience", ("aud", "another-api"));
        Add(", wrong issuer", ("iss", "another-service"));
        Add(", alg none", ("@alg", "none"));
        Add(", no expiry", ("exp", null));
        _credentials["jwt, wrong key"] = (TestTokens.Foreign(WrongSecret, [("exp", now.AddHours(1).ToUnixTimeSeconds()), ("iat", now.ToUnixTimeSeconds())]), null);
    }

    private void AddOthers(string own, string revoked)
    {
        var jwt = _credentials["jwt"].First;
        _credentials["none"] = (null, null);
        _credentials["garbage"] = ("garbage", null);
        _credentials["both"] = (own, jwt);
        _credentials["both, JWT first"] = (jwt, own);
        _credentials["both, only ours admin"] = (_credentials["own admin"].First, jwt);
        _credentials["both, JWT expired"] = (own, _credentials["jwt, expired"].First);
        _credentials["both, own revoked"] = (jwt, revoked);
        _credentials["both, JWT without scope"] = (own, _credentials["jwt, no scope"].First);
    }
}
