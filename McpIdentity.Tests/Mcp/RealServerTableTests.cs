using McpIdentity.Mcp;
using McpIdentity.Server.Keys;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>
/// Auth type × method × tool × credential on the real server, whose own tokens come from <c>/oauth/token</c> or are signed with
/// its own key. What is expected is worked out from the words of docs/auth-types.md, not from the code.
/// </summary>
[TestFixture(McpAuthType.OAuth), TestFixture(McpAuthType.Jwt), TestFixture(McpAuthType.Both), TestFixture(McpAuthType.None)]
[Category("MCP authorization")]
[Category("SEED-002"), Category("SEED-003"), Category("SEED-004"), Category("SEED-005"), Category("SEED-010"), Category("SEED-011")]
[Category("SEED-012"), Category("SEED-013"), Category("SEED-016"), Category("SEED-017"), Category("SEED-018"), Category("SEED-023")]
[Category("SEED-050"), Category("SEED-051"), Category("SEED-052"), Category("SEED-053"), Category("SEED-065"), Category("SEED-080")]
[Category("SEED-089"), Category("SEED-090"), Category("SEED-091"), Category("B-03"), Category("B-14")]
[Parallelizable(ParallelScope.All)]
internal sealed class RealServerTableTests(McpAuthType authType)
{
    private const string WrongSecret = "another-secret-that-is-as-long-as-it-must-be";

    private static readonly (string Method, string? Tool, bool IsProtected)[] Operations =
    [
        ("initialize", null, false), ("ping", null, false), ("tools/list", null, false), ("tools/call", "greeting", false),
        ("tools/call", "echo", true), ("tools/call", "admin_status", true), ("tools/call", "no_such_tool", true),
        ("resources/list", null, true), ("prompts/get", null, true), ("invented/method", null, true),
    ];

    private readonly Dictionary<string, Credential> _credentials = [];
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

    [Test]
    public async Task Every_operation_answers_every_credential_as_the_checklist_says(
        [Values(
            "none", "own", "own admin", "own, no scope", "own, expired", "own, wrong key", "own, wrong audience", "own, wrong issuer", "own, revoked",
            "own, ID token", "own, refresh token", "jwt", "jwt admin", "jwt, no scope", "jwt, expired", "jwt, wrong key", "jwt, wrong audience",
            "jwt, wrong issuer", "jwt, alg none", "jwt, no expiry", "both", "both, JWT first", "both, JWT expired", "both, own revoked",
            "both, JWT without scope", "both, only ours admin", "garbage")]
        string name)
    {
        var credential = _credentials[name];
        foreach (var (method, tool, isProtected) in Operations)
        {
            var answer = await _mcp.CallAsync(method, AccessTableTests.ParametersOf(method, tool), credential.First, credential.Second);
            Check(answer, Expect(credential, method, tool, isProtected), $"{authType} × {method} {tool} × {name}: {answer.Status} {answer.Challenge} {answer.Body}");
        }
    }

