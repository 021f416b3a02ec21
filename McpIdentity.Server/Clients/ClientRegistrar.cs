using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Protocol;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>Turns checked metadata into a stored client.</summary>
internal sealed partial class ClientRegistrar(
    IOpenIddictApplicationManager clients, ProtectedResources resources, McpIdentityDbContext db, TimeProvider time, ILogger<ClientRegistrar> logger)
{
    /// <param name="metadata">Metadata that passed <see cref="ClientMetadataRules"/>.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The answer of RFC 7591 §3.2.1; the secret in it is never stored in the clear.</returns>
    public async Task<ClientInformation> RegisterAsync(ClientMetadata metadata, CancellationToken cancellationToken)
    {
        var client = Describe(metadata);
        await StoreAsync(client, ToDescriptor(client), cancellationToken);
        ClientRegistered(client.ClientId, client.TokenEndpointAuthMethod == ClientAuthenticationMethods.None);
        return client;
    }

    /// <summary>Stores a client that nobody has configured: it goes again when it is not used.</summary>
    public async Task StoreAsync(ClientInformation client, ClientDescriptor descriptor, CancellationToken cancellationToken)
    {
        var stored = new OpenIddictEntityFrameworkCoreApplication();
        db.Add(stored).Property<DateTimeOffset?>(ClientColumns.RegisteredAt).CurrentValue = time.GetUtcNow();
        await clients.PopulateAsync(stored, descriptor, cancellationToken);
        stored.ClientSecret = null;
        await clients.CreateAsync(stored, client.ClientSecret, cancellationToken);
    }

    /// <summary>What is registered of metadata that passed <see cref="ClientMetadataRules"/>, under an id that we choose.</summary>
    public ClientInformation Describe(ClientMetadata metadata)
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
            // 142 random bits (RFC 7591 §3.2.1). Letters and digits only: a leading dash would be an option on a command line.
            ClientId = RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 24),
            ClientIdIssuedAt = time.GetUtcNow().ToUnixTimeSeconds(),
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
        descriptor.Properties["registration"] = JsonSerializer.SerializeToElement(new ClientInformation
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

    public static bool IsNative(string redirectUri)
    {
        var uri = new Uri(redirectUri, UriKind.Absolute);
        return uri.Scheme is not ("http" or "https") || Loopback.Is(uri);
    }

    // RFC 7591 §2: authorization_code. A public client is a person's own program, which would have them sign in every hour: it
    // may refresh as well, as §3.2.1 allows (docs/interoperability.md, "Refresh tokens without offline_access").
    private static List<string> DefaultGrantTypes(string authenticationMethod) => authenticationMethod == ClientAuthenticationMethods.None
        ? [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken]
        : [GrantTypes.AuthorizationCode];

    [LoggerMessage(1001, LogLevel.Information, "Client {ClientId} was registered; public: {IsPublic}.")]
    private partial void ClientRegistered(string clientId, bool isPublic);
}
