using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Clients.Statements;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients list|show|disable|enable|delete</c>: the registered clients, while servers serve; <c>clients tokens</c> is beside it.</summary>
internal static class ClientsCommand
{
    private static readonly Argument<string> Which = new("client") { Description = "The client_id that list shows, or the name." };

    private static readonly Option<bool> Waiting = new("--waiting") { Description = "Only those that wait to be approved, and where their answers would go." };

    public static Command Create() => new("clients", "The registered clients.")
    {
        CommandLine.StorageVerb("list", "Lists the clients, the last used first.", "clients list --waiting", ListAsync).With(Waiting).With(Table.Output),
        ForOne("show", "Shows one client.", async (parsed, services, client, cancellationToken) =>
        {
            await ShowAsync(parsed, services.GetRequiredService<McpIdentityDbContext>(), client, cancellationToken);
            return 0;
        }).With(Table.Output),
        ForOne("approve", "Lets a client in that registered itself and waits (OAuth:Registration:Policy=Approval).", ApproveAsync),
        Change("disable", "Ends all that a client holds and refuses it until it is enabled.", DisableAsync),
        Change("enable", "Lets a disabled client in again.", EnableAsync),
        Change("delete", "Ends all that a client holds and forgets it.", DeleteAsync, "will be forgotten, with its grants and what people allowed it.").With(Confirmation.Yes),
        ClientTokensCommand.Create(),
    };

    private static Command Change(string name, string description, Func<McpIdentityDbContext, Revocations, string, CancellationToken, Task> change, string? loss = null) =>
        ForOne(name, description, async (parsed, services, client, cancellationToken) =>
        {
            var words = CommandLine.Printable(client.DisplayName is { Length: > 0 } called ? $"{called} ({client.ClientId})" : client.ClientId);
            if (name == "enable" && ClientDeletion.IsDeleted(client.Properties))
            {
                await Console.Error.WriteLineAsync($"{words} was deleted, and its row is there so that it stays so.");
                return ExitCode.Conflict;
            }

            if (loss is not null && !await Confirmation.AskAsync(parsed, $"{words} {loss}"))
            {
                return ExitCode.Usage;
            }

            await change(services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<Revocations>(), client.ClientId!, cancellationToken);
            await services.RecordActAsync(SecurityEvent.Success($"client_{name}d") with { ClientId = client.ClientId });
            return await Table.WriteDoneAsync(parsed, client.ClientId, $"{name}d", $"{name}d: {words}");
        });

