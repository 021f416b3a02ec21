using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Mcp;

/// <summary>The keys of our own issuer, as the test wants them.</summary>
internal sealed class TestKeys : IMcpSigningKeys
{
    public ECDsaSecurityKey Key { get; private set; } = New("own-1");

    public IReadOnlyList<SecurityKey> SigningKeys { get; private set; }

    public TestKeys() => SigningKeys = [Key];

    /// <summary>The old key is gone, as after a compromise.</summary>
    public void Replace() => SigningKeys = [Key = New("own-2")];

    /// <summary>The keys of another server of the same installation.</summary>
    public void Share(TestKeys other) => SigningKeys = [Key = other.Key];

    public static ECDsaSecurityKey New(string keyId) => new(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = keyId };
}

/// <summary>Writes tokens, good ones and bad ones, without the library that reads them.</summary>
internal static class TestTokens
{
    public const string OwnIssuer = "https://mcp.example";
    public const string ForeignIssuer = "your-service";
    public const string ForeignAudience = "mcp-api";
    public const string Secret = "Zq4vT8mLr2Xw9KdYb6NhJc3FgPs7AeUi5Vt1";

    public static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>An access token as our authorization server writes it (RFC 9068). A change to null takes a member away.</summary>
    public static string Own(SecurityKey key, string scope = "mcp mcp:call", params ReadOnlySpan<(string Name, object? Value)> changes) => Sign(
        new() { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = key.KeyId },
        new()
        {
            ["iss"] = OwnIssuer,
            ["aud"] = McpHost.Resource,
            ["sub"] = "alice",
            ["client_id"] = "client-1",
            ["scope"] = scope,
            ["sid"] = "session-1",
            ["jti"] = "token-1",
            ["oi_au_id"] = "grant-1",
            ["name"] = "Alice",
            ["email"] = "alice@example.com",
            ["iat"] = Now.ToUnixTimeSeconds(),
            ["exp"] = Now.AddHours(1).ToUnixTimeSeconds(),
        },
        changes, key);

    /// <summary>The JWT of SEED-022: a shared secret, scopes as an array.</summary>
    public static string Foreign(params ReadOnlySpan<(string Name, object? Value)> changes) => Foreign(Secret, changes);

    /// <summary>The same at the time of a server with another clock.</summary>
    public static string ForeignAt(DateTimeOffset now, params ReadOnlySpan<(string Name, object? Value)> changes) =>
        Foreign([("iat", now.ToUnixTimeSeconds()), ("exp", now.AddHours(1).ToUnixTimeSeconds()), .. changes]);

    public static string Foreign(string secret, ReadOnlySpan<(string Name, object? Value)> changes) => Sign(
        new() { ["alg"] = "HS256", ["typ"] = "JWT" }, ForeignClaims(), changes, new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret)));

    /// <summary>The settings of the guide's example of external JWTs; the secret is its sample.</summary>
    public static readonly string[] GuideSettings = ["Jwt:Secret=your-jwt-secret", $"Jwt:Issuer={ForeignIssuer}", $"Jwt:Audience={ForeignAudience}"];

    /// <summary>The JWT of the guide's example, good for an hour from now.</summary>
    public static string OfTheGuide() => Foreign("your-jwt-secret",
        [("iat", DateTimeOffset.UtcNow.ToUnixTimeSeconds()), ("exp", DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds())]);

    public static string Foreign(SecurityKey key, string algorithm, params ReadOnlySpan<(string Name, object? Value)> changes) => Sign(
        new() { ["alg"] = algorithm, ["typ"] = "JWT", ["kid"] = key.KeyId }, ForeignClaims(), changes, key);

    /// <param name="header">The protected header; <c>changes</c> whose name begins with <c>@</c> go there.</param>
    public static string Sign(
        Dictionary<string, object?> header, Dictionary<string, object?> claims, ReadOnlySpan<(string Name, object? Value)> changes, SecurityKey key)
    {
        foreach (var (name, value) in changes)
        {
            var (where, member) = name.StartsWith('@') ? (header, name[1..]) : (claims, name);
            where[member] = value;
            if (value is null)
            {
                where.Remove(member);
            }
        }

        return SignRaw(JsonSerializer.Serialize(header), JsonSerializer.Serialize(claims), key, (string?)header.GetValueOrDefault("alg"));
    }

    public static string SignRaw(string header, string claims, SecurityKey key, string? algorithm)
    {
        var input = $"{Base64UrlEncoder.Encode(header)}.{Base64UrlEncoder.Encode(claims)}";
        var bytes = Encoding.ASCII.GetBytes(input);
        var signature = key switch
        {
            _ when algorithm == "none" => [],
            SymmetricSecurityKey secret when algorithm == "HS512" => HMACSHA512.HashData(secret.Key, bytes),
            SymmetricSecurityKey secret => HMACSHA256.HashData(secret.Key, bytes),
            ECDsaSecurityKey ec => ec.ECDsa.SignData(bytes, HashAlgorithmName.SHA256),
            RsaSecurityKey rsa => rsa.Rsa.SignData(
                bytes, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1),
            _ => throw new NotSupportedException(),
        };
        return $"{input}.{Base64UrlEncoder.Encode(signature)}";
    }

    private static Dictionary<string, object?> ForeignClaims() => new()
    {
        ["iss"] = ForeignIssuer,
        ["aud"] = ForeignAudience,
        ["sub"] = "robot",
        ["email"] = "robot@example.com",
        ["scopes"] = new[] { "mcp", "mcp:call" },
        ["iat"] = Now.ToUnixTimeSeconds(),
        ["exp"] = Now.AddHours(1).ToUnixTimeSeconds(),
    };
}
