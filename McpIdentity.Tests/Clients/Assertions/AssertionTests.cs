using System.Net;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.Tokens;
using Bend = System.Action<System.Collections.Generic.Dictionary<string, object?>, System.Collections.Generic.Dictionary<string, object?>>;

namespace McpIdentity.Tests.Clients.Assertions;

/// <summary><c>private_key_jwt</c>: which assertions prove who a client is (RFC 7523 §3), with what a caller is told of one that does not.</summary>
[Category("RFC 7523")]
[Parallelizable(ParallelScope.All)]
internal sealed class AssertionTests
{
    private static readonly RsaSecurityKey Rsa = new(RSA.Create(2048)) { KeyId = "rsa" };

    private static readonly ECDsaSecurityKey OthersKey = SigningClient.NewKey();

    private TestServer _server = null!;
    private SigningClient _client = null!;
    private SigningClient _other = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");
        var key = SigningClient.NewKey();
        _client = await SigningClient.RegisterAsync(_server, key, new
        {
            token_endpoint_auth_method = "private_key_jwt",
            grant_types = new[] { "client_credentials" },
            jwks = new { keys = new[] { SigningClient.Jwk(key), SigningClient.Jwk(Rsa) } },
        });
        _other = await SigningClient.RegisterAsync(_server, OthersKey);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    private Dictionary<string, (Bend Bend, SecurityKey? Key)> Good => new()
    {
        ["as most libraries write it"] = ((_, _) => { }, null),
        ["without a type"] = ((header, _) => header.Remove("typ"), null),
        ["of the type of the draft"] = ((header, _) => header["typ"] = "client-authentication+jwt", null),
        ["without a key id"] = ((header, _) => header.Remove("kid"), null),
        ["for the token endpoint"] = ((_, payload) => payload["aud"] = _server.BaseUrl + "/oauth/token", null),
        ["for the issuer as a URL"] = ((_, payload) => payload["aud"] = _server.BaseUrl + "/", null),
        ["for two names of ours"] = ((_, payload) => payload["aud"] = new[] { _server.BaseUrl, _server.BaseUrl + "/oauth/token" }, null),
        ["without a date of issue"] = ((_, payload) => payload.Remove("iat"), null),
        ["by a clock that is a minute ahead"] = ((_, payload) => payload["iat"] = payload["nbf"] = Now + 59, null),
        ["that has just expired"] = ((_, payload) => payload["exp"] = Now - 59, null),
        ["for an hour"] = ((_, payload) => payload["exp"] = Now + 3600, null),
        ["with a fraction of a second"] = ((_, payload) => payload["exp"] = Now + 60.5, null),
        ["signed with RS256"] = ((_, _) => { }, Rsa),
        ["signed with PS512"] = ((header, _) => header["alg"] = "PS512", Rsa),
    };

    private Dictionary<string, (Bend Bend, SecurityKey? Key)> Bad => new()
    {
        ["of nobody's key"] = ((_, _) => { }, SigningClient.NewKey()),
        ["of an unknown key"] = ((_, _) => { }, SigningClient.NewKey("unknown")),
        ["of another client's key"] = ((_, _) => { }, OthersKey),
        ["unsigned"] = ((header, _) => header["alg"] = "none", null),
        ["signed with a secret that is no secret"] = ((header, _) => header["kid"] = "first", new SymmetricSecurityKey(Encoding.ASCII.GetBytes(new string('k', 32)))),
        ["signed by an algorithm of another key"] = ((header, _) => header["kid"] = "first", Rsa),
        ["with a critical extension"] = ((header, _) => header["crit"] = new[] { "exp" }, null),
        ["of another type"] = ((header, _) => header["typ"] = "at+jwt", null),
        ["that claims to be another client's"] = ((_, payload) => payload["iss"] = payload["sub"] = _other.ClientId, null),
        ["whose subject is another client"] = ((_, payload) => payload["sub"] = _other.ClientId, null),
        ["whose issuer is another client"] = ((_, payload) => payload["iss"] = _other.ClientId, null),
        ["of a client that does not exist"] = ((_, payload) => payload["iss"] = payload["sub"] = "nobody", null),
        ["of no client"] = ((_, payload) => payload.Remove("iss"), null),
        ["without a subject"] = ((_, payload) => payload.Remove("sub"), null),
        ["of two subjects"] = ((_, payload) => payload["sub"] = new[] { payload["iss"], payload["iss"] }, null),
        ["with a NUL in its name"] = ((_, payload) => payload["iss"] = payload["sub"] = "a\0b", null),
        ["with a name beyond measure"] = ((_, payload) => payload["iss"] = payload["sub"] = new string('a', 9000), null),
        ["for another server"] = ((_, payload) => payload["aud"] = "https://other.example", null),
        ["for another server too"] = ((_, payload) => payload["aud"] = new[] { _server.BaseUrl, "https://other.example" }, null),
        ["for something that is no text too"] = ((_, payload) => payload["aud"] = new object[] { _server.BaseUrl, 7 }, null),
        ["for a page of ours"] = ((_, payload) => payload["aud"] = _server.BaseUrl + "/signin", null),
        ["for an address like ours"] = ((_, payload) => payload["aud"] = _server.BaseUrl + "/oauth/token/", null),
        ["for the MCP endpoint"] = ((_, payload) => payload["aud"] = _server.McpUrl, null),
        ["for nobody"] = ((_, payload) => payload.Remove("aud"), null),
        ["for an empty list"] = ((_, payload) => payload["aud"] = Array.Empty<string>(), null),
        ["without an end"] = ((_, payload) => payload.Remove("exp"), null),
        ["with an end that is no number"] = ((_, payload) => payload["exp"] = "soon", null),
        ["with an end beyond time"] = ((_, payload) => payload["exp"] = 1e300, null),
        ["that has expired"] = ((_, payload) => payload["exp"] = Now - 61, null),
        ["for a day"] = ((_, payload) => payload["exp"] = Now + 86_400, null),
        ["of the future"] = ((_, payload) => payload["iat"] = Now + 61, null),
        ["that is not good yet"] = ((_, payload) => payload["nbf"] = Now + 61, null),
        ["without an identifier"] = ((_, payload) => payload.Remove("jti"), null),
        ["with an empty identifier"] = ((_, payload) => payload["jti"] = "", null),
        ["with a number for an identifier"] = ((_, payload) => payload["jti"] = 7, null),
        ["with an identifier beyond measure"] = ((_, payload) => payload["jti"] = new string('j', 513), null),
        ["that is too long"] = ((_, payload) => payload["more"] = new string('m', 20_000), null),
    };

    private long Now => _server.Clock.GetUtcNow().ToUnixTimeSeconds();

    private static IEnumerable<string> GoodOnes => new AssertionTests().Good.Keys;

    private static IEnumerable<string> BadOnes => new AssertionTests().Bad.Keys;

    [TestCaseSource(nameof(GoodOnes))]
    public async Task An_assertion_is_accepted(string kind)
    {
        var (bend, key) = Good[kind];
        using var response = await _client.TokenAsync(_client.NewAssertion(bend, key));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
    }

    [TestCaseSource(nameof(BadOnes))]
    public async Task An_assertion_is_refused_as_an_unknown_client_is(string kind)
    {
        var (bend, key) = Bad[kind];
        foreach (var path in (string[])["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
        {
            using var response = await _client.PostAsync(path, _client.NewAssertion(bend, key), ("grant_type", "client_credentials"), ("token", "anything"));

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), path + await response.Content.ReadAsStringAsync());
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"), path);
        }
    }
}
