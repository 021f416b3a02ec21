using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>
/// Client identifiers that say themselves what was registered (RFC 7591 appendix A.5.2): the registration, compressed, and a MAC
/// under a key that is derived from the encryption key. The client's secret is derived from the identifier, under another key.
/// </summary>
internal sealed class SignedClientIds(EncryptionKeys keys, IOptions<OAuthServerOptions> options)
{
    /// <summary>
    /// The longest that is made: it stands in addresses and in logs. A registration that does not fit gets
    /// an identifier that says nothing.
    /// </summary>
    public const int MaxLength = 1000;

    // Of the alphabet of the other identifiers the underscore is no part.
    private const string Prefix = "mcpc_";

    // Half of HMAC-SHA256 (RFC 2104 §5): nobody can try 2^128 identifiers at a server.
    private const int MacSize = 16;

    // Of the current encryption key, and then of the previous ones.
    private readonly List<(byte[] Id, byte[] Secret)> _keys = [.. keys.Derive("signed client ids").Zip(keys.Derive("secrets of signed clients"))];

    public bool IsOn => options.Value.Registration.SignedClientIds;

    /// <summary>Whether it looks like one, whoever made it.</summary>
    public static bool LookLikeOne(string clientId) => clientId.StartsWith(Prefix, StringComparison.Ordinal);

    /// <param name="client">A client that is about to be registered.</param>
    /// <param name="token">The name of the initial access token that vouches for it.</param>
    /// <param name="statement">Its software statement, which does not fit in: where it vouches for the client its issuer is said.</param>
    /// <returns>Its identifier, and its secret if it is to have one; null where another kind of identifier has to do.</returns>
    public (string ClientId, string? Secret)? Make(ClientInformation client, string? token, SoftwareStatement? statement)
    {
        if (!IsOn || !HasSharedSecretOrNone(client.TokenEndpointAuthMethod))
        {
            return null;
        }

        using var output = new MemoryStream();
        using (var compressed = new DeflateStream(output, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            JsonSerializer.Serialize(
                compressed,
                new Registration
                {
                    Nonce = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(8)), // two registrations of the same are two clients
                    IssuedAt = client.ClientIdIssuedAt,
                    Method = client.TokenEndpointAuthMethod,
                    RedirectUris = client.RedirectUris,
                    GrantTypes = client.GrantTypes,
                    Name = client.ClientName,
                    Token = token,
                    StatementIssuer = statement is { Vouches: true } ? statement.Issuer : null,
                },
                ClientsJson.Default.Registration);
        }

        output.Write(Mac(_keys[0].Id, output.ToArray()));
        var clientId = Prefix + Base64UrlEncoder.Encode(output.ToArray());
        return clientId.Length <= MaxLength ? (clientId, client.ClientSecret is null ? null : SecretOf(_keys[0].Secret, clientId)) : null;
    }

    /// <returns>What the identifier says, with the client's secret; null when it is not one that this server made.</returns>
    public (Registration Registration, string? Secret)? Read(string clientId)
    {
        if (!IsOn || clientId.Length > MaxLength || !LookLikeOne(clientId) || BytesOf(clientId[Prefix.Length..]) is not { Length: > MacSize } bytes)
        {
            return null;
        }

        foreach (var (id, secret) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(Mac(id, bytes.AsSpan(..^MacSize)), bytes.AsSpan(^MacSize..)))
            {
                // Ours, so neither a bomb nor broken.
                using var compressed = new DeflateStream(new MemoryStream(bytes, 0, bytes.Length - MacSize), CompressionMode.Decompress);
                var registration = JsonSerializer.Deserialize(compressed, ClientsJson.Default.Registration)!;
                return (registration, registration.Method == ClientAuthenticationMethods.None ? null : SecretOf(secret, clientId));
            }
        }

        return null;
    }

    private static bool HasSharedSecretOrNone(string method) =>
        method is ClientAuthenticationMethods.None or ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;

    private static byte[] Mac(byte[] key, ReadOnlySpan<byte> registration) => HMACSHA256.HashData(key, registration)[..MacSize];

    private static string SecretOf(byte[] key, string clientId) => ClientManager.SecretOf(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(clientId)));

    // One spelling each: of base64url's last character some bits may say nothing.
    private static byte[]? BytesOf(string text)
    {
        try
        {
            var bytes = Base64UrlEncoder.DecodeBytes(text);
            return Base64UrlEncoder.Encode(bytes) == text ? bytes : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>What an identifier says of its client: what a sign-in needs. Names of one letter, because it travels in addresses.</summary>
    internal sealed class Registration
    {
        [JsonPropertyName("n")]
        public required string Nonce { get; set; }

        [JsonPropertyName("t")]
        public required long IssuedAt { get; set; }

        [JsonPropertyName("m")]
        public required string Method { get; set; }

        [JsonPropertyName("u")]
        public IReadOnlyList<string>? RedirectUris { get; set; }

        [JsonPropertyName("g")]
        public required IReadOnlyList<string> GrantTypes { get; set; }

        [JsonPropertyName("c")]
        public string? Name { get; set; }

        [JsonPropertyName("a")]
        public string? Token { get; set; }

        [JsonPropertyName("s")]
        public string? StatementIssuer { get; set; }

        public ClientMetadata ToMetadata() => new()
        {
            TokenEndpointAuthMethod = Method,
            RedirectUris = RedirectUris is null ? null : [.. RedirectUris.Select(uri => JsonSerializer.SerializeToElement(uri))],
            GrantTypes = GrantTypes,
            ClientName = Name,
        };

        public SoftwareStatement? ToStatement() => StatementIssuer is null ? null : new SoftwareStatement(StatementIssuer, Vouches: true, Text: null);
    }
}
