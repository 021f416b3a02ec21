using System.CommandLine;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>clients list|show|disable|enable|delete</c>: the registered clients, while servers serve.</summary>
internal static class ClientsCommand
{
    private static readonly Argument<string> ClientId = new("client_id");

    public static Command Create() => new("clients", "The registered clients.")
    {
        CommandLine.StorageVerb("list", "Lists the clients, the last used first.", ListAsync),
        ForOne("show", "Shows one client.", (db, _, clientId, cancellationToken) => ShowAsync(db, clientId, cancellationToken)),
        ForOne("disable", "Ends all that a client holds and refuses it until it is enabled.", DisableAsync),
        ForOne("enable", "Lets a disabled client in again.", EnableAsync),
        ForOne("delete", "Ends all that a client holds and forgets it.", DeleteAsync),
    };

    private static Command ForOne(string name, string description, Func<McpIdentityDbContext, Revocations, string, CancellationToken, Task<bool>> run)
    {
        var verb = CommandLine.StorageVerb(name, description, async (parsed, services, cancellationToken) =>
        {
            var clientId = parsed.GetRequiredValue(ClientId);
            if (await run(services.GetRequiredService<McpIdentityDbContext>(), services.GetRequiredService<Revocations>(), clientId, cancellationToken))
            {
                if (name != "show")
                {
                    CommandLine.Record(services, SecurityEvent.Success($"client_{name}d") with { ClientId = clientId });
                }

                return 0;
            }

            await Console.Error.WriteLineAsync($"There is no client {clientId}.");
            return 1;
        });
        verb.Arguments.Add(ClientId);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellationToken)
    {
        var clients = services.GetRequiredService<McpIdentityDbContext>().Clients.AsNoTracking()
            .OrderByDescending(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt) ?? EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt))
            .Select(client => new
            {
                client.ClientId,
                client.DisplayName,
                RegisteredAt = EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt),
                LastUsedAt = EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt),
                DisabledAt = EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt),
            });
        Console.WriteLine($"{"client_id",-24}  {"registered",-20}  {"last used",-20}  {"state",-8}  name");
        await foreach (var client in clients.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            Console.WriteLine(string.Join("  ",
                $"{client.ClientId,-24}", $"{CommandLine.Moment(client.RegisteredAt),-20}", $"{CommandLine.Moment(client.LastUsedAt),-20}",
                client.DisabledAt is null ? "enabled " : "disabled", CommandLine.Printable(client.DisplayName)));
        }

        return 0;
    }

    private static async Task<bool> ShowAsync(McpIdentityDbContext db, string clientId, CancellationToken cancellationToken)
    {
        if (await db.Clients.SingleOrDefaultAsync(client => client.ClientId == clientId, cancellationToken) is not { } client)
        {
            return false;
        }

        var liveGrants = await db.Grants.CountAsync(
            grant => grant.ClientId == clientId && grant.RevokedAt == null && grant.ExpiresAt > TimeProvider.System.GetUtcNow(), cancellationToken);
        foreach (var (name, value) in new (string, string?)[]
        {
            ("client_id", client.ClientId), ("name", client.DisplayName), ("type", client.ClientType), ("application type", client.ApplicationType),
            ("redirect URIs", client.RedirectUris), ("permissions", client.Permissions),
            ("registered", CommandLine.Moment(Moment(ClientColumns.RegisteredAt))), ("last used", CommandLine.Moment(Moment(ClientColumns.LastUsedAt))),
            ("disabled", CommandLine.Moment(Moment(ClientColumns.DisabledAt))), ("live grants", liveGrants.ToString(CultureInfo.InvariantCulture)),
        })
        {
            Console.WriteLine($"{name,-17} {CommandLine.Printable(value)}");
        }

        return true;

        DateTimeOffset? Moment(string column) => db.Entry(client).Property<DateTimeOffset?>(column).CurrentValue;
    }

    private static async Task<bool> DisableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        if (!await db.SetClientDisabledAsync(clientId, TimeProvider.System.GetUtcNow(), cancellationToken))
        {
            return false;
        }

        // After the client is refused, so that it gets nothing new in between.
        await revocations.RevokeClientAsync(clientId);
        return true;
    }

    private static async Task<bool> EnableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        await revocations.SettleAsync(RevocationKind.Client, clientId, cancellationToken);
        return await db.SetClientDisabledAsync(clientId, at: null, cancellationToken);
    }

    private static async Task<bool> DeleteAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        // What cannot be revoked now can be tried again: the client goes last.
        if (!await DisableAsync(db, revocations, clientId, cancellationToken))
        {
            return false;
        }

        await db.Clients.Where(client => client.ClientId == clientId).ExecuteDeleteAsync(cancellationToken);
        return true;
    }
}
