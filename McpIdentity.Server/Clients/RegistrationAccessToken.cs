using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Server.Clients;

/// <summary>
/// RFC 7592 §3: the token by which a client looks after its own registration. Each update makes a new one; the one before it
/// is good until the new one is first used, so that an answer that was lost locks nobody out. Of both, hashes are kept.
/// </summary>
internal static class RegistrationAccessToken
{
    // In OpenIddict's properties of the client: the hash of the newest token, and then of the one before it.
    private const string Property = "registration_access_tokens";

    /// <summary>256 random bits, recognisable for secret scanners.</summary>
    public static string Generate() => "mcpr_" + Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));

    /// <param name="properties">OpenIddict's properties of the client.</param>
    /// <param name="tokens">Those that are good, the newest first.</param>
    public static void Store(IDictionary<string, JsonElement> properties, params string[] tokens) =>
        properties[Property] = JsonSerializer.SerializeToElement(tokens.Select(Hash).ToArray());

    /// <summary>Whether the token is the client's. One that never had any, as those of an operator, has none that is.</summary>
    /// <inheritdoc cref="Store"/>
    public static bool IsGood(ImmutableDictionary<string, JsonElement> properties, string token)
    {
        var hash = Encoding.ASCII.GetBytes(Hash(token));
        return Stored(properties).Any(stored => CryptographicOperations.FixedTimeEquals(hash, Encoding.ASCII.GetBytes(stored)));
    }

    /// <summary>Whether the token is the newest and there is one before it, which has no purpose any more.</summary>
    /// <inheritdoc cref="IsGood"/>
    public static bool IsFirstUse(ImmutableDictionary<string, JsonElement> properties, string token) =>
        Stored(properties) is [var newest, _] && newest == Hash(token);

    private static List<string> Stored(ImmutableDictionary<string, JsonElement> properties) =>
        properties.TryGetValue(Property, out var hashes) ? [.. hashes.EnumerateArray().Select(hash => hash.GetString()!)] : [];

    // Of 256 random bits, so no slow hash.
    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
