using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Revocation;
using McpIdentity.Server.Sessions;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>users</c>: who has signed in, and how to keep somebody out. A running server hears of it within a second.</summary>
internal static class UsersCommand
{
    public static Command Create() => new("users", "Lists, disables and removes people.")
    {
        CommandLine.StorageVerb("list", "Lists everybody who has signed in.", async (_, services, cancellationToken) =>
        {
            var users = await services.GetRequiredService<McpIdentityDbContext>().Users.AsNoTracking().ToListAsync(cancellationToken);
            foreach (var user in users.OrderBy(user => user.CreatedAt))
            {
                Console.WriteLine(Describe(user));
            }

            return 0;
        }),
        Change("disable", "Keeps a person from signing in, and ends their sessions and everything they granted.", async (services, user, cancellationToken) =>
        {
            user.DisabledAt ??= services.GetRequiredService<TimeProvider>().GetUtcNow();
            await services.GetRequiredService<McpIdentityDbContext>().SaveChangesAsync(cancellationToken);
            await EndSessionsAsync(services, user, cancellationToken);
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
            var db = services.GetRequiredService<McpIdentityDbContext>();
            await db.Users.Where(row => row.Id == user.Id).ExecuteDeleteAsync(cancellationToken);
        }),
    };

    private static Command Change(string name, string description, Func<IServiceProvider, User, CancellationToken, Task> change)
    {
        var who = new Argument<string>("user") { Description = "The identifier that list shows, or the e-mail address." };
        var verb = CommandLine.StorageVerb(name, description, async (parsed, services, cancellationToken) =>
        {
            var wanted = parsed.GetValue(who)!;
            var users = await services.GetRequiredService<McpIdentityDbContext>().Users
                .Where(user => user.Id == wanted || user.Email == wanted).ToListAsync(cancellationToken);
            if (users is not [var user])
            {
                Console.Error.WriteLine(users.Count == 0 ? $"There is no user {wanted}." : $"{users.Count} users have that address; name one by its identifier:");
                users.ForEach(candidate => Console.Error.WriteLine(Describe(candidate)));
                return 1;
            }

            await change(services, user, cancellationToken);
            CommandLine.Record(services, SecurityEvent.Success($"user_{name}d") with { Subject = user.Id });
            Console.WriteLine($"{name}: {Describe(user)}");
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

    private static string Describe(User user) => string.Join("  ",
        user.Id, user.Provider.PadRight(10), CommandLine.Moment(user.CreatedAt), user.DisabledAt is null ? "enabled " : "disabled",
        CommandLine.Printable($"{user.Email} {user.Name}"));
}