    // docs/auth-types.md, read once more: SEED-011 to 013, 016, 023, 050 to 053, 065, 089.
    private Expected Expect(Credential credential, string method, string? tool, bool isProtected)
    {
        string[] toolScopes = tool == "admin_status" ? ["mcp:admin"] : [];
        if (authType == McpAuthType.None)
        {
            return new(200);
        }

        if (credential.First is null)
        {
            return isProtected ? new(401, "authentication_required") : new(200);
        }

        var accepted = credential.Kind switch
        {
            'o' => authType is McpAuthType.OAuth or McpAuthType.Both,
            'j' => authType is McpAuthType.Jwt or McpAuthType.Both,
            _ => true,
        };
        var flaw = !accepted ? "Invalid issuer" : credential.Flaw ?? (authType == McpAuthType.Both ? credential.SecondFlaw : null);
        if (flaw is not null)
        {
            return new(401, "invalid_token", flaw);
        }

        if (!isProtected)
        {
            return new(200);
        }

        var isJwt = credential.Kind == 'j' || (credential.Second is not null && authType == McpAuthType.Both);
        var (scopes, jwtScopes) = authType == McpAuthType.Both && credential.Second is not null
            ? (credential.Scopes.Intersect(credential.SecondScopes).ToArray(), credential.Kind == 'j' ? credential.Scopes : credential.SecondScopes)
            : (credential.Scopes, credential.Scopes);
        // Of our own token, mcp:call for a tool without scopes of its own.
        var ownScopes = credential.Kind == 'o' ? credential.Scopes : isJwt && credential.Second is not null && authType == McpAuthType.Both ? credential.SecondScopes : null;
        string[] callScopes = ownScopes is not null && method == "tools/call" && toolScopes.Length == 0 ? ["mcp:call"] : [];
        string[] missing =
        [
            .. isJwt && !jwtScopes.Contains("mcp") ? ["mcp"] : Array.Empty<string>(), .. callScopes.Except(ownScopes ?? []), .. toolScopes.Except(scopes),
        ];
        return missing.Length == 0
            ? new(200)
            : new(403, missing.Contains("mcp:admin") ? "admin_required" : "insufficient_scopes", null, [.. isJwt ? ["mcp"] : Array.Empty<string>(), .. callScopes, .. toolScopes]);
    }

    private void Check(McpAnswer answer, Expected expected, string what)
    {
        Assert.That(answer.Status, Is.EqualTo(expected.Status), what);
        if (expected.Status == 200)
        {
            Assert.That(answer.Challenge, Is.Empty, what);
            return;
        }

        Assert.That(answer.Challenge, Does.StartWith($"Bearer resource_metadata=\"{_server.BaseUrl}/.well-known/oauth-protected-resource/mcp\", scope=\""), what);
        Assert.That(answer.Reason, Is.EqualTo(expected.Reason), what);
        Assert.That(answer.Json.GetProperty("id").GetInt32(), Is.EqualTo(7), what);
        Assert.That(answer.CacheControl, Is.EqualTo("no-store"), what);
        if (expected.Status == 403)
        {
            Assert.That(answer.Challenge, Does.Contain("error=\"insufficient_scope\""), what);
            var asked = answer.Challenge.Split("scope=\"")[1].Split('"')[0].Split(' ');
            Assert.That(asked, Is.SupersetOf(expected.Scopes!), what);
            Assert.That(answer.Challenge, Does.Match("error_description=\"[^\"]*missing scope (mcp|mcp:call|mcp:admin)\\b"), what);
            return;
        }

        Assert.That(answer.Challenge, expected.Description is null ? Does.Not.Contain("error") : Does.Contain($"error=\"invalid_token\", error_description=\"{expected.Description}\""), what);
    }

    private void AddOwn(string good, string idToken, string refreshToken, string admin, string revoked)
    {
        var key = _server.Services.GetRequiredService<SigningKeyRing>().SigningKeys[0];
        var now = _server.Clock.GetUtcNow();
        var session = new JsonWebToken(good).GetClaim("sid").Value;
        string Sign(Microsoft.IdentityModel.Tokens.SecurityKey by, string scope, params ReadOnlySpan<(string, object?)> changes) => TestTokens.Own(by, scope,
            [("iss", _server.BaseUrl), ("sid", session), ("aud", _server.McpUrl), ("iat", now.ToUnixTimeSeconds()), ("exp", now.AddHours(1).ToUnixTimeSeconds()), .. changes]);
        void Add(string name, string token, string? flaw = null, string scopes = "mcp mcp:call") =>
            _credentials["own" + name] = new(token, 'o') { Flaw = flaw, Scopes = scopes.Split(' ') };

        Add("", good);
        Add(" admin", admin, scopes: "mcp mcp:call mcp:admin");
        Add(", no scope", Sign(key, "openid"), scopes: "openid");
        Add(", expired", Sign(key, "mcp", ("exp", now.AddSeconds(-31).ToUnixTimeSeconds())), "Token has expired");
        Add(", wrong key", Sign(TestKeys.New(key.KeyId), "mcp"), "Invalid signature");
        Add(", wrong audience", Sign(key, "mcp", ("aud", _server.BaseUrl)), "Invalid audience");
        Add(", revoked", revoked, "Session not found");
        Add(", ID token", idToken, "Invalid token type");
        _credentials["own, wrong issuer"] = new(Sign(key, "mcp", ("iss", _server.BaseUrl + "/")), 'x') { Flaw = "Invalid issuer" };
        _credentials["own, refresh token"] = new(refreshToken, 'x') { Flaw = "Malformed token" };
    }

