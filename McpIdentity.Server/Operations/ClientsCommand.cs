using System.CommandLine;
using System.Globalization;
using McpIdentity.Persistence;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Tokens;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Operations;

/// <summary><c>clients list|show|disable|enable|delete</c>: the registered clients, while servers serve.</summary>
internal static class ClientsCommand
{
    private static readonly Argument<string> ClientId = new("client_id");

    public static Command Create() => new("clients", "The registered clients.")
    {
        CommandLine.Verb("list", "Lists the clients, the last used first.", ListAsync),
        Of("show", "Shows one client.", (db, _, clientId, cancellationToken) => ShowAsync(db, clientId, cancellationToken)),
        Of("disable", "Ends all that a client holds and refuses it until it is enabled.", DisableAsync),
        Of("enable", "Lets a disabled client in again.", EnableAsync),
        Of("delete", "Ends all that a client holds and forgets it.", DeleteAsync),
    };

    private static Command Of(string name, string description, Func<McpIdentityDbContext, Revocations, string, CancellationToken, Task<bool>> run)
    {
        var verb = CommandLine.Verb(name, description, async (parsed, settings, cancellationToken) =>
        {
            await using var app = Program.Build(settings);
            await app.Services.MigrateOnStartAsync(cancellationToken);
            await using var scope = app.Services.CreateAsyncScope();
            var clientId = parsed.GetRequiredValue(ClientId);
            if (await run(
                scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), scope.ServiceProvider.GetRequiredService<Revocations>(), clientId, cancellationToken))
            {
                return 0;
            }

            await Console.Error.WriteLineAsync($"There is no client {clientId}.");
            return 1;
        });
        verb.Arguments.Add(ClientId);
        return verb;
    }

    private static async Task<int> ListAsync(ParseResult parsed, string[] settings, CancellationToken cancellationToken)
    {
        await using var app = Program.Build(settings);
        await app.Services.MigrateOnStartAsync(cancellationToken);
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var clients = db.Clients.AsNoTracking()
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
            Console.WriteLine(
                $"{client.ClientId,-24}  {Format(client.RegisteredAt),-20}  {Format(client.LastUsedAt),-20}  {(client.DisabledAt is null ? "enabled" : "disabled"),-8}  {OneLine(client.DisplayName)}");
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
            ("registered", Format(Moment(ClientColumns.RegisteredAt))), ("last used", Format(Moment(ClientColumns.LastUsedAt))),
            ("disabled", Format(Moment(ClientColumns.DisabledAt))), ("live grants", liveGrants.ToString(CultureInfo.InvariantCulture)),
        })
        {
            Console.WriteLine($"{name,-17} {OneLine(value)}");
        }

        return true;

        DateTimeOffset? Moment(string column) => db.Entry(client).Property<DateTimeOffset?>(column).CurrentValue;
    }

    private static async Task<bool> DisableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        var now = TimeProvider.System.GetUtcNow();
        if (await db.Clients.Where(client => client.ClientId == clientId)
            .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt), now), cancellationToken) == 0)
        {
            return false;
        }

        // After the client is refused, so that it gets nothing new in between.
        await revocations.RevokeClientAsync(clientId);
        return true;
    }

    private static async Task<bool> EnableAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken) =>
        await db.Clients.Where(client => client.ClientId == clientId)
            .ExecuteUpdateAsync(set => set.SetProperty(client => EF.Property<DateTimeOffset?>(client, ClientColumns.DisabledAt), (DateTimeOffset?)null), cancellationToken) == 1;

    private static async Task<bool> DeleteAsync(McpIdentityDbContext db, Revocations revocations, string clientId, CancellationToken cancellationToken)
    {
        if (await db.Clients.Where(client => client.ClientId == clientId).ExecuteDeleteAsync(cancellationToken) == 0)
        {
            return false;
        }

        await db.Consents.Where(consent => consent.ClientId == clientId).ExecuteDeleteAsync(cancellationToken);
        await revocations.RevokeClientAsync(clientId);
        return true;
    }

    // A client chose its name: nothing of it may move the cursor.
    private static string OneLine(string? text) => new([.. (text ?? "-").Select(character => char.IsControl(character) ? ' ' : character)]);

    private static string Format(DateTimeOffset? moment) => moment?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) ?? "-";
}
