using System.Buffers;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp.IssuerKeys;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>
/// A client's JWK set (RFC 7517 §5), wherever it comes from: its registration, the configuration, or its <c>jwks_uri</c>. What
/// is kept of one are its signing keys, by their public members alone.
/// </summary>
internal static class ClientKeySets
{
    /// <summary>A client that changes its keys has two or three; an assertion without a key id is tried with each.</summary>
    public const int MaxKeys = 20;

    private const int MaxKeyLength = 4096;
    private const int MaxLength = 16 * 1024;
    private const int MinRsaBytes = 2048 / 8; // RFC 7518 §3.3

    // RFC 7518 §6.2.2, §6.3.2, §6.4: whoever sends one of these has sent the secret itself.
    private static readonly string[] PrivateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

    private static readonly string[] PublicMembers = ["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y"];

    /// <returns>Why the set cannot be used, as the second half of a sentence; null for one that can.</returns>
    public static string? Check(JsonElement set)
    {
        if (set.ValueKind != JsonValueKind.Object || !set.TryGetProperty("keys", out var keys) || keys.ValueKind != JsonValueKind.Array)
        {
            return "must be an object with an array \"keys\" (RFC 7517 §5)";
        }

        if (keys.GetArrayLength() > MaxKeys)
        {
            return $"must not hold more than {MaxKeys} keys";
        }

        foreach (var key in keys.EnumerateArray())
        {
            if (key.ValueKind == JsonValueKind.Object && PrivateMembers.FirstOrDefault(member => key.TryGetProperty(member, out _)) is { } secret)
            {
                return $"holds a private or symmetric key (\"{secret}\"): only public keys belong here, and that one is no secret any more";
            }
        }

        try
        {
            if (Write(set).Length > MaxLength)
            {
                return $"must not hold more than {MaxLength} characters of public keys";
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or FormatException)
        {
            // Half a surrogate pair, or a number for a text: JSON until somebody reads it.
            return "holds a key of which a member is no text, or no base64url";
        }

        return UsableOf(keys).Any() ? null : "holds no key that could check a signature: RSA of at least 2048 bits, or EC on P-256, P-384 or P-521";
    }

    /// <summary>Whether keys can be read there.</summary>
    public static bool IsUri(string text) =>
        text.Length <= RedirectUris.MaxLength && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri is { Scheme: "https", UserInfo: "", Fragment: "" };

    /// <summary>The set as it is kept.</summary>
    /// <param name="set">One that passed <see cref="Check"/>.</param>
    /// <param name="stamp">Writes further members of it.</param>
    public static string Write(JsonElement set, Action<Utf8JsonWriter>? stamp = null)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("keys");
            foreach (var key in UsableOf(set.GetProperty("keys")))
            {
                writer.WriteStartObject();
                foreach (var member in key.EnumerateObject().Where(member => PublicMembers.Contains(member.Name)))
                {
                    member.WriteTo(writer);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            stamp?.Invoke(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static IEnumerable<JsonElement> UsableOf(JsonElement keys) => KeySet.UsableOf(keys).Where(key => key.GetRawText().Length <= MaxKeyLength && IsLongEnough(key));

    // RFC 7518 §6.3.1: by its numbers, which some leave out beside a certificate.
    private static bool IsLongEnough(JsonElement key) =>
        !key.GetProperty("kty").ValueEquals("RSA") ||
        (key.TryGetProperty("n", out var modulus) && modulus.ValueKind == JsonValueKind.String && Base64UrlEncoder.DecodeBytes(modulus.GetString()).Length >= MinRsaBytes);
}
