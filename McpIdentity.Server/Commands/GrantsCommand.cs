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
        var user = new Option<string?>("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
        var client = new Option<string?>("--client") { Description = "Only those to one client: client_id or name." };
        return CommandLine.StorageVerb("list", "Lists the grants that live, the newest first.", "grants list --user alice@example.com", async (parsed, services, cancellationToken) =>
        {
            var db = services.GetRequiredService<McpIdentityDbContext>();
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            var (person, program) = (default(User), default(string));
            if (parsed.GetValue(user) is { } who && (person = await ByName.UserAsync(db, who, cancellationToken)) is null)
            {
                return 1;
            }

            if (parsed.GetValue(client) is { } which && (program = (await ByName.ClientAsync(db, which, cancellationToken))?.ClientId) is null)
            {
                return 1;
            }

            var grants = await db.Grants.AsNoTracking()
                .Where(grant => grant.RevokedAt == null && grant.ExpiresAt > now)
                .Where(grant => (person == null || grant.UserId == person.Id) && (program == null || grant.ClientId == program))
                .OrderByDescending(grant => grant.CreatedAt)
                .Select(grant => new
                {
                    grant.Id,
                    grant.UserId,
                    grant.ClientId,
                    grant.SessionId,
                    grant.CreatedAt,
                    grant.RotatedAt,
                    grant.ExpiresAt,
                    db.Users.FirstOrDefault(row => row.Id == grant.UserId)!.Email,
                    ClientName = db.Clients.FirstOrDefault(row => row.ClientId == grant.ClientId)!.DisplayName,
                }).ToListAsync(cancellationToken);
            await Table.WriteAsync(parsed, grants,
                new("grant", grant => Grant.NameOf(grant.Id)), new("user", grant => grant.UserId), new("e-mail", grant => grant.Email), new("client_id", grant => grant.ClientId),
                new("client name", grant => grant.ClientName), new("session", grant => grant.SessionId), new("granted", grant => grant.CreatedAt),
                new("last refresh", grant => grant.RotatedAt), new("until", grant => grant.ExpiresAt));
            return 0;
        }).With(user).With(client).With(Table.Output);
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("grant") { Description = "The identifier that list shows, the oi_au_id of the grant's access tokens." };
        var revoke = CommandLine.StorageVerb("revoke", "Ends one grant: its refresh token and its access tokens.", "grants revoke 7kq2ZkQ0TqWm1yqI1m3u5A", async (parsed, services, cancellationToken) =>
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
            await services.RecordActAsync(SecurityEvent.Success("grant_revoked") with { GrantId = name, ClientId = grant.ClientId, Subject = grant.UserId });
            Console.WriteLine($"Grant {name} has ended.");
            return 0;
        });
        revoke.Add(id);
        return revoke;
    }
}
