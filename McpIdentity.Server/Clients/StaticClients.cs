using System.Collections.Immutable;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Clients;

/// <summary>
/// The clients of the configuration: <c>OAuth:StaticClients</c>, and the one of <c>MCP_CLIENT_ID</c>. At each start
/// the database is made to say what the configuration says; nothing is registered that nobody configured (B-01).
/// </summary>
internal sealed partial class StaticClients(
    IOpenIddictApplicationManager clients,
    IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store,
    McpIdentityDbContext db,
    IOptions<OAuthServerOptions> options,
    ProtectedResources resources,
    Revocations revocations,
    TimeProvider time,
    ILogger<StaticClients> logger)
{
    // True while it is configured, false once it is not any more. A client that registered itself has no such property.
    public const string ConfiguredProperty = "configured";
    public const string PreApprovedProperty = "pre_approved";
    private const int Attempts = 5;
    private const string SelectConfigured =
        """SELECT "ClientId" FROM "OpenIddictApplications" WHERE "Properties" LIKE $1 OR ("Properties" LIKE $2 AND "DisabledAt" IS NULL) LIMIT 1""";

    /// <summary>Whether a client is, or was, one of the settings.</summary>
    /// <param name="properties">OpenIddict's properties of the client.</param>
    public static bool IsConfigured(ImmutableDictionary<string, JsonElement> properties) => properties.ContainsKey(ConfiguredProperty);

    /// <summary>Whether the operator has answered the consent page for everybody.</summary>
    /// <inheritdoc cref="IsConfigured"/>
    public static bool IsPreApproved(ImmutableDictionary<string, JsonElement> properties) => properties.ContainsKey(PreApprovedProperty);

    /// <summary>Whether the settings name a client, or did when a server started last.</summary>
    public static async Task<bool> AreAnyAsync(PreparedSql sql, OAuthServerOptions options, CancellationToken cancellationToken) =>
        ConfiguredClients.ListFrom(options).Count > 0 ||
        await sql.ReadAsync(SelectConfigured, [$"%\"{ConfiguredProperty}\":true%", $"%\"{ConfiguredProperty}\":%"], row => row.GetString(0), cancellationToken) is not null;

    /// <summary>Makes the database say what the configuration says.</summary>
    /// <exception cref="InvalidOperationException">A client id belongs to a client that registered itself.</exception>
    public async Task ApplyAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ApplyOnceAsync(cancellationToken);
                return;
            }
            catch (Exception exception) when (attempt < Attempts && exception is DbUpdateException or OpenIddictExceptions.ConcurrencyException or OpenIddictExceptions.ValidationException)
            {
                // Another node is starting with the same configuration, and was faster.
                db.ChangeTracker.Clear();
            }
        }
    }

    private async Task ApplyOnceAsync(CancellationToken cancellationToken)
    {
        var configured = ConfiguredClients.ListFrom(options.Value);
        foreach (var (setting, client) in configured)
        {
            if (client.PreApproved && ConfiguredClients.IsPublic(client) && client.RedirectUris.Any(RedirectUris.LeadsToAnyProgram))
            {
                AnyProgramIsApproved(setting, client.ClientId!);
            }

            await UpsertAsync(setting, client, cancellationToken);
        }

        var ids = configured.Select(client => client.Options.ClientId!).ToHashSet(StringComparer.Ordinal);
        var known = await db.Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking()
            .Where(client => client.Properties!.Contains($"\"{ConfiguredProperty}\":true") ||
                (client.Properties!.Contains($"\"{ConfiguredProperty}\":") && EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt) == null)).Select(client => client.ClientId!).ToListAsync(cancellationToken);
        foreach (var clientId in known.Where(id => !ids.Contains(id)))
        {
            await DisableAsync(clientId, cancellationToken);
        }
    }

    private async Task UpsertAsync(string setting, StaticClientOptions client, CancellationToken cancellationToken)
    {
        var descriptor = Describe(client);
        // By the store: the manager hands out remembered copies, which cannot be written.
        if (await store.FindByClientIdAsync(client.ClientId!, cancellationToken) is not { } stored)
        {
            await clients.CreateAsync(descriptor, cancellationToken);
            ClientConfigured(client.ClientId!);
            return;
        }

        var current = new ClientDescriptor();
        await clients.PopulateAsync(current, stored, cancellationToken);
        if (!current.Properties.ContainsKey(ConfiguredProperty))
        {
            throw new InvalidOperationException(OperatorClients.Of(current.Properties) is { } made
                ? $"{setting}: the client id '{client.ClientId}' belongs to a client that {made.By} made while the server ran. Delete that one (clients delete {client.ClientId}), which ends what it holds, or choose another."
                : $"{setting}: the client id '{client.ClientId}' belongs to a client that registered itself. Choose another.");
        }

        // The stored secret is a hash: the same secret keeps the same one.
        var isSameSecret = current.ClientType == descriptor.ClientType && (current.ClientSecret is null) == (descriptor.ClientSecret is null) &&
            (descriptor.ClientSecret is null || await clients.ValidateClientSecretAsync(stored, descriptor.ClientSecret, cancellationToken));
        if (isSameSecret)
        {
            descriptor.ClientSecret = current.ClientSecret;
        }

        if (!isSameSecret || !IsSame(current, descriptor))
        {
            // Configured again. One that is configured all along and that an operator disabled stays disabled.
            if (!current.Properties[ConfiguredProperty].GetBoolean())
            {
                await db.SetClientDisabledAsync(client.ClientId!, at: null, cancellationToken);
            }

            await clients.UpdateAsync(stored, descriptor, cancellationToken);
            ClientConfigured(client.ClientId!);
        }
    }

    private ClientDescriptor Describe(StaticClientOptions client)
    {
        var grants = ConfiguredClients.GrantTypesOf(client);
        var descriptor = ClientRegistrar.ToDescriptor(new ClientInformation
        {
            ClientId = client.ClientId!,
            ClientIdIssuedAt = 0,
            ClientSecret = string.IsNullOrEmpty(client.ClientSecret) ? null : client.ClientSecret,
            ClientName = client.Name ?? client.ClientId,
            RedirectUris = [.. client.RedirectUris],
            TokenEndpointAuthMethod = ConfiguredClients.IsPublic(client) ? ClientAuthenticationMethods.None
                : ConfiguredKeys.HasKeys(client) ? ClientAuthenticationMethods.PrivateKeyJwt
                : ClientAuthenticationMethods.ClientSecretBasic,
            Jwks = ConfiguredKeys.Read(client.Jwks) is { } keys ? JsonElement.Parse(ClientKeySets.Write(keys)) : null,
            JwksUri = string.IsNullOrEmpty(client.JwksUri) ? null : client.JwksUri,
            GrantTypes = grants,
            ResponseTypes = grants.Contains(GrantTypes.AuthorizationCode) ? [ResponseTypes.Code] : null,
            ApplicationType = client.RedirectUris.Any(ClientRegistrar.IsNative) ? ApplicationTypes.Native : ApplicationTypes.Web,
            Scope = "",
        });
        // What IntrospectForResourceServers looks for.
        descriptor.Permissions.UnionWith(client.Resources.Select(resource => Permissions.Prefixes.Resource + resources.Find(resource)!.Identifier));
        descriptor.Properties[ConfiguredProperty] = JsonSerializer.SerializeToElement(true);
        if (client.PreApproved)
        {
            descriptor.Properties[PreApprovedProperty] = JsonSerializer.SerializeToElement(true);
        }

        return descriptor;
    }

    private static bool IsSame(ClientDescriptor left, ClientDescriptor right) =>
        left.DisplayName == right.DisplayName && left.ApplicationType == right.ApplicationType &&
        left.WrittenRedirectUris.ToHashSet().SetEquals(right.WrittenRedirectUris) && left.Permissions.SetEquals(right.Permissions) &&
        left.Properties.ContainsKey(PreApprovedProperty) == right.Properties.ContainsKey(PreApprovedProperty) &&
        ClientKeys.UriOf(left.Properties) == ClientKeys.UriOf(right.Properties) &&
        (ClientKeys.UriOf(right.Properties) is not null || left.WrittenKeySet == right.WrittenKeySet) &&
        left.Properties[ConfiguredProperty].GetBoolean();

    // As an operator's "clients disable" does; the property last, so that a start that was cut off is made up for by the next.
    private async Task DisableAsync(string clientId, CancellationToken cancellationToken)
    {
        await db.SetClientDisabledAsync(clientId, time.GetUtcNow(), cancellationToken);
        await revocations.RevokeClientAsync(clientId);
        var stored = await store.FindByClientIdAsync(clientId, cancellationToken) ?? throw new InvalidOperationException("A client was deleted meanwhile.");
        var descriptor = new ClientDescriptor();
        await clients.PopulateAsync(descriptor, stored, cancellationToken);
        descriptor.Properties[ConfiguredProperty] = JsonSerializer.SerializeToElement(false);
        await clients.UpdateAsync(stored, descriptor, cancellationToken);
        ClientDisabled(clientId);
    }

    [LoggerMessage(1002, LogLevel.Information, "Client {ClientId} is registered by configuration.")]
    private partial void ClientConfigured(string clientId);

    [LoggerMessage(1004, LogLevel.Warning, "{Setting}:PreApproved: any program on a signed-in person's computer can get tokens as client {ClientId}, and nobody is asked.")]
    private partial void AnyProgramIsApproved(string setting, string clientId);

    [LoggerMessage(1003, LogLevel.Warning, "Client {ClientId} is configured no more: it is disabled, and its grants are revoked.")]
    private partial void ClientDisabled(string clientId);
}
