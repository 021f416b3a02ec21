using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Clients;

/// <summary>
/// What a client that registered itself may do with its registration (RFC 7592). Rows are read and written with OpenIddict's
/// concurrency token: of two changes at one moment the second is refused.
/// </summary>
internal sealed partial class ClientConfiguration(
    IOpenIddictApplicationManager clients, IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store, ClientRegistrar registrar,
    KnownClients known, ClientRows rows, McpIdentityDbContext db, Revocations revocations, IOptions<OAuthServerOptions> options,
    TimeProvider time, ILogger<ClientConfiguration> logger)
{
    /// <returns>The client; null when there is none, or the token is not its own.</returns>
    public async Task<OpenIddictEntityFrameworkCoreApplication?> FindAsync(string clientId, string token, CancellationToken cancellationToken) =>
        // By the store: the manager hands out remembered copies, which cannot be written.
        await store.FindByClientIdAsync(clientId, cancellationToken) is { } client &&
        RegistrationAccessToken.IsGood(await store.GetPropertiesAsync(client, cancellationToken), token)
            ? client
            : null;

    public Task<bool> IsDisabledAsync(OpenIddictEntityFrameworkCoreApplication client, CancellationToken cancellationToken) =>
        db.Clients.AnyAsync(stored => stored.Id == client.Id && EF.Property<DateTimeOffset?>(stored, ClientColumns.DisabledAt) != null, cancellationToken);

    public Task<bool> IsWaitingAsync(OpenIddictEntityFrameworkCoreApplication client, CancellationToken cancellationToken) =>
        db.Clients.AnyAsync(stored => stored.Id == client.Id && EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince) != null, cancellationToken);

    public async Task<bool> IsSecretAsync(OpenIddictEntityFrameworkCoreApplication client, string secret, CancellationToken cancellationToken) =>
        client.ClientSecret is not null && await clients.ValidateClientSecretAsync(client, secret, cancellationToken);

    /// <summary>RFC 7592 §2.1. Of the secret there is only a hash, so it is left out; so is the token, which the client has.</summary>
    public async Task<ClientInformation> ReadAsync(OpenIddictEntityFrameworkCoreApplication client, string token, CancellationToken cancellationToken)
    {
        if (RegistrationAccessToken.IsFirstUse(await store.GetPropertiesAsync(client, cancellationToken), token))
        {
            await ForgetEarlierTokenAsync(client, token, cancellationToken);
        }

        var descriptor = new ClientDescriptor();
        await clients.PopulateAsync(descriptor, client, cancellationToken);
        var information = ClientRegistrar.RegistrationOf(descriptor);
        information.RegistrationClientUri = registrar.AddressOf(client.ClientId!);
        return information;
    }

    /// <summary>RFC 7592 §2.2: what the update leaves out is removed.</summary>
    /// <param name="client">The client, as <see cref="FindAsync"/> found it.</param>
    /// <param name="update">Metadata that passed <see cref="ClientMetadataRules"/>.</param>
    /// <param name="statement">Its software statement, if there is one.</param>
    /// <param name="token">The token of the request, which stays good until the new one is first used.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>The registration as it is now, with a new token, and with a secret where the client had none and has one now.</returns>
    /// <exception cref="OpenIddictExceptions.ConcurrencyException">The registration has changed since it was read.</exception>
    public async Task<ClientInformation> ReplaceAsync(
        OpenIddictEntityFrameworkCoreApplication client, ClientUpdate update, SoftwareStatement? statement, string token, CancellationToken cancellationToken)
    {
        var current = new ClientDescriptor();
        await clients.PopulateAsync(current, client, cancellationToken);
        known.GiveSecret(update);
        var information = registrar.Describe(update, client.ClientId!, ClientRegistrar.RegistrationOf(current).ClientIdIssuedAt);
        var descriptor = ClientRegistrar.ToDescriptor(information);
        if (descriptor.ClientSecret is not null && current.ClientSecret is { } hash)
        {
            // It has one, of which we know the hash.
            descriptor.ClientSecret = hash;
            (information.ClientSecret, information.ClientSecretExpiresAt) = (null, null);
        }

        // Of what was kept before nothing stays but who vouched for it: a jwks_uri that is left out is gone.
        var vouched = InitialAccessTokens.NameIn(client.Properties);
        if (vouched is not null)
        {
            InitialAccessTokens.Store(descriptor.Properties, vouched);
        }

        statement?.Store(descriptor.Properties);
        information.Statement = statement;
        information.RegistrationClientUri = registrar.AddressOf(client.ClientId!);
        information.RegistrationAccessToken = RegistrationAccessToken.Generate();
        RegistrationAccessToken.Store(descriptor.Properties, information.RegistrationAccessToken, token);
        // What an operator approved is what they saw.
        var waits = options.Value.Registration.PolicyInForce() == RegistrationPolicy.Approval && vouched is null && statement is not { Vouches: true } &&
            ClientApproval.IsNeededFor(information, ClientRegistrar.RegistrationOf(current));
        await rows.ReplaceAsync(client, descriptor, waits, cancellationToken);
        ClientReplaced(client.ClientId!);
        return information;
    }

    /// <summary>RFC 7592 §2.3: with the registration ends all that was granted to it, on every node.</summary>
    public async Task DeleteAsync(OpenIddictEntityFrameworkCoreApplication client)
    {
        // What is cut off can be tried again: the client, and with it its token, goes when all has ended that it held. Once more
        // for what it was given in between.
        await revocations.RevokeClientAsync(client.ClientId!);
        await db.DeleteClientAsync(client.ClientId!, time.GetUtcNow());
        await revocations.RevokeClientAsync(client.ClientId!);
        ClientDeleted(client.ClientId!);
    }

    private async Task ForgetEarlierTokenAsync(OpenIddictEntityFrameworkCoreApplication client, string token, CancellationToken cancellationToken)
    {
        var descriptor = new ClientDescriptor();
        await clients.PopulateAsync(descriptor, client, cancellationToken);
        RegistrationAccessToken.Store(descriptor.Properties, token);
        try
        {
            await clients.UpdateAsync(client, descriptor, cancellationToken);
        }
        catch (OpenIddictExceptions.ConcurrencyException)
        {
            // Another request with the new token has done it.
        }
    }

    [LoggerMessage(1005, LogLevel.Information, "Client {ClientId} has replaced its registration.")]
    private partial void ClientReplaced(string clientId);

    [LoggerMessage(1006, LogLevel.Information, "Client {ClientId} has deleted itself.")]
    private partial void ClientDeleted(string clientId);
}
