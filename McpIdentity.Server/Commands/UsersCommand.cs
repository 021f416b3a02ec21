using System.CommandLine;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Administration;
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
        Change("disable", "Keeps a person from signing in, and ends their sessions and everything they granted.", async (acts, userId, cancellationToken) =>
            (await acts.DisableAsync(Operator.OfThisMachine, userId, cancellationToken)).Problem),
        Change("enable", "Lets a person sign in again.", async (acts, userId, cancellationToken) => (await acts.EnableAsync(Operator.OfThisMachine, userId, cancellationToken)).Problem),
        Change("remove", "Forgets a person: their sessions, their consents, their role and everything they granted. They may sign in anew.",
            (acts, userId, cancellationToken) => acts.RemoveAsync(Operator.OfThisMachine, userId, cancellationToken), "will be forgotten, with all sessions, consents and grants.").With(Confirmation.Yes),
    };

    private static Command Change(string name, string description, Func<UserActs, string, CancellationToken, Task<AdminProblem?>> change, string? loss = null)
    {
        var who = new Argument<string>("user") { Description = "The identifier that list shows, the e-mail address, or the name." };
        var verb = CommandLine.StorageVerb(name, description, $"users {name} alice@example.com{(loss is null ? "" : " --yes")}", async (parsed, services, cancellationToken) =>
        {
            var user = await ByName.UserAsync(services.GetRequiredService<McpIdentityDbContext>(), parsed.GetRequiredValue(who), cancellationToken);
            if (loss is not null && !await Confirmation.AskAsync(parsed, $"{Describe(user)} {loss}"))
            {
                return ExitCode.Usage;
            }

            await OpenSessionsAsync(services);
            if (await change(services.GetRequiredService<UserActs>(), user.Id, cancellationToken) is { } problem)
            {
                return await Refusal.SayAsync(problem);
            }

            return await Table.WriteDoneAsync(parsed, user.Id, $"{name}d", $"{name}d: {Describe(user)}");
        });
        verb.Add(who);
        return verb.With(Table.Output);
    }

    private static async Task OpenSessionsAsync(IServiceProvider services)
    {
        try
        {
            await services.GetRequiredService<ISessionStorage>().OpenAsync(CancellationToken.None);
        }
        catch (InvalidOperationException exception)
        {
            // A session file belongs to the running server. It asks the database who somebody is, and refuses them there.
            await Console.Error.WriteLineAsync(exception.Message + " The sessions there end because the person may not sign in any more.");
        }
    }

    private static string Describe(User user) => CommandLine.Printable($"{user.Email ?? user.Name} ({user.Id}, {user.Provider})");
}
