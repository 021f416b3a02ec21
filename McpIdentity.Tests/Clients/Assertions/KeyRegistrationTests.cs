using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Clients.Assertions;

/// <summary>Which keys a client may register, and what is kept of them.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class KeyRegistrationTests
{
    private static readonly string Good = JsonSerializer.Serialize(SigningClient.Jwk(SigningClient.NewKey()));

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    private static IEnumerable<TestCaseData> BadKeys()
    {
        var rsa = SigningClient.Jwk(new RsaSecurityKey(RSA.Create(1024)));
        string[] privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        (string Name, string Members)[] all =
        [
            ("no keys", """ "token_endpoint_auth_method":"private_key_jwt" """),
            ("both", $$""" "token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{{Good}}]},"jwks_uri":"https://c.example/jwks" """),
            ("an empty set", """ "jwks":{"keys":[]} """),
            ("no set", """ "jwks":[] """),
            ("a text", """ "jwks":"{}" """),
            ("keys that are none", """ "jwks":{"keys":[7,"x",{},{"kty":"oct"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]} """),
            ("a short RSA key", $$""" "jwks":{"keys":[{{JsonSerializer.Serialize(rsa)}}]} """),
            ("a key to encrypt with", $$""" "jwks":{"keys":[{{Good[..^1]}},"use":"enc"}]} """),
            ("a secret", $$""" "jwks":{"keys":[{{Good}},{"kty":"oct","k":"AAAA"}]} """),
            ("too many", $$""" "jwks":{"keys":[{{string.Join(',', Enumerable.Repeat(Good, ClientKeySets.MaxKeys + 1))}}]} """),
            ("too much", $$""" "jwks":{"keys":[{{Good}}],"more":"{{new string('m', 16 * 1024)}}"} """),
            ("http", """ "jwks_uri":"http://c.example/jwks" """),
            ("a file", """ "jwks_uri":"file:///etc/passwd" """),
            ("no address", """ "jwks_uri":"jwks" """),
            ("a person in it", """ "jwks_uri":"https://user@c.example/jwks" """),
            ("a number for a modulus", $$""" "jwks":{"keys":[{"kty":"RSA","n":1,"e":"AQAB"}]} """),
            ("a null for a modulus", $$""" "jwks":{"keys":[{"kty":"RSA","n":null,"e":"AQAB"}]} """),
            ("half a surrogate pair", $$""" "jwks":{"keys":[{{Good[..^1]}},"n":"\ud800"}]} """),
            ("half a surrogate pair for a key's id", $$""" "jwks":{"keys":[{{Good[..^1]}},"use":"\ud800"}]} """),
            ("more than is kept of all", $$""" "jwks":{"keys":[{{string.Join(',', Enumerable.Repeat($"{Good[..^1]},\"key_ops\":[\"{new string('v', 3000)}\"]}}", 8))}}]} """),
            .. privateMembers.Select(member => ($"the private member {member}", $$""" "jwks":{"keys":[{{Good[..^1]}},"{{member}}":"AA"}]} """)),
        ];
        return all.Select(bad => new TestCaseData(bad.Members).SetArgDisplayNames(bad.Name));
    }

    [TestCaseSource(nameof(BadKeys))]
    public async Task Keys_that_could_not_be_used_are_refused(string members)
    {
        foreach (var method in members.Contains("auth_method", StringComparison.Ordinal) ? [""] : (string[])["", "\"token_endpoint_auth_method\":\"none\",", "\"token_endpoint_auth_method\":\"private_key_jwt\","])
        {
            using var response = await PostAsync($$"""{"redirect_uris":["https://c.example/"],{{method}}{{members}}}""");

            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"), method);
        }
    }

    [Test]
    public async Task The_answer_says_what_is_kept_and_that_is_public()
    {
        using var response = await PostAsync($$"""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{{Good[..^1]}},"x5t":"AA","secret":"x"},{"kty":"new"}],"more":1 } }""");

        var client = await response.JsonAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), client.GetRawText());
        Assert.That(JsonElement.DeepEquals(client.GetProperty("jwks"), JsonElement.Parse($$"""{"keys":[{{Good}}]}""")), Is.True, client.GetRawText());
        Assert.That((client.Text("token_endpoint_auth_method"), client.TryGetProperty("client_secret", out _), client.TryGetProperty("client_secret_expires_at", out _)),
            Is.EqualTo(("private_key_jwt", false, false)));
    }

    [TestCase("private_key_jwt", true)]
    [TestCase("none", true)]
    [TestCase("client_secret_basic", false)]
    [TestCase("client_secret_post", false)]
    public async Task Keys_are_kept_where_the_client_may_use_them(string method, bool kept)
    {
        foreach (var member in (string[])["jwks", "jwks_uri"])
        {
            var value = member == "jwks" ? $"{{\"keys\":[{Good}]}}" : "\"https://c.example/jwks\"";
            using var response = await PostAsync($$"""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"{{method}}","{{member}}":{{value}} }""");

            var client = await response.JsonAsync();
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), client.GetRawText());
            Assert.That(client.TryGetProperty(member, out _), Is.EqualTo(kept), member);
            Assert.That(client.TryGetProperty("client_secret", out _), Is.EqualTo(!kept), member);
        }
    }

    [Test]
    public async Task The_metadata_says_how_clients_may_sign()
    {
        var metadata = await _server.Http.GetFromJsonAsync<JsonElement>("/.well-known/oauth-authorization-server");
        foreach (var endpoint in (string[])["token", "introspection", "revocation"])
        {
            Assert.That(Strings($"{endpoint}_endpoint_auth_methods_supported"), Does.Contain("private_key_jwt"), endpoint);
            Assert.That(Strings($"{endpoint}_endpoint_auth_signing_alg_values_supported"), Is.SupersetOf(["ES256", "RS256", "PS256"]).And.None.StartsWith("HS").And.None.EqualTo("none"), endpoint);
        }

        IEnumerable<string?> Strings(string member) => metadata.GetProperty(member).EnumerateArray().Select(value => value.GetString());
    }

    private Task<HttpResponseMessage> PostAsync(string body) =>
        _server.Http.PostAsync("/register", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
}
