using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>users</c>: who has signed in, and how to keep somebody out. A running server hears of it within a second.</summary>
internal static class UsersCommand
{
    public static Command Create() => new("users", "Lists, disables and removes people.")
    {
        CommandLine.StorageVerb("list", "Lists everybody who has signed in.", "users list -o json", async (parsed, services, cancellationToken) =>
        {
            var users = await services.GetRequiredService<McpIdentityDbContext>().Users.AsNoTracking().ToListAsync(cancellationToken);
            await Table.WriteAsync(parsed, users.OrderBy(user => user.CreatedAt).ToList(),
                new("user", user => user.Id), new("e-mail", user => user.Email), new("name", user => user.Name), new("provider", user => user.Provider),
                new("state", user => user.DisabledAt is null ? "enabled" : "disabled"), new("first seen", user => user.CreatedAt), new("last sign-in", user => user.LastSignInAt));
            return 0;
        }).With(Table.Output),
        Change("disable", "Keeps a person from signing in, and ends their sessions and everything they granted.", async (services, user, cancellationToken) =>
        {
            user.DisabledAt ??= services.GetRequiredService<TimeProvider>().GetUtcNow();
            await services.GetRequiredService<McpIdentityDbContext>().SaveChangesAsync(cancellationToken);
            await EndSessionsAsync(services, user, cancellationToken);
            await services.GetRequiredService<ConnectionActs>().EndAsync(user.Id, server: null);
        }),
        Change("enable", "Lets a person sign in again.", async (services, user, cancellationToken) =>
        {
            await services.GetRequiredService<Revocations>().SettleAsync(RevocationKind.User, user.Id, cancellationToken);
            user.DisabledAt = null;
            await services.GetRequiredService<McpIdentityDbContext>().SaveChangesAsync(cancellationToken);
        }),
        Change("remove", "Forgets a person: their sessions, their consents and everything they granted. They may sign in anew.", async (services, user, cancellationToken) =>
        {
            await EndSessionsAsync(services, user, cancellationToken);
            await services.GetRequiredService<ConnectionActs>().EndAsync(user.Id, server: null);
            var db = services.GetRequiredService<McpIdentityDbContext>();
            await db.Users.Where(row => row.Id == user.Id).ExecuteDeleteAsync(cancellationToken);
        }, "will be forgotten, with all sessions, consents and grants.").With(Confirmation.Yes),
    };

    private static Command Change(string name, string description, Func<IServiceProvider, User, CancellationToken, Task> change, string? loss = null)
    {
        var who = new Argument<string>("user") { Description = "The identifier that list shows, the e-mail address, or the name." };
        var verb = CommandLine.StorageVerb(name, description, $"users {name} alice@example.com{(loss is null ? "" : " --yes")}", async (parsed, services, cancellationToken) =>
        {
            if (await ByName.UserAsync(services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(who), cancellationToken) is not { } user)
            {
                return 1;
            }

            if (loss is not null && !await Confirmation.AskAsync(parsed, $"{Describe(user)} {loss}"))
            {
                return 2;
            }

            await change(services, user, cancellationToken);
            await services.RecordActAsync(SecurityEvent.Success($"user_{name}d") with { Subject = user.Id });
            Console.WriteLine($"{name}d: {Describe(user)}");
            return 0;
        });
        verb.Add(who);
        return verb;
    }

    private static async Task EndSessionsAsync(IServiceProvider services, User user, CancellationToken cancellationToken)
    {
        try
        {
            await services.GetRequiredService<ISessionStorage>().OpenAsync(cancellationToken);
        }
        catch (InvalidOperationException exception)
        {
            // A session file belongs to the running server. It asks the database who somebody is, and refuses them there.
            Console.Error.WriteLine(exception.Message + " The sessions there end because the person may not sign in any more.");
        }

        await services.GetRequiredService<SignInSessions>().EndAllOfAsync(user.Id, cancellationToken);
    }

    private static string Describe(User user) => CommandLine.Printable($"{user.Email ?? user.Name} ({user.Id}, {user.Provider})");
}
