using System.Net;
using System.Text.Json;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Discovery;

/// <summary>RFC 8414 and OpenID Connect Discovery: SEED-039, SEED-047, LINK-02, LINK-03.</summary>
[Category("RFC 8414")]
[Parallelizable(ParallelScope.All)]
internal sealed class MetadataTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("SEED-039")]
    [Requirement("MCP-02"), Requirement("MCP-06"), Requirement("MCP-17"), Requirement("MCP-18")]
    public async Task The_metadata_holds_the_members_of_the_guide_with_exactly_those_paths()   // SEED-039
    {
        var metadata = await GetAsync("/.well-known/oauth-authorization-server");

        Assert.Multiple(() =>
        {
            Assert.That(metadata.Text("issuer"), Is.EqualTo(_server.BaseUrl));
            Assert.That(metadata.Text("authorization_endpoint"), Is.EqualTo(_server.BaseUrl + "/oauth/authorize"));
            Assert.That(metadata.Text("token_endpoint"), Is.EqualTo(_server.BaseUrl + "/oauth/token"));
            Assert.That(metadata.Text("userinfo_endpoint"), Is.EqualTo(_server.BaseUrl + "/oauth/userinfo"));
            Assert.That(metadata.Text("registration_endpoint"), Is.EqualTo(_server.BaseUrl + "/register"));
            Assert.That(metadata.Text("jwks_uri"), Is.EqualTo(_server.BaseUrl + "/.well-known/jwks.json"));
            Assert.That(Strings(metadata, "code_challenge_methods_supported"), Is.EqualTo(["S256"]), "RFC 7636 §4.2");
            Assert.That(Strings(metadata, "response_types_supported"), Is.EqualTo(["code"]));
            Assert.That(Strings(metadata, "grant_types_supported"), Is.EquivalentTo(["authorization_code", "refresh_token", "client_credentials"]));
            Assert.That(Strings(metadata, "scopes_supported"), Is.SupersetOf(["mcp", "mcp:call", "mcp:admin", "openid", "offline_access"]));
            Assert.That(Strings(metadata, "token_endpoint_auth_methods_supported"), Is.EquivalentTo(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]), "Claude looks for none");
            Assert.That(metadata.GetProperty("authorization_response_iss_parameter_supported").GetBoolean(), Is.True, "RFC 9207");
            Assert.That(metadata.Text("revocation_endpoint"), Is.EqualTo(_server.BaseUrl + "/oauth/revoke"));
            Assert.That(metadata.Text("introspection_endpoint"), Is.EqualTo(_server.BaseUrl + "/oauth/introspect"));
        });
    }

    [TestCase("/.well-known/openid-configuration")]
    [TestCase("/.well-known/oauth-authorization-server/mcp")]
    [TestCase("/.well-known/openid-configuration/mcp")]
    [TestCase("/mcp/.well-known/openid-configuration")]
    [Category("LINK-02")]
    [Requirement("MCP-03"), Requirement("MCP-06")]
    public async Task Every_place_where_clients_look_says_the_same(string path)   // docs/interoperability.md, "Metadata paths"
    {
        var expected = await _server.Http.GetStringAsync("/.well-known/oauth-authorization-server");

        Assert.That(await _server.Http.GetStringAsync(path), Is.EqualTo(expected));
        Assert.That(Strings(JsonDocument.Parse(expected).RootElement, "id_token_signing_alg_values_supported"), Is.EqualTo(["ES256"]));
    }

    [TestCase("/.well-known/oauth-authorization-server")]
    [TestCase("/.well-known/openid-configuration")]
    [TestCase("/.well-known/jwks.json")]
    [TestCase("/.well-known/oauth-protected-resource")]
    public async Task Nothing_follows_the_host_header(string path)   // docs/interoperability.md, "Public address behind a proxy"
    {
        foreach (var (name, value) in new[] { ("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"), ("Forwarded", "host=evil.example") })
        {
            await using var server = await TestServer.StartAsync();   // nothing remembered from an honest request
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation(name, value);

            using var response = await server.Http.SendAsync(request);

            Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("evil").And.Not.Contain("https://localhost"), name);
        }
    }

    [Test]
    public async Task A_known_document_is_not_sent_again_and_head_has_no_body()
    {
        using var first = await _server.Http.GetAsync("/.well-known/oauth-authorization-server");
        Assert.That(first.Headers.CacheControl?.Public, Is.True);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/oauth-authorization-server");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await _server.Http.SendAsync(request);
        using var head = await _server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/.well-known/oauth-authorization-server"));

        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
        Assert.That(head.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await head.Content.ReadAsStringAsync(), Is.Empty);
    }

    [Test]
    [Category("SEED-047")]
    public async Task The_key_set_holds_a_public_es256_key_and_nothing_private()   // SEED-047
    {
        var key = (await GetAsync("/.well-known/jwks.json")).GetProperty("keys").EnumerateArray().Single();

        Assert.Multiple(() =>
        {
            Assert.That(key.Text("kty"), Is.EqualTo("EC"));
            Assert.That(key.Text("alg"), Is.EqualTo("ES256"));
            Assert.That(key.Text("use"), Is.EqualTo("sig"));
            Assert.That(key.Text("kid"), Is.Not.Empty);
            Assert.That(key.TryGetProperty("d", out _), Is.False);
        });
    }

    [Test]
    [Category("SEED-047")]
    public async Task A_token_is_verified_with_nothing_but_the_key_set()
    {
        var keys = new JsonWebKeySet(await _server.Http.GetStringAsync("/.well-known/jwks.json"));
        using var alice = new Person(_server);
        var token = (await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(alice)).Text("access_token");

        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = _server.BaseUrl,
            ValidAudience = _server.McpUrl,
            ValidTypes = ["at+jwt"],
            IssuerSigningKeys = keys.GetSigningKeys(),
        });

        Assert.That(result.Exception, Is.Null);
        Assert.That(keys.Keys.Select(key => key.Kid), Has.Member(new JsonWebToken(token).Kid));
    }

    [TestCase("/.well-known/nothing")]
    [TestCase("/.well-known/oauth-authorization-server/elsewhere")]
    [TestCase("/mcp/.well-known/nothing"), TestCase("/mcp/.well-known/oauth-protected-resource/mcp")]
    public async Task An_unknown_document_is_a_json_404(string path)   // docs/interoperability.md, "JSON 404 under well-known"
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Origin", "http://localhost:4000");

        using var response = await _server.Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await response.JsonAsync()).Text("error"), Is.EqualTo("not_found"));
        Assert.That(response.Headers.GetValues("Access-Control-Allow-Origin"), Is.EqualTo(["*"]));
    }

    [Test]
    [Category("LINK-03")]
    public async Task The_paths_of_older_set_ups_lead_to_the_document()   // LINK-03
    {
        using var response = await _server.Http.GetAsync("/oidc/.well-known/openid-configuration");

        Assert.That((int)response.StatusCode, Is.InRange(301, 308));
        Assert.That(response.Headers.Location?.ToString(), Is.EqualTo("/.well-known/openid-configuration"));
    }

    [Test]
    public async Task Without_registration_the_metadata_does_not_promise_it()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:Enabled=false");

        var metadata = JsonDocument.Parse(await server.Http.GetStringAsync("/.well-known/oauth-authorization-server")).RootElement;
        using var response = await server.Http.PostAsync("/register", new StringContent("{}", System.Text.Encoding.UTF8, "application/json"));

        Assert.That(metadata.TryGetProperty("registration_endpoint", out _), Is.False);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using var response = await _server.Http.GetAsync(path);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await response.JsonAsync();
    }

    private static string?[] Strings(JsonElement json, string member) => [.. json.GetProperty(member).EnumerateArray().Select(item => item.GetString())];
}
