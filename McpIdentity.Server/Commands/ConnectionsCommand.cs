using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>connections</c>: who has connected their own account at which server behind this one, and how to end it.</summary>
internal static class ConnectionsCommand
{
    public static Command Create() => new("connections", "Lists and ends people's own accounts at servers behind this one.") { List(), Remove(), ForgetClient() };

    /// <summary>Deletes what a person has connected; servers that can be asked are told.</summary>
    public static async Task<IReadOnlyList<string>> EndAsync(IServiceProvider services, string userId, string? server)
    {
        // The servers of the database are read by the running program alone; a verb looks for itself.
        var db = services.GetRequiredService<McpIdentityDbContext>();
        var stored = (await services.GetRequiredService<StoredServers>().ReadAsync(db, CancellationToken.None)).Where(one => one.Problem is null).Select(one => new FrontedServer(one.Name, one.Options!));
        var configured = services.GetRequiredService<Microsoft.Extensions.Options.IOptions<GatewayOptions>>().Value.Servers.Select(one => new FrontedServer(one.Key, one.Value));
        var all = configured.Concat(stored).ToList();
        var ended = await services.GetRequiredService<Vault>().EndAsync(userId, server, name => all.FirstOrDefault(one => one.Name == name && one.Options.Upstream.Auth == UpstreamAuth.OAuth)?.Connectable);
        await ended.Revoking; // it would end with the verb
        return ended.Servers;
    }

    private static Command ForgetClient()
    {
        var server = new Argument<string>("server") { Description = "The name of the server in Gateway:Servers." };
        var verb = CommandLine.StorageVerb(
            "forget-client", "Forgets how this server has registered itself at a server's authorization server: it registers anew with the next person who connects. Accounts that are connected stay.",
            "connections forget-client notes", async (parsed, services, cancellationToken) =>
            {
                var name = parsed.GetRequiredValue(server);
                var db = services.GetRequiredService<McpIdentityDbContext>();
                if (await db.WriteAsync(() => db.UpstreamRegistrations.Where(row => row.Server == name).ExecuteDeleteAsync(cancellationToken), cancellationToken) == 0)
                {
                    await Console.Error.WriteLineAsync($"This server has not registered itself for {CommandLine.Printable(name)}: 'servers show' says how it is known there.");
                    return 1;
                }

                await services.RecordActAsync(SecurityEvent.Success("server_changed") with { Server = name });
                Console.WriteLine($"forgotten: the registration for {CommandLine.Printable(name)}");
                return 0;
            });
        verb.Add(server);
        return verb;
    }

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
        return CommandLine.StorageVerb("list", "Lists the accounts that people have connected.", "connections list --user alice@example.com", async (parsed, services, cancellationToken) =>
        {
            var db = services.GetRequiredService<McpIdentityDbContext>();
            User? person = null;
            if (parsed.GetValue(user) is { } who && (person = await ByName.UserAsync(db, who, cancellationToken)) is null)
            {
                return 1;
            }

            var rows = await db.UpstreamConnections.AsNoTracking().Where(row => person == null || row.UserId == person.Id).ToListAsync(cancellationToken);
            var people = await db.Users.AsNoTracking().Select(row => new { row.Id, row.Email }).ToDictionaryAsync(row => row.Id, cancellationToken);
            await Table.WriteAsync(parsed, rows.OrderBy(row => row.Server, StringComparer.Ordinal).ThenBy(row => row.CreatedAt).ToList(),
                new("server", row => row.Server), new("user", row => row.UserId), new("e-mail", row => people.GetValueOrDefault(row.UserId)?.Email),
                new("scope", row => row.Scope), new("connected", row => row.CreatedAt), new("refreshed", row => row.UpdatedAt));
            return 0;
        }).With(user).With(Table.Output);
    }

    private static Command Remove()
    {
        var who = new Argument<string>("user") { Description = "The identifier that users list shows, the e-mail address, or the name." };
        var server = new Argument<string>("server") { Description = "The name of the server in Gateway:Servers." };
        var verb = CommandLine.StorageVerb("remove", "Deletes a person's account at a server. They are asked to connect it anew.", "connections remove alice@example.com notes", async (parsed, services, cancellationToken) =>
        {
            if (await ByName.UserAsync(services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(who), cancellationToken) is not { } person)
            {
                return 1;
            }

            var name = parsed.GetRequiredValue(server);
            if ((await EndAsync(services, person.Id, name)).Count == 0)
            {
                await Console.Error.WriteLineAsync($"{CommandLine.Printable(person.Email ?? person.Id)} has connected no account at {CommandLine.Printable(name)}.");
                return 1;
            }

            await services.RecordActAsync(SecurityEvent.Success("account_disconnected") with { Subject = person.Id, Server = name });
            Console.WriteLine($"removed: the account of {CommandLine.Printable(person.Email ?? person.Id)} at {CommandLine.Printable(name)}");
            return 0;
        });
        verb.Add(who);
        verb.Add(server);
        return verb;
    }
}
