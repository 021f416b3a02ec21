using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Mcp.IssuerKeys;

/// <summary>
/// Reads a JWK set, key by key. What is unknown, incomplete, broken or for another purpose is ignored (RFC 7517 §5): a good key
/// serves, whatever stands beside it.
/// </summary>
internal static class KeySet
{
    // A token without a key id is tried with each of them.
    private const int MaxKeys = 100;

    /// <exception cref="InvalidOperationException">There is no key in it that could check a signature.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static IReadOnlyList<SecurityKey> Read(string json, string place)
    {
        using var document = JsonDocument.Parse(json);
        var set = document.RootElement;
        SecurityKey[] keys = set.ValueKind == JsonValueKind.Object && set.TryGetProperty("keys", out var members) ? [.. UsableOf(members).Select(jwk => ReadKey(jwk)!)] : [];
        return keys.Length > 0 ? keys : throw new InvalidOperationException($"'{place}' publishes no signing key.");
    }

    /// <summary>The keys of a set that can check signatures, as they stand in it.</summary>
    public static IEnumerable<JsonElement> UsableOf(JsonElement keys) =>
        keys.ValueKind == JsonValueKind.Array ? keys.EnumerateArray().Where(jwk => ReadKey(jwk) is not null).Take(MaxKeys) : [];

    private static AsymmetricSecurityKey? ReadKey(JsonElement jwk)
    {
        try
        {
            if (jwk.ValueKind != JsonValueKind.Object || !IsForSignatures(jwk) || Build(jwk) is not { } key)
            {
                return null;
            }

            key.KeyId = Text(jwk, "kid");
            return key;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or CryptographicException or NotSupportedException or InvalidOperationException)
        {
            return null; // no base64url, a point that is not on its curve, half a surrogate pair
        }
    }

    private static AsymmetricSecurityKey? Build(JsonElement jwk)
    {
        switch (Text(jwk, "kty"))
        {
            case "RSA" when Bytes(jwk, "n") is { } modulus && Bytes(jwk, "e") is { } exponent:
                var numbers = new RSAParameters { Modulus = modulus, Exponent = exponent };
                using (RSA.Create(numbers))
                {
                    return new RsaSecurityKey(numbers);
                }

            case "RSA" when jwk.TryGetProperty("x5c", out var chain) && chain.ValueKind == JsonValueKind.Array && chain.GetArrayLength() > 0:
                return chain[0].ValueKind == JsonValueKind.String
                    ? new X509SecurityKey(X509CertificateLoader.LoadCertificate(Convert.FromBase64String(chain[0].GetString()!)))
                    : null;
            case "EC" when CurveOf(Text(jwk, "crv")) is { } curve && Bytes(jwk, "x") is { } x && Bytes(jwk, "y") is { } y:
                return new ECDsaSecurityKey(ECDsa.Create(new ECParameters { Curve = curve, Q = new ECPoint { X = x, Y = y } }));
            default:
                return null;
        }
    }

    // RFC 7517 §4.2 to §4.4: each of them may be absent.
    private static bool IsForSignatures(JsonElement jwk) =>
        IsAbsentOr(jwk, "use", use => use.ValueEquals("sig")) &&
        IsAbsentOr(jwk, "kid", _ => true) &&
        IsAbsentOr(jwk, "alg", alg => TokenAlgorithms.Asymmetric.Contains(alg.GetString())) &&
        (!jwk.TryGetProperty("key_ops", out var operations) ||
            (operations.ValueKind == JsonValueKind.Array && operations.EnumerateArray().Any(operation => operation.ValueKind == JsonValueKind.String && operation.ValueEquals("verify"))));

    private static bool IsAbsentOr(JsonElement jwk, string member, Func<JsonElement, bool> isGood) =>
        !jwk.TryGetProperty(member, out var value) || (value.ValueKind == JsonValueKind.String && isGood(value));

    private static ECCurve? CurveOf(string? name) => name switch
    {
        "P-256" => ECCurve.NamedCurves.nistP256,
        "P-384" => ECCurve.NamedCurves.nistP384,
        "P-521" => ECCurve.NamedCurves.nistP521,
        _ => null,
    };

    private static string? Text(JsonElement jwk, string member) =>
        jwk.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[]? Bytes(JsonElement jwk, string member) => Text(jwk, member) is { Length: > 0 } text ? Base64UrlEncoder.DecodeBytes(text) : null;
}
