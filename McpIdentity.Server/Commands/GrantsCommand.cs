using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>grants</c>: what people have granted to clients, and how to end one grant. A running server hears of it within a second.</summary>
internal static class GrantsCommand
{
    public static Command Create() => new("grants", "Lists and ends what people have granted to clients.") { List(), Revoke() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one user identifier." };
        var client = new Option<string?>("--client") { Description = "Only those to one client_id." };
        var list = CommandLine.StorageVerb("list", "Lists the grants that live, the newest first.", async (parsed, services, cancellationToken) =>
        {
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            var (ofUser, toClient) = (parsed.GetValue(user), parsed.GetValue(client));
            var grants = services.GetRequiredService<McpIdentityDbContext>().Grants.AsNoTracking()
                .Where(grant => grant.RevokedAt == null && grant.ExpiresAt > now)
                .Where(grant => (ofUser == null || grant.UserId == ofUser) && (toClient == null || grant.ClientId == toClient))
                .OrderByDescending(grant => grant.CreatedAt);
            Console.WriteLine($"{"grant",-22}  {"user",-22}  {"client_id",-24}  {"session",-22}  {"granted",-20}  {"last refresh",-20}  until");
            await foreach (var grant in grants.AsAsyncEnumerable().WithCancellation(cancellationToken))
            {
                Console.WriteLine(string.Join("  ",
                    Grant.NameOf(grant.Id), grant.UserId, $"{grant.ClientId,-24}", grant.SessionId, CommandLine.Moment(grant.CreatedAt),
                    CommandLine.Moment(grant.RotatedAt), CommandLine.Moment(grant.ExpiresAt)));
            }

            return 0;
        });
        list.Add(user);
        list.Add(client);
        return list;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("grant") { Description = "The identifier that list shows, the oi_au_id of the grant's access tokens." };
        var revoke = CommandLine.StorageVerb("revoke", "Ends one grant: its refresh token and its access tokens.", async (parsed, services, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(id);
            var db = services.GetRequiredService<McpIdentityDbContext>();
            if (Grant.ParseName(name) is not { } grantId ||
                await db.Grants.AsNoTracking().SingleOrDefaultAsync(row => row.Id == grantId, cancellationToken) is not { } grant)
            {
                await Console.Error.WriteLineAsync($"There is no grant {CommandLine.Printable(name)}.");
                return 1;
            }

            await services.GetRequiredService<Revocations>().RevokeGrantAsync(grantId);
            CommandLine.Record(services, SecurityEvent.Success("grant_revoked") with { GrantId = name, ClientId = grant.ClientId, Subject = grant.UserId });
            Console.WriteLine($"Grant {name} has ended.");
            return 0;
        });
        revoke.Add(id);
        return revoke;
    }
}
