using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>A client that authenticates with its key (<c>private_key_jwt</c>), and can write an assertion in any way.</summary>
internal sealed class SigningClient(HttpClient http, TimeProvider time, string issuer, string clientId, SecurityKey key)
{
    public const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    public string ClientId => clientId;

    public SecurityKey Key { get; set; } = key;

    public static ECDsaSecurityKey NewKey(string keyId = "first") => new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = keyId };

    /// <summary>Its public half, as a member of a key set.</summary>
    public static Dictionary<string, object?> Jwk(SecurityKey key)
    {
        var jwk = key is RsaSecurityKey rsa ? JsonWebKeyConverter.ConvertFromRSASecurityKey(rsa) : JsonWebKeyConverter.ConvertFromECDsaSecurityKey((ECDsaSecurityKey)key);
        return key is RsaSecurityKey
            ? new() { ["kty"] = "RSA", ["kid"] = key.KeyId, ["n"] = jwk.N, ["e"] = jwk.E }
            : new() { ["kty"] = "EC", ["kid"] = key.KeyId, ["crv"] = jwk.Crv, ["x"] = jwk.X, ["y"] = jwk.Y };
    }

    public static string JwksOf(params SecurityKey[] keys) => JsonSerializer.Serialize(new { keys = keys.Select(Jwk) });

    /// <summary>Registers itself, by default as a service with the keys inline.</summary>
    public static async Task<SigningClient> RegisterAsync(TestServer server, SecurityKey key, object? metadata = null)
    {
        using var response = await server.Http.PostAsJsonAsync("/register", metadata ?? new
        {
            token_endpoint_auth_method = "private_key_jwt",
            grant_types = new[] { "client_credentials" },
            jwks = new { keys = new[] { Jwk(key) } },
        });
        var text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(201), text);
        var client = JsonElement.Parse(text);
        Assert.That(client.TryGetProperty("client_secret", out _), Is.False, "whoever has keys gets no secret");
        return new SigningClient(server.Http, server.Clock, server.BaseUrl, client.Text("client_id")!, key);
    }

    public SigningClient At(HttpClient other) => new(other, time, issuer, clientId, Key);

    /// <summary>An assertion as a library writes it.</summary>
    /// <param name="change">Bends header and payload.</param>
    /// <param name="signWith">Another key than its own.</param>
    public string NewAssertion(Action<Dictionary<string, object?>, Dictionary<string, object?>>? change = null, SecurityKey? signWith = null)
    {
        var signer = signWith ?? Key;
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var header = new Dictionary<string, object?>
        {
            ["alg"] = signer switch { RsaSecurityKey => "RS256", SymmetricSecurityKey => "HS256", _ => "ES256" },
            ["typ"] = "JWT",
            ["kid"] = signer.KeyId,
        };
        var payload = new Dictionary<string, object?>
        {
            ["iss"] = clientId,
            ["sub"] = clientId,
            ["aud"] = issuer,
            ["iat"] = now,
            ["exp"] = now + 60,
            ["jti"] = Guid.NewGuid().ToString(),
        };
        change?.Invoke(header, payload);
        return Sign(Encode(JsonSerializer.Serialize(header)) + "." + Encode(JsonSerializer.Serialize(payload)), (string?)header["alg"], signer);
    }

    public static string Sign(string content, string? algorithm, SecurityKey signer) => algorithm == "none"
        ? content + "."
        : content + "." + Base64UrlEncoder.Encode(signer.CryptoProviderFactory.CreateForSigning(signer, algorithm).Sign(Encoding.ASCII.GetBytes(content)));

    public static string Encode(string json) => Base64UrlEncoder.Encode(json);

    /// <summary>A token for itself.</summary>
    public Task<HttpResponseMessage> TokenAsync(string? assertion = null, params (string Name, string? Value)[] changes) =>
        PostAsync("/oauth/token", assertion, [("grant_type", "client_credentials"), ("scope", "mcp"), .. changes]);

    public async Task<HttpResponseMessage> PostAsync(string path, string? assertion, params (string Name, string? Value)[] parameters)
    {
        var form = new Dictionary<string, string?> { ["client_assertion_type"] = AssertionType, ["client_assertion"] = assertion ?? NewAssertion() };
        foreach (var (name, value) in parameters)
        {
            form[name] = value;
        }

        using var content = new FormUrlEncodedContent(form.Where(parameter => parameter.Value is not null)!);
        return await http.PostAsync(path, content);
    }
}
