using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Protocol;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>Turns checked metadata into a stored client.</summary>
internal sealed partial class ClientRegistrar(
    ClientRows rows, SignedClientIds signed, KnownClients known, ProtectedResources resources, PublicAddress address, TimeProvider time, ILogger<ClientRegistrar> logger)
{
    private const string RegistrationProperty = "registration";

    /// <param name="metadata">Metadata that passed <see cref="ClientMetadataRules"/>.</param>
    /// <param name="token">The initial access token of the request, if there was one.</param>
    /// <param name="statement">Its software statement, if there was one.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The answer of RFC 7591 §3.2.1, whose secrets are never stored in the clear; null when the token has no use left.</returns>
    public async Task<ClientInformation?> RegisterAsync(
        ClientMetadata metadata, InitialAccessTokens.Presented? token, SoftwareStatement? statement, CancellationToken cancellationToken)
    {
        known.GiveSecret(metadata);
        // 142 random bits (RFC 7591 §3.2.1). Letters and digits only: a leading dash would be an option on a command line.
        var clientId = RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 24);
        var client = Describe(metadata, clientId, time.GetUtcNow().ToUnixTimeSeconds());
        if (signed.Make(client, token?.Name, statement) is var (signedId, secret))
        {
            (client.ClientId, client.ClientSecret) = (signedId, secret);
        }

        var descriptor = ToDescriptor(client);
        statement?.Store(descriptor.Properties);
        client.Statement = statement;
        (client.RegistrationClientUri, client.RegistrationAccessToken) = (AddressOf(client.ClientId), RegistrationAccessToken.Generate());
        RegistrationAccessToken.Store(descriptor.Properties, client.RegistrationAccessToken);
        if (await rows.AddAsync(descriptor, client.ClientSecret, token, cancellationToken) is not { } waits)
        {
            return null;
        }

        var isPublic = client.TokenEndpointAuthMethod == ClientAuthenticationMethods.None;
        if (statement is null)
        {
            ClientRegistered(client.ClientId, isPublic);
        }
        else
        {
            ClientRegisteredByStatement(client.ClientId, statement.Issuer, isPublic);
        }

        if (waits)
        {
            ClientWaits(client.ClientId);
        }

        return client;
    }

    /// <summary>Registers a client again as its identifier says. What it may have registered besides is lost, and so is the token for its registration.</summary>
    public async Task RestoreAsync(string clientId, SignedClientIds.Registration registration, SoftwareStatement? statement, string? secret, CancellationToken cancellationToken)
    {
        var client = Describe(registration.ToMetadata(), clientId, registration.IssuedAt);
        client.ClientSecret = secret;
        var descriptor = ToDescriptor(client);
        statement?.Store(descriptor.Properties);
        await rows.AddAsync(descriptor, secret, registration.Token is { } name ? new InitialAccessTokens.Presented(name, Id: null) : null, cancellationToken);
    }

    /// <summary>Where a client reads, changes and deletes its registration (RFC 7592 §3).</summary>
    public string AddressOf(string clientId) => address.UrlOf($"{Paths.Register}/{clientId}");

    /// <summary>What we make of its metadata; where it is to have a secret, with a new one.</summary>
    /// <param name="metadata">Metadata that passed <see cref="ClientMetadataRules"/>.</param>
    /// <param name="clientId">Its identifier.</param>
    /// <param name="issuedAt">Since when, in seconds since 1970.</param>
    public ClientInformation Describe(ClientMetadata metadata, string clientId, long issuedAt)
    {
        var method = metadata.TokenEndpointAuthMethod ?? ClientAuthenticationMethods.ClientSecretBasic;
        var grants = metadata.GrantTypes is { Count: > 0 } asked
            ? asked.Where(ClientMetadataRules.SupportedGrantTypes.Contains).Distinct().ToList()
            : DefaultGrantTypes(method);
        var usesCode = grants.Contains(GrantTypes.AuthorizationCode);
        var hasSecret = method is ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;
        var redirectUris = metadata.RedirectUris?.Select(uri => uri.GetString()!).Distinct().ToList();
        return new ClientInformation
        {
            ClientId = clientId,
            ClientIdIssuedAt = issuedAt,
            ClientSecret = hasSecret ? ClientManager.GenerateSecret() : null,
            ClientSecretExpiresAt = hasSecret ? 0 : null,
            RedirectUris = redirectUris is { Count: > 0 } ? redirectUris : null,
            TokenEndpointAuthMethod = method,
            GrantTypes = grants,
            ResponseTypes = usesCode ? [ResponseTypes.Code] : null,
            // Clients mistake it (docs/interoperability.md, "Private schemes"): a private scheme or a loopback address makes a native client.
            ApplicationType = redirectUris?.Any(IsNative) == true ? ApplicationTypes.Native : metadata.ApplicationType ?? ApplicationTypes.Web,
            Scope = string.Join(' ', resources.KnownOf((metadata.Scope ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))),
            // RFC 7591 §3.2.1: we may replace a value, and say which was registered.
            ClientName = ClientNames.Clean(metadata.ClientName),
            ClientUri = metadata.ClientUri,
            LogoUri = metadata.LogoUri,
            Contacts = metadata.Contacts is { Count: > 0 } ? metadata.Contacts : null,
            TosUri = metadata.TosUri,
            PolicyUri = metadata.PolicyUri,
            SoftwareId = metadata.SoftwareId,
            SoftwareVersion = metadata.SoftwareVersion,
            // Of a client with a secret its keys are dropped: nothing here is encrypted to it, and a second way to authenticate that
            // nobody chose would only be one more way in. One with no method may present an assertion, which then has to be right.
            Jwks = !hasSecret && RegisteredKeys.KeysOf(metadata) is { } keys ? JsonElement.Parse(ClientKeySets.Write(keys)) : null,
            JwksUri = hasSecret ? null : metadata.JwksUri,
        };
    }

    /// <summary>What is stored of a client; of its secret, a hash.</summary>
    public static ClientDescriptor ToDescriptor(ClientInformation client)
    {
        var descriptor = new ClientDescriptor
        {
            ClientId = client.ClientId,
            ClientSecret = client.ClientSecret,
            ClientType = client.TokenEndpointAuthMethod == ClientAuthenticationMethods.None ? ClientTypes.Public : ClientTypes.Confidential,
            ApplicationType = client.ApplicationType,
            ConsentType = ConsentTypes.Explicit,
            DisplayName = client.ClientName,
        };
        descriptor.Permissions.UnionWith([Permissions.Endpoints.Token, Permissions.Endpoints.Revocation]);
        if (descriptor.ClientType == ClientTypes.Confidential)
        {
            descriptor.Permissions.Add(Permissions.Endpoints.Introspection);
        }

        if (client.ResponseTypes is not null)
        {
            descriptor.Permissions.UnionWith([Permissions.Endpoints.Authorization, Permissions.ResponseTypes.Code]);
        }

        descriptor.Permissions.UnionWith(client.GrantTypes.Select(grant => Permissions.Prefixes.GrantType + grant));
        descriptor.WrittenRedirectUris = client.RedirectUris ?? [];
        descriptor.WrittenKeySet = client.Jwks?.GetRawText();
        ClientKeys.SetUri(descriptor.Properties, client.JwksUri);
        // What a person or an operator may want to see of it later.
        descriptor.Properties[RegistrationProperty] = JsonSerializer.SerializeToElement(new ClientInformation
        {
            ClientId = client.ClientId,
            ClientIdIssuedAt = client.ClientIdIssuedAt,
            TokenEndpointAuthMethod = client.TokenEndpointAuthMethod,
            GrantTypes = client.GrantTypes,
            ApplicationType = client.ApplicationType,
            Scope = client.Scope,
            ClientUri = client.ClientUri,
            LogoUri = client.LogoUri,
            Contacts = client.Contacts,
            TosUri = client.TosUri,
            PolicyUri = client.PolicyUri,
            SoftwareId = client.SoftwareId,
            SoftwareVersion = client.SoftwareVersion,
        }, ClientsJson.Default.ClientInformation);
        return descriptor;
    }

    /// <summary>What was registered, as far as it is kept: without secrets.</summary>
    public static ClientInformation RegistrationOf(ClientDescriptor descriptor)
    {
        var client = descriptor.Properties[RegistrationProperty].Deserialize(ClientsJson.Default.ClientInformation)!;
        client.RedirectUris = descriptor.WrittenRedirectUris is { Count: > 0 } uris ? uris : null;
        client.ResponseTypes = descriptor.Permissions.Contains(Permissions.ResponseTypes.Code) ? [ResponseTypes.Code] : null;
        client.ClientName = descriptor.DisplayName;
        // Of keys at an address, what was read there is ours to keep and not theirs to see.
        client.JwksUri = ClientKeys.UriOf(descriptor.Properties);
        client.Jwks = client.JwksUri is null && descriptor.WrittenKeySet is { } keys ? JsonElement.Parse(keys) : null;
        client.Statement = SoftwareStatement.Of(descriptor.Properties);
        return client;
    }

    public static bool IsNative(string redirectUri)
    {
        var uri = new Uri(redirectUri, UriKind.Absolute);
        return uri.Scheme is not ("http" or "https") || Loopback.Is(uri);
    }

    // RFC 7591 §2: authorization_code. A public client is a person's own program, which would have them sign in every hour: it
    // may refresh as well, as §3.2.1 allows (docs/interoperability.md, "Refresh tokens without offline_access").
    public static List<string> DefaultGrantTypes(string authenticationMethod) => authenticationMethod == ClientAuthenticationMethods.None
        ? [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken]
        : [GrantTypes.AuthorizationCode];

    [LoggerMessage(1001, LogLevel.Information, "Client {ClientId} was registered; public: {IsPublic}.")]
    private partial void ClientRegistered(string clientId, bool isPublic);

    [LoggerMessage(1009, LogLevel.Information, "Client {ClientId} was registered by a software statement of {Issuer}; public: {IsPublic}.")]
    private partial void ClientRegisteredByStatement(string clientId, string issuer, bool isPublic);

    [LoggerMessage(1007, LogLevel.Information, "Client {ClientId} waits for approval: the verb 'clients approve' lets it in.")]
    private partial void ClientWaits(string clientId);
}
