using System.Text.Json;
using McpIdentity.Server.Outbound;
using McpIdentity.Server.Settings;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients.Documents;

/// <summary>
/// What a client says of itself at the URL that is its id (draft-ietf-oauth-client-id-metadata-document, section 4): the members of
/// a registration, less what needs a secret between it and us.
/// </summary>
internal sealed class ClientDocument : ClientMetadata
{
    public string? ClientId { get; set; }

    /// <summary>Of OpenID Connect Relying Party Metadata Choices: what a client can do, of which we choose (docs/interoperability.md, "Methods to choose from").</summary>
    public IReadOnlyList<string>? TokenEndpointAuthMethodsSupported { get; set; }

    /// <summary>Read to be refused: whoever publishes a secret has none.</summary>
    public JsonElement? ClientSecret { get; set; }

    public JsonElement? ClientSecretExpiresAt { get; set; }

    /// <param name="json">What stands at the URL.</param>
    /// <param name="clientId">The URL, as the client wrote it.</param>
    /// <param name="policy">What a registration may say.</param>
    /// <returns>Metadata that passed <see cref="ClientMetadataRules"/>, of what we serve.</returns>
    /// <exception cref="ClientDocumentException">It is not what the client may be known by.</exception>
    /// <exception cref="GuardedHttpException">It is no document at all.</exception>
    public static ClientDocument Read(ReadOnlySpan<byte> json, string clientId, RegistrationOptions policy)
    {
        ClientDocument document;
        try
        {
            // RFC 8259 §8.1: a byte order mark may be ignored, and editors write it.
            document = JsonSerializer.Deserialize(json.StartsWith(ByteOrderMark) ? json[ByteOrderMark.Length..] : json, ClientsJson.Default.ClientDocument) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            // As a host answers that is out of order; what it says another time may be right.
            throw new GuardedHttpException("what is there is not a JSON object with the members of RFC 7591, each of its type and none twice");
        }

        // Section 4.1: simple string comparison. Somebody who can write to one path of a host must not speak for another.
        if (document.ClientId != clientId)
        {
            throw new ClientDocumentException("its client_id is not the URL that it was read from");
        }

        if (document.ClientSecret is not null || document.ClientSecretExpiresAt is not null)
        {
            throw new ClientDocumentException("it holds a client_secret, which everybody can read");
        }

        document.Choose();
        return (ClientMetadataRules.Check(document, policy, allowClientCredentials: false) ?? AllowedRedirectHosts.Check(document, policy)) is { } error
            ? throw new ClientDocumentException(error.Description.TrimEnd('.'))
            : document;
    }

    // One document is for every server there is: of what it lists, ours is taken (docs/interoperability.md, "Grants of other servers").
    private void Choose()
    {
        GrantTypes = GrantTypes?.Intersect(ServedGrantTypes, StringComparer.Ordinal).ToList();
        if (GrantTypes?.Contains(OpenIddict.Abstractions.OpenIddictConstants.GrantTypes.AuthorizationCode) == false)
        {
            throw new ClientDocumentException("its grant_types do not hold authorization_code");
        }

        TokenEndpointAuthMethod ??= TokenEndpointAuthMethodsSupported is { } methods
            ? ServedMethods.FirstOrDefault(methods.Contains) ?? methods[0]
            : ClientAuthenticationMethods.None;
        if (!ServedMethods.Contains(TokenEndpointAuthMethod))
        {
            throw new ClientDocumentException($"its token_endpoint_auth_method is none of {string.Join(", ", ServedMethods)}: a client that is known by a document shares no secret with this server");
        }
    }

    private static ReadOnlySpan<byte> ByteOrderMark => [0xef, 0xbb, 0xbf];

    private static readonly string[] ServedGrantTypes =
        [OpenIddict.Abstractions.OpenIddictConstants.GrantTypes.AuthorizationCode, OpenIddict.Abstractions.OpenIddictConstants.GrantTypes.RefreshToken];

    private static readonly string[] ServedMethods = [ClientAuthenticationMethods.None, ClientAuthenticationMethods.PrivateKeyJwt];
}

/// <summary>A document that a client cannot be known by.</summary>
/// <param name="message">Why, as the second half of a sentence.</param>
internal sealed class ClientDocumentException(string message) : Exception(message);
