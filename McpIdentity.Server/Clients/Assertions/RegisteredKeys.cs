using System.Text.Json;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients.Assertions;

/// <summary>The keys that a client registers: <c>jwks</c> or <c>jwks_uri</c> (RFC 7591 §2).</summary>
internal static class RegisteredKeys
{
    /// <summary>Whatever the method is: keys that could not be used are a mistake that the client should hear of.</summary>
    public static OAuthError? Check(ClientMetadata metadata)
    {
        var keys = KeysOf(metadata);
        if (keys is not null && metadata.JwksUri is not null)
        {
            return RegistrationErrors.InvalidClientMetadata("jwks and jwks_uri must not both be present.");
        }

        if (keys is { } set && ClientKeySets.Check(set) is { } problem)
        {
            return RegistrationErrors.InvalidClientMetadata($"jwks {problem}.");
        }

        if (metadata.JwksUri is { } uri && !ClientKeySets.IsUri(uri))
        {
            return RegistrationErrors.InvalidClientMetadata("jwks_uri must be an https URL.");
        }

        return metadata.TokenEndpointAuthMethod == ClientAuthenticationMethods.PrivateKeyJwt && keys is null && metadata.JwksUri is null
            ? RegistrationErrors.InvalidClientMetadata("private_key_jwt needs the client's public keys: jwks, or jwks_uri.")
            : null;
    }

    /// <summary>The inline keys; an empty text, and a null, are none (docs/interoperability.md, "Empty members").</summary>
    public static JsonElement? KeysOf(ClientMetadata metadata) =>
        metadata.Jwks is { } keys && keys.ValueKind != JsonValueKind.Null && !(keys.ValueKind == JsonValueKind.String && keys.ValueEquals("")) ? keys : null;
}
