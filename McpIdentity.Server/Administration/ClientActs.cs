using System.Security.Cryptography;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Server.Administration;

/// <summary>What operators do with clients. Those of the settings are only read, disabled and enabled here: the settings say the rest.</summary>
internal sealed class ClientActs(
    McpIdentityDbContext db, ClientDirectory directory, IOpenIddictApplicationManager clients, IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication> store, ClientRows rows, ClientCache.Entries remembered,
    Revocations revocations, ProtectedResources resources, OperatorRecord record, IOptions<OAuthServerOptions> options, TimeProvider time)
{
    private const int MaxListed = 200;
    private const int Attempts = 5;

    public static readonly TimeSpan UsualOverlap = TimeSpan.FromHours(24);

    /// <summary>Makes a client.</summary>
    public async Task<Outcome<ClientWithSecret>> CreateAsync(Operator by, NewClient asked, CancellationToken cancellationToken)
    {
        var presets = ClientPreset.ListFrom(options.Value, out _);
        var preset = presets.FirstOrDefault(known => known.Id is not null && known.Id == asked.Preset);
        string[] redirectUris = [.. (asked.RedirectUris ?? []).Concat(preset?.RedirectUris ?? []).Distinct()];
        var isService = asked.Kind == NewClient.Service;
        var clientId = asked.ClientId ?? RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 24);
        List<(string, string)> errors =
        [
            .. asked.Preset is not null && preset is null ? [("preset", $"is none of {string.Join(", ", presets.Select(known => known.Id).OfType<string>())}.")] : (IEnumerable<(string, string)>)[],
            .. CheckName(asked.Name ?? preset?.Name), .. CheckRedirectUris(redirectUris), .. directory.CheckResources(asked.Resources),
            .. clientId.Length is 0 or > 100 || clientId.Any(c => c is <= ' ' or >= (char)0x7f or ':' or '/' or '%') || SignedClientIds.LookLikeOne(clientId) ? [("client_id", "is 1 to 100 ASCII characters without spaces, colons, slashes and percent signs.")] : (IEnumerable<(string, string)>)[],
            .. isService == redirectUris.Length > 0 ? [("redirect_uris", isService ? "are for an app; a service has none." : "must name where the answers of the app go, or preset a client that is known.")] : (IEnumerable<(string, string)>)[],
            .. asked.PreApproved == true && isService ? [("pre_approved", "is for an app; nobody is asked for a service.")] : (IEnumerable<(string, string)>)[],
        ];
        if (errors.Count > 0)
        {
            return AdminProblem.Invalid([.. errors]);
        }

        if (await IsTakenAsync(clientId, cancellationToken))
        {
            return Exists(clientId);
        }

        var isConfidential = isService || asked.Confidential == true;
        var secret = isConfidential ? ClientManager.GenerateSecret() : null;
        var descriptor = ClientRegistrar.ToDescriptor(new ClientInformation
        {
            ClientId = clientId,
            ClientIdIssuedAt = time.GetUtcNow().ToUnixTimeSeconds(),
            ClientName = asked.Name ?? preset?.Name,
            RedirectUris = redirectUris,
            TokenEndpointAuthMethod = isConfidential ? ClientAuthenticationMethods.ClientSecretBasic : ClientAuthenticationMethods.None,
            GrantTypes = isService ? [GrantTypes.ClientCredentials] : [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken],
            ResponseTypes = isService ? null : [ResponseTypes.Code],
            ApplicationType = redirectUris.Any(ClientRegistrar.IsNative) ? ApplicationTypes.Native : ApplicationTypes.Web,
            Scope = "",
        });
        descriptor.ClientSecret = secret;
        OperatorClients.Store(descriptor.Properties, by.Name, time.GetUtcNow());
        SetResources(descriptor, asked.Resources);
        SetPreApproved(descriptor, asked.PreApproved);
        try
        {
            await clients.CreateAsync(descriptor, cancellationToken);
        }
        catch (Exception exception) when (exception is DbUpdateException or OpenIddictExceptions.ValidationException)
        {
            db.ChangeTracker.Clear();
            if (await IsTakenAsync(clientId, cancellationToken))
            {
                return Exists(clientId); // another was a moment earlier
            }

            throw;
        }

        await record.WriteAsync(by, SecurityEvent.Success("client_created") with { ClientId = clientId });
        return (await directory.GetAsync(clientId, cancellationToken)).Value is { } made ? new ClientWithSecret(made, secret) : ClientDirectory.NotFound(clientId);
    }

    /// <summary>Changes a client that is not one of the settings.</summary>
    public async Task<Outcome<ClientView>> UpdateAsync(Operator by, string clientId, ClientChange change, CancellationToken cancellationToken)
    {
        List<(string, string)> errors =
        [
            .. change.Name is null ? [] : CheckName(change.Name), .. CheckRedirectUris(change.RedirectUris ?? []), .. directory.CheckResources(change.Resources),
        ];
        ClientView was = null!;
        return errors.Count > 0 ? AdminProblem.Invalid([.. errors]) : await ChangeAsync(clientId, (view, descriptor) =>
        {
            was = view;
            if (change.RedirectUris is { } uris && view.GrantTypes.Contains(GrantTypes.AuthorizationCode) == (uris.Count == 0))
            {
                return AdminProblem.Invalid(("redirect_uris", uris.Count == 0 ? "must name where the answers of the app go." : "are for an app; a service has none."));
            }

            if (change.PreApproved is not null && view.Kind != ClientView.Created)
            {
                return AdminProblem.Invalid(("pre_approved", "is for a client that an operator made: whoever registered another could change what it is."));
            }

            descriptor.DisplayName = change.Name ?? descriptor.DisplayName;
            descriptor.WrittenRedirectUris = change.RedirectUris is { } all ? [.. all.Distinct()] : descriptor.WrittenRedirectUris;
            SetResources(descriptor, change.Resources);
            SetPreApproved(descriptor, change.PreApproved);
            return null;
        }, () => record.WriteAsync(by, (SecurityEvent.Success("client_updated") with { ClientId = clientId }).Changing(
            ("name", was.Name, change.Name ?? was.Name), WhatChanged.List("redirect_uris", was.RedirectUris, change.RedirectUris ?? was.RedirectUris),
            WhatChanged.List("resources", was.Resources, change.Resources ?? was.Resources), ("pre_approved", $"{was.PreApproved}", $"{change.PreApproved ?? was.PreApproved}"))), cancellationToken);
    }

    /// <summary>Makes a new secret; the one of before is good for a while longer.</summary>
    public async Task<Outcome<ClientWithSecret>> RotateSecretAsync(Operator by, string clientId, TimeSpan overlap, CancellationToken cancellationToken)
    {
        var secret = ClientManager.GenerateSecret();
        var changed = await ChangeAsync(clientId, (view, descriptor) =>
        {
            if (view.Type != ClientTypes.Confidential || descriptor.ClientSecret is not { } before)
            {
                return AdminProblem.Conflict("no_secret", $"'{clientId}' has no secret: it is a public client, or signs with keys of its own.");
            }

            PreviousSecret.Store(descriptor.Properties, overlap > TimeSpan.Zero ? new PreviousSecret(before, time.GetUtcNow() + overlap) : null);
            descriptor.ClientSecret = secret;
            return null;
        }, () => record.WriteAsync(by, SecurityEvent.Success("client_secret_rotated") with { ClientId = clientId, Reason = overlap > TimeSpan.Zero ? $"the one before is good for {overlap.TotalHours:0.##} h" : "the one before is refused" }), cancellationToken);
        return changed.Problem is { } problem ? problem : new ClientWithSecret(changed.Value!, secret);
    }

    /// <summary>Refuses a client until it is enabled.</summary>
    /// <param name="revoke">Ends what it holds as well; otherwise access tokens are good until they expire.</param>
    public async Task<Outcome<ClientView>> DisableAsync(Operator by, string clientId, bool revoke, CancellationToken cancellationToken)
    {
        if ((await directory.GetAsync(clientId, cancellationToken)).Problem is { } problem)
        {
            return problem;
        }

        await EndAsync(clientId, revoke, cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("client_disabled") with { ClientId = clientId, Reason = revoke ? null : "what it holds ends by itself" });
        return await directory.GetAsync(clientId, cancellationToken);
    }

    /// <summary>Lets a disabled client in again.</summary>
    public async Task<Outcome<ClientView>> EnableAsync(Operator by, string clientId, CancellationToken cancellationToken)
    {
        if (await db.Clients.AnyAsync(client => client.ClientId == clientId && client.Properties == ClientDeletion.Deleted, cancellationToken))
        {
            return AdminProblem.Conflict("client_deleted", $"'{clientId}' was deleted, and its row is there so that it stays so.");
        }

        if ((await directory.GetAsync(clientId, cancellationToken)).Problem is { } problem)
        {
            return problem;
        }

        await revocations.SettleAsync(RevocationKind.Client, clientId, cancellationToken);
        await db.SetClientDisabledAsync(clientId, at: null, cancellationToken);
        await record.WriteAsync(by, SecurityEvent.Success("client_enabled") with { ClientId = clientId });
        return await directory.GetAsync(clientId, cancellationToken);
    }

    /// <summary>Lets a client in that registered itself and waits.</summary>
    public async Task<Outcome<ClientView>> ApproveAsync(Operator by, string clientId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var seen = await db.Clients.AsNoTracking().Where(client => client.ClientId == clientId).Select(client => client.ConcurrencyToken).FirstOrDefaultAsync(cancellationToken);
        // As it was read: a client that changed in between is not what the operator saw.
        var approved = await db.WriteAsync(
            () => db.Clients.Where(stored => stored.ClientId == clientId && stored.ConcurrencyToken == seen && EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince) != null)
                .ExecuteUpdateAsync(
                    // One that was never used has a day for it from now on.
                    set => set.SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince), (DateTimeOffset?)null)
                        .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.RegisteredAt), (DateTimeOffset?)now),
                    cancellationToken),
            cancellationToken);
        var found = await directory.GetAsync(clientId, cancellationToken);
        if (approved == 0)
        {
            return found.Problem ?? AdminProblem.Conflict("not_waiting", $"'{clientId}' does not wait for approval.");
        }

        await record.WriteAsync(by, SecurityEvent.Success("client_approved") with { ClientId = clientId });
        return found;
    }

    /// <summary>Ends all that a client holds, and forgets it.</summary>
    public async Task<AdminProblem?> DeleteAsync(Operator by, string clientId, CancellationToken cancellationToken)
    {
        var found = await directory.GetAsync(clientId, cancellationToken);
        if (found.Problem is { } problem)
        {
            return problem;
        }

        if (found.Value!.Kind == ClientView.Configured && IsStillConfigured(clientId))
        {
            return InSettings(clientId);
        }

        // What cannot be revoked now can be tried again: the client goes last.
        await EndAsync(clientId, revoke: true, cancellationToken);
        await db.DeleteClientAsync(clientId, time.GetUtcNow());
        await record.WriteAsync(by, SecurityEvent.Success("client_deleted") with { ClientId = clientId });
        return null;
    }

    /// <summary>Forgets the clients that registered themselves, have got no token since a moment, and hold nothing that is good.</summary>
    public async Task<PrunedClients> PruneUnusedAsync(Operator by, DateTimeOffset unusedSince, bool dryRun, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var ids = await directory.EmptyHandedAsync(new ClientFilter { Kind = ClientView.Dynamic, UnusedSince = unusedSince, Status = "enabled" }, cancellationToken);
        var pruned = 0;
        try
        {
            foreach (var clientId in dryRun ? [] : ids)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await EndAsync(clientId, revoke: true, CancellationToken.None); // whoever got a token meanwhile
                await db.DeleteClientAsync(clientId, now);
                pruned++;
            }
        }
        finally
        {
            // Also of a prune that was broken off.
            if (pruned > 0)
            {
                await record.WriteAsync(by, SecurityEvent.Success("clients_pruned") with { Count = pruned, Reason = $"unused since {unusedSince:u}" });
            }
        }

        return new PrunedClients(dryRun, ids.Count, [.. ids.Take(MaxListed)]);
    }

    private async Task EndAsync(string clientId, bool revoke, CancellationToken cancellationToken)
    {
        await db.SetClientDisabledAsync(clientId, time.GetUtcNow(), cancellationToken);
        remembered.Forget(clientId);
        if (revoke)
        {
            // After the client is refused, so that it gets nothing new in between.
            await revocations.RevokeClientAsync(clientId);
        }
    }

    // Of two at once none is lost: who comes second looks anew.
    private async Task<Outcome<ClientView>> ChangeAsync(string clientId, Func<ClientView, ClientDescriptor, AdminProblem?> change, Func<Task> record, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var found = await directory.GetAsync(clientId, cancellationToken);
            if (found.Problem is not null)
            {
                return found;
            }

            if (found.Value!.Kind is ClientView.Configured)
            {
                return InSettings(clientId);
            }

            if (found.Value.Kind is ClientView.Document)
            {
                return AdminProblem.Conflict("client_document", $"'{clientId}' says itself what it is, at its address.");
            }

            // By the store: the manager hands out remembered copies, which cannot be written.
            if (await store.FindByClientIdAsync(clientId, cancellationToken) is not { } stored)
            {
                return ClientDirectory.NotFound(clientId);
            }

            var descriptor = new ClientDescriptor();
            await clients.PopulateAsync(descriptor, stored, cancellationToken);
            if (change(found.Value, descriptor) is { } problem)
            {
                return problem;
            }

            try
            {
                await rows.ReplaceAsync(stored, descriptor, waits: false, cancellationToken);
                break;
            }
            catch (OpenIddictExceptions.ConcurrencyException) when (attempt < Attempts)
            {
                db.ChangeTracker.Clear();
            }
        }

        await record();
        return await directory.GetAsync(clientId, cancellationToken);
    }

    private Task<bool> IsTakenAsync(string clientId, CancellationToken cancellationToken) => db.Clients.AnyAsync(client => client.ClientId == clientId, cancellationToken);

    private bool IsStillConfigured(string clientId) => ConfiguredClients.ListFrom(options.Value).Any(client => client.Options.ClientId == clientId);

    private static IEnumerable<(string, string)> CheckName(string? name) =>
        name is not null && (name.Length is 0 or > 200 || name.Any(char.IsControl) || ClientNames.Clean(name) is null) ? [("name", "has 1 to 200 characters that can be seen.")] : [];

    private static IEnumerable<(string, string)> CheckRedirectUris(IReadOnlyList<string> uris) =>
        uris.Count > MaxListed ? [("redirect_uris", $"lists at most {MaxListed}.")] : uris.Select(uri => RedirectUris.Check(uri)).OfType<string>().Take(1).Select(why => ("redirect_uris", why));

    private void SetResources(ClientDescriptor descriptor, IReadOnlyList<string>? asked)
    {
        if (asked is not null)
        {
            descriptor.Permissions.RemoveWhere(permission => permission.StartsWith(Permissions.Prefixes.Resource, StringComparison.Ordinal));
            descriptor.Permissions.UnionWith(asked.Select(resource => Permissions.Prefixes.Resource + resources.Find(resource)!.Identifier));
        }
    }

    private static void SetPreApproved(ClientDescriptor descriptor, bool? value)
    {
        if (value == true)
        {
            descriptor.Properties[StaticClients.PreApprovedProperty] = JsonSerializer.SerializeToElement(true);
        }
        else if (value == false)
        {
            descriptor.Properties.Remove(StaticClients.PreApprovedProperty);
        }
    }

    private static AdminProblem Exists(string clientId) => AdminProblem.Conflict("client_exists", $"There is a client '{clientId}' already.");

    private static AdminProblem InSettings(string clientId) => AdminProblem.Conflict("configured", $"'{clientId}' is one of the settings (OAuth:StaticClients): change it there, and start again.");
}