    private static Command ForOne(
        string name, string description, Func<ParseResult, IServiceProvider, OpenIddictEntityFrameworkCoreApplication, CancellationToken, Task<int>> run)
    {
        var verb = CommandLine.StorageVerb(name, description, $"clients {name} \"Claude Code\"{(name == "delete" ? " --yes" : "")}", async (parsed, services, cancellationToken) =>
            await run(parsed, services, await ByName.ClientAsync(services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(Which), cancellationToken), cancellationToken));
        verb.Arguments.Add(Which);
        return verb.With(Table.Output);
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var onlyWaiting = parsed.GetValue(Waiting);
        var clients = await services.GetRequiredService<McpIdentityDbContext>().Clients.AsNoTracking()
            .Where(client => !onlyWaiting || EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince) != null)
            .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt))
            .Select(client => new
            {
                client.ClientId,
                client.DisplayName,
                client.ClientType,
                client.Properties,
                client.RedirectUris,
                WaitsSince = EF.Property<DateTimeOffset?>(client, ClientColumns.AwaitingApprovalSince),
                RegisteredAt = EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt),
                LastUsedAt = EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt),
                DisabledAt = EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt),
            }).ToListAsync(cancellationToken);
        if (onlyWaiting)
        {
            await Table.WriteAsync(parsed, clients,
                new("client_id", client => client.ClientId), new("name", client => client.DisplayName), new("type", client => client.ClientType),
                new("redirect URIs", client => client.RedirectUris), new("waiting since", client => client.WaitsSince));
            return 0;
        }

        await Table.WriteAsync(parsed, clients,
            new("client_id", client => client.ClientId), new("name", client => client.DisplayName), new("type", client => client.ClientType),
            new("state", client => ClientDeletion.IsDeleted(client.Properties) ? "deleted" : client.DisabledAt is not null ? "disabled" : client.WaitsSince is not null ? "waiting" : "enabled"), new("registered", client => client.RegisteredAt), new("last used", client => client.LastUsedAt),
            new("registered with", client => RegisteredWith(client.Properties)));
        return 0;
    }

    private static async Task ShowAsync(ParseResult parsed, McpIdentityDbContext db, OpenIddictEntityFrameworkCoreApplication client, CancellationToken cancellationToken)
    {
        var liveGrants = await db.Grants.CountAsync(
            grant => grant.ClientId == client.ClientId && grant.RevokedAt == null && grant.ExpiresAt > TimeProvider.System.GetUtcNow(), cancellationToken);
        (string Name, object? Value)[] all =
        [
            ("client_id", client.ClientId), ("name", client.DisplayName), ("type", client.ClientType), ("application type", client.ApplicationType),
            ("redirect URIs", client.RedirectUris), ("permissions", client.Permissions), ("registered", Moment(ClientColumns.RegisteredAt)),
            ("last used", Moment(ClientColumns.LastUsedAt)), ("disabled", Moment(ClientColumns.DisabledAt)), ("waiting since", Moment(ClientColumns.AwaitingApprovalSince)),
            ("registered with", RegisteredWith(client.Properties)), ("live grants", liveGrants),
        ];
        if (parsed.GetValue(Table.Output) == "json")
        {
            await Table.WriteAsync(parsed, [all], [.. all.Select((member, i) => new Table.Column<(string Name, object? Value)[]>(member.Name, members => members[i].Value))]);
            return;
        }

        foreach (var (name, value) in all)
        {
            Console.WriteLine($"{name,-17} {CommandLine.Printable(value is DateTimeOffset moment ? CommandLine.Moment(moment) : value?.ToString())}");
        }

        DateTimeOffset? Moment(string column) => db.Entry(client).Property<DateTimeOffset?>(column).CurrentValue;
    }

    // A token that the operator made, or a statement of somebody whom they trust.
    private static string? RegisteredWith(string? properties) => string.Join(", ", ((string?[])[InitialAccessTokens.NameIn(properties), SoftwareStatement.In(properties)?.Issuer]).OfType<string>()) is { Length: > 0 } all ? all : null;

    private static async Task<int> ApproveAsync(ParseResult parsed, IServiceProvider services, OpenIddictEntityFrameworkCoreApplication client, CancellationToken cancellationToken)
    {
        var (db, now) = (services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<TimeProvider>().GetUtcNow());
        var words = CommandLine.Printable(client.DisplayName is { Length: > 0 } called ? $"{called} ({client.ClientId})" : client.ClientId);
        // As it was read: a client that changed in between is not what the operator saw.
        var approved = await db.WriteAsync(
            () => db.Clients.Where(stored => stored.Id == client.Id && stored.ConcurrencyToken == client.ConcurrencyToken && EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince) != null)
                .ExecuteUpdateAsync(
                    // One that was never used has a day for it from now on.
                    set => set.SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.AwaitingApprovalSince), (DateTimeOffset?)null)
                        .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, ClientColumns.RegisteredAt), (DateTimeOffset?)now),
                    cancellationToken),
            cancellationToken);
        if (approved == 0)
        {
            await Console.Error.WriteLineAsync($"{words} does not wait for approval.");
            return ExitCode.Conflict;
        }

        await services.RecordActAsync(SecurityEvent.Success("client_approved") with { ClientId = client.ClientId });
        return await Table.WriteDoneAsync(parsed, client.ClientId, "approved", $"approved: {words}, with answers to {CommandLine.Printable(client.RedirectUris)}");
    }

    private static async Task DisableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        await db.SetClientDisabledAsync(clientId, TimeProvider.System.GetUtcNow(), cancellationToken);
        // After the client is refused, so that it gets nothing new in between.
        await revocations.RevokeClientAsync(clientId);
    }

    private static async Task EnableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        await revocations.SettleAsync(RevocationKind.Client, clientId, cancellationToken);
        await db.SetClientDisabledAsync(clientId, at: null, cancellationToken);
    }

    private static async Task DeleteAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        // What cannot be revoked now can be tried again: the client goes last.
        await DisableAsync(db, revocations, clientId, cancellationToken);
        await db.DeleteClientAsync(clientId, TimeProvider.System.GetUtcNow());
    }
}
