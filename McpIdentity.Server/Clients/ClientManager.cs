using System.ComponentModel.DataAnnotations;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Server.Clients.Assertions;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Core;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>OpenIddict's client manager, with our comparison of redirect URIs and a check of secrets that fits how they were made.</summary>
internal sealed class ClientManager(
    IOpenIddictApplicationCache<OpenIddictEntityFrameworkCoreApplication> cache,
    ILogger<OpenIddictApplicationManager<OpenIddictEntityFrameworkCoreApplication>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store,
    ProvenSecrets proven,
    TimeProvider time)
    : OpenIddictApplicationManager<OpenIddictEntityFrameworkCoreApplication>(cache, logger, options, store)
{
    private const string GeneratedPrefix = "mcps_";
    private const int GeneratedLength = 48;
    private const string FastHashPrefix = "sha256:";

    /// <summary>256 random bits, recognisable for secret scanners.</summary>
    public static string GenerateSecret() => SecretOf(RandomNumberGenerator.GetBytes(32));

    /// <param name="bytes">32 that nobody else knows or can find.</param>
    public static string SecretOf(byte[] bytes) => GeneratedPrefix + Base64UrlEncoder.Encode(bytes);

    // 256 random bits cannot be guessed however fast the hash: PBKDF2 would cost 2.7 ms of every token request and gain
    // nothing. A secret that a person chose keeps it.
    protected override ValueTask<string> ObfuscateClientSecretAsync(string secret, CancellationToken cancellationToken = default) =>
        secret.StartsWith(GeneratedPrefix, StringComparison.Ordinal) && secret.Length == GeneratedLength
            ? new(FastHashPrefix + FastHash(secret))
            : base.ObfuscateClientSecretAsync(secret, cancellationToken);

    protected override ValueTask<bool> ValidateClientSecretAsync(string secret, string comparand, CancellationToken cancellationToken = default) =>
        comparand.StartsWith(FastHashPrefix, StringComparison.Ordinal)
            ? new(CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(FastHash(secret)), Encoding.ASCII.GetBytes(comparand[FastHashPrefix.Length..])))
            : proven.CheckAsync(secret, comparand, () => base.ValidateClientSecretAsync(secret, comparand, cancellationToken));

    /// <remarks>Also the secret of before, while it is good (<see cref="PreviousSecret"/>).</remarks>
    public override async ValueTask<bool> ValidateClientSecretAsync(
        OpenIddictEntityFrameworkCoreApplication application, string secret, CancellationToken cancellationToken = default) =>
        await base.ValidateClientSecretAsync(application, secret, cancellationToken) ||
        (application.Properties?.Contains("previous_secret", StringComparison.Ordinal) == true &&
            PreviousSecret.Of(await GetPropertiesAsync(application, cancellationToken)) is { } previous && previous.Until > time.GetUtcNow() &&
            await ValidateClientSecretAsync(secret, previous.Hash, cancellationToken));

    /// <summary>
    /// What is stored of a client that our own rules have passed (<see cref="ClientMetadataRules"/>), with a hash of its secret. OpenIddict's checks would find
    /// nothing more, and read the client; that there is none of this identifier yet is said by the index.
    /// </summary>
    public async ValueTask<OpenIddictEntityFrameworkCoreApplication> MakeAsync(ClientDescriptor descriptor, string? secret, CancellationToken cancellationToken)
    {
        var client = new OpenIddictEntityFrameworkCoreApplication();
        await PopulateAsync(client, descriptor, cancellationToken);
        client.ClientSecret = secret is null ? null : await ObfuscateClientSecretAsync(secret, cancellationToken);
        return client;
    }

    public override async ValueTask PopulateAsync(
        OpenIddictEntityFrameworkCoreApplication application, OpenIddictApplicationDescriptor descriptor, CancellationToken cancellationToken = default)
    {
        var keySet = application.JsonWebKeySet;
        await base.PopulateAsync(application, descriptor, cancellationToken);
        if (descriptor is ClientDescriptor client)
        {
            await Store.SetRedirectUrisAsync(application, [.. client.WrittenRedirectUris], cancellationToken);
            // What was read at its jwks_uri stays (and says where it was read).
            application.JsonWebKeySet = client.WrittenKeySet ?? (ClientKeys.UriOf(client.Properties) is null ? null : keySet);
        }
    }

    public override async ValueTask PopulateAsync(
        OpenIddictApplicationDescriptor descriptor, OpenIddictEntityFrameworkCoreApplication application, CancellationToken cancellationToken = default)
    {
        await base.PopulateAsync(descriptor, application, cancellationToken);
        if (descriptor is ClientDescriptor client)
        {
            client.WrittenRedirectUris = await Store.GetRedirectUrisAsync(application, cancellationToken);
            client.WrittenKeySet = application.JsonWebKeySet;
        }
    }

    // Keys at a jwks_uri are read when they are first needed; OpenIddict stores no confidential client without keys or a secret.
    public override async IAsyncEnumerable<ValidationResult> ValidateAsync(
        OpenIddictEntityFrameworkCoreApplication application, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var awaitsKeys = ClientKeys.UriOf(await GetPropertiesAsync(application, cancellationToken)) is not null;
        await foreach (var problem in base.ValidateAsync(application, cancellationToken))
        {
            if (!awaitsKeys || problem.ErrorMessage != OpenIddictResources.GetResourceString(OpenIddictResources.ID2113))
            {
                yield return problem;
            }
        }
    }

    public override async ValueTask<bool> ValidateRedirectUriAsync(
        OpenIddictEntityFrameworkCoreApplication application, string uri, CancellationToken cancellationToken = default)
    {
        foreach (var registered in await GetRedirectUrisAsync(application, cancellationToken))
        {
            if (RedirectUris.Matches(registered, uri))
            {
                return true;
            }
        }

        return false;
    }

    private static string FastHash(string secret) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