    private void AddForeign()
    {
        var now = _server.Clock.GetUtcNow();
        void Add(string name, string? flaw, string[]? scopes, params ReadOnlySpan<(string, object?)> changes) =>
            _credentials["jwt" + name] = new(TestTokens.ForeignAt(now, changes), 'j') { Flaw = flaw, Scopes = scopes ?? ["mcp", "mcp:call"] };

        Add("", null, null);
        Add(" admin", null, ["mcp", "mcp:admin"], ("scopes", new[] { "mcp", "mcp:admin" }));
        Add(", no scope", null, ["other"], ("scopes", new[] { "other" }));
        Add(", expired", "Token has expired", null, ("exp", now.AddSeconds(-31).ToUnixTimeSeconds()));
        Add(", wrong audience", "Invalid audience", null, ("aud", "another-api"));
        Add(", alg none", "Invalid signature", null, ("@alg", "none"));
        Add(", no expiry", "Token has no expiry", null, ("exp", null));
        _credentials["jwt, wrong issuer"] = new(TestTokens.ForeignAt(now, ("iss", "another-service")), 'x') { Flaw = "Invalid issuer" };
        var forged = TestTokens.Foreign(WrongSecret, [("exp", now.AddHours(1).ToUnixTimeSeconds()), ("iat", now.ToUnixTimeSeconds())]);
        _credentials["jwt, wrong key"] = new(forged, 'j') { Flaw = "Invalid signature" };
    }

    private void AddOthers(string own, string revoked)
    {
        var jwt = _credentials["jwt"].First!;
        _credentials["none"] = new(null, ' ');
        _credentials["garbage"] = new("garbage", 'x') { Flaw = "Malformed token" };
        _credentials["both"] = new(own, 'o') { Second = jwt };
        _credentials["both, JWT first"] = new(jwt, 'j') { Second = own };
        _credentials["both, only ours admin"] = new(_credentials["own admin"].First, 'o') { Scopes = ["mcp", "mcp:call", "mcp:admin"], Second = jwt };
        _credentials["both, JWT expired"] = new(own, 'o') { Second = _credentials["jwt, expired"].First, SecondFlaw = "Token has expired" };
        _credentials["both, own revoked"] = new(jwt, 'j') { Second = revoked, SecondFlaw = "Session not found" };
        _credentials["both, JWT without scope"] = new(own, 'o') { Second = _credentials["jwt, no scope"].First, SecondScopes = ["other"] };
    }

    /// <param name="First">In the Authorization header.</param>
    /// <param name="Kind"><c>o</c> names us as its issuer, <c>j</c> the trusted one, <c>x</c> neither.</param>
    private sealed record Credential(string? First, char Kind)
    {
        public string? Flaw { get; init; }

        public string[] Scopes { get; init; } = ["mcp", "mcp:call"];

        public string? Second { get; init; }

        public string? SecondFlaw { get; init; }

        public string[] SecondScopes { get; init; } = ["mcp", "mcp:call"];
    }

    private sealed record Expected(int Status, string? Reason = null, string? Description = null, string[]? Scopes = null);
}
