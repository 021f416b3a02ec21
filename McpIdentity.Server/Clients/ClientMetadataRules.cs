using System.Text.Json;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>What a registration must satisfy, in order. What we do not support is refused only where silence would break the client later.</summary>
internal static class ClientMetadataRules
{
    public static readonly string[] SupportedGrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.ClientCredentials];

    public static readonly string[] SupportedAuthMethods =
    [
        ClientAuthenticationMethods.None, ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost,
        ClientAuthenticationMethods.PrivateKeyJwt,
    ];

    // Real grants that some clients list beside those they use; they are left out of the answer (docs/interoperability.md, "Grants of other servers").
    private static readonly string[] IgnoredGrantTypes =
        ["implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", GrantTypes.DeviceCode, GrantTypes.TokenExchange];

    // Of all texts together that are kept of a client. Real ones have less than a tenth; a stranger's must not fill a disk.
    private const int MaxKept = 16 * 1024;
    private const int MaxItems = 20;

    public static OAuthError? Check(ClientMetadata metadata, RegistrationOptions policy, bool allowClientCredentials) =>
        CheckSizes(metadata, policy) ??
        CheckRedirectUris(metadata, policy) ??
        CheckGrantTypes(metadata) ??
        CheckClientCredentials(metadata, allowClientCredentials) ??
        CheckResponseTypes(metadata) ??
        CheckAuthMethod(metadata) ??
        RegisteredKeys.Check(metadata) ??
        CheckApplicationType(metadata) ??
        CheckTexts(metadata) ??
        CheckUris(metadata);

    private static OAuthError? CheckSizes(ClientMetadata metadata, RegistrationOptions policy)
    {
        foreach (var (member, count) in new[]
        {
            ("contacts", metadata.Contacts?.Count), ("grant_types", metadata.GrantTypes?.Count), ("response_types", metadata.ResponseTypes?.Count),
        })
        {
            if (count > MaxItems)
            {
                return RegistrationErrors.InvalidClientMetadata($"{member} must hold at most {MaxItems} values.");
            }
        }

        // How many redirect URIs there are has an error of its own.
        var uris = metadata.RedirectUris?.Take(policy.MaxRedirectUris).Select(uri => TextOf(uri)?.Length ?? 0) ?? [];
        var texts = new[]
        {
            metadata.ClientName, metadata.ClientUri, metadata.LogoUri, metadata.TosUri, metadata.PolicyUri, metadata.Scope, metadata.SoftwareId, metadata.SoftwareVersion,
            metadata.JwksUri,
        }.Concat(metadata.Contacts ?? []).Select(text => text?.Length ?? 0);
        var keys = RegisteredKeys.KeysOf(metadata)?.GetRawText().Length ?? 0;
        return uris.Concat(texts).Append(keys).Sum() > MaxKept ? RegistrationErrors.InvalidClientMetadata($"A registration must not hold more than {MaxKept} characters.") : null;
    }

    private static OAuthError? CheckRedirectUris(ClientMetadata metadata, RegistrationOptions policy)
    {
        if (metadata.RedirectUris is not { Count: > 0 } uris)
        {
            // RFC 7591 §2: required for grants that redirect; a service that only speaks for itself has none.
            return UsesAuthorizationCode(metadata) ? RegistrationErrors.InvalidRedirectUri("redirect_uris must list at least one URI.") : null;
        }

        if (uris.Count > policy.MaxRedirectUris)
        {
            return RegistrationErrors.InvalidRedirectUri($"redirect_uris must list at most {policy.MaxRedirectUris} URIs.");
        }

        return uris.Select(uri => RedirectUris.Check(TextOf(uri), policy.AllowedRedirectUriSchemes))
            .FirstOrDefault(problem => problem is not null) is { } why ? RegistrationErrors.InvalidRedirectUri(why) : null;
    }

    // Half a surrogate pair, or a byte that is no UTF-8, is a string to JsonElement until it is read.
    public static string? TextOf(JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static OAuthError? CheckGrantTypes(ClientMetadata metadata)
    {
        if (metadata.GrantTypes is not { } grants)
        {
            return null;
        }

        if (grants.Any(grant => !SupportedGrantTypes.Contains(grant) && !IgnoredGrantTypes.Contains(grant)))
        {
            return RegistrationErrors.InvalidClientMetadata($"grant_types may hold {string.Join(", ", SupportedGrantTypes)}.");
        }

        if (!grants.Any(SupportedGrantTypes.Contains) && grants.Count > 0)
        {
            return RegistrationErrors.InvalidClientMetadata($"grant_types holds none that is served: {string.Join(", ", SupportedGrantTypes)}.");
        }

        return null;
    }

    private static OAuthError? CheckClientCredentials(ClientMetadata metadata, bool allowed)
    {
        if (metadata.GrantTypes?.Contains(GrantTypes.ClientCredentials) != true)
        {
            return null;
        }

        if (!allowed)
        {
            return RegistrationErrors.InvalidClientMetadata("client_credentials is for clients that the operator of this server registers.");
        }

        return metadata.TokenEndpointAuthMethod == ClientAuthenticationMethods.None
            ? RegistrationErrors.InvalidClientMetadata("client_credentials needs a client that authenticates (RFC 6749 §4.4).")
            : null;
    }

    private static OAuthError? CheckResponseTypes(ClientMetadata metadata) =>
        metadata.ResponseTypes is { Count: > 0 } types && UsesAuthorizationCode(metadata) && !types.Contains(ResponseTypes.Code)
            ? RegistrationErrors.InvalidClientMetadata("response_types must hold code.")
            : null;

    private static OAuthError? CheckAuthMethod(ClientMetadata metadata) =>
        metadata.TokenEndpointAuthMethod is { } method && !SupportedAuthMethods.Contains(method)
            ? RegistrationErrors.InvalidClientMetadata($"token_endpoint_auth_method may be {string.Join(", ", SupportedAuthMethods)}.")
            : null;

    private static OAuthError? CheckApplicationType(ClientMetadata metadata) =>
        metadata.ApplicationType is null or ApplicationTypes.Native or ApplicationTypes.Web
            ? null
            : RegistrationErrors.InvalidClientMetadata("application_type may be native or web.");

    private static OAuthError? CheckTexts(ClientMetadata metadata)
    {
        const int maxName = 200;
        const int maxText = 2048;
        if (metadata.ClientName is { } name && (name.Length > maxName || name.Any(char.IsControl)))
        {
            return RegistrationErrors.InvalidClientMetadata($"client_name must be at most {maxName} characters, without control characters.");
        }

        if (metadata.ClientName is { Length: > 0 } shown && ClientNames.Clean(shown) is null)
        {
            return RegistrationErrors.InvalidClientMetadata("client_name must have a letter or a digit that can be seen; leave it out to have none.");
        }

        return new[] { metadata.Scope, metadata.SoftwareId, metadata.SoftwareVersion }.Concat(metadata.Contacts ?? [])
            .Any(text => text?.Length > maxText || text?.Any(char.IsControl) == true)
            ? RegistrationErrors.InvalidClientMetadata($"A value is longer than {maxText} characters or holds control characters.")
            : null;
    }

    // Shown to people one day, never fetched: a link must at least be a web address.
    private static OAuthError? CheckUris(ClientMetadata metadata)
    {
        foreach (var (member, value) in new[]
        {
            ("client_uri", metadata.ClientUri), ("logo_uri", metadata.LogoUri), ("tos_uri", metadata.TosUri), ("policy_uri", metadata.PolicyUri),
        })
        {
            if (!string.IsNullOrEmpty(value) && !(value.Length <= RedirectUris.MaxLength && Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.Scheme is ("http" or "https")))
            {
                return RegistrationErrors.InvalidClientMetadata($"{member} must be an http or https URL.");
            }
        }

        return null;
    }

    /// <summary>RFC 7591 §2: authorization_code is what an absent or empty grant_types means.</summary>
    public static bool UsesAuthorizationCode(ClientMetadata metadata) =>
        metadata.GrantTypes is not { Count: > 0 } grants || grants.Contains(GrantTypes.AuthorizationCode);
}
