using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Sessions;

namespace McpIdentity.Server.Commands;

/// <summary><c>users</c>: who has signed in, and how to keep somebody out. A running server hears of it within a second.</summary>
internal static class UsersCommand
{
    public static Command Create() => new("users", "Lists, disables and removes people.")
    {
        CommandLine.AdminVerb("list", "Lists everybody who has signed in.", "users list -o json", async (parsed, access) =>
        {
            var (users, problem) = await access.ListAsync<UserView>("list_users", ("sort", "created")); // who signs in while pages are read stays where they are
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            await Table.WriteAsync(parsed, users!,
                new("user", user => user.UserId), new("e-mail", user => user.Email), new("name", user => user.Name), new("provider", user => user.Provider),
                new("state", user => user.Status), new("first seen", user => user.CreatedAt), new("last sign-in", user => user.LastSignInAt));
            return 0;
        }).With(Table.Output),
        Change("disable", "Keeps a person from signing in, and ends their sessions and everything they granted.", async (access, userId) => (await access.CallAsync<UserDetails>("disable_user", ("user_id", userId))).Problem),
        Change("enable", "Lets a person sign in again.", async (access, userId) => (await access.CallAsync<UserDetails>("enable_user", ("user_id", userId))).Problem),
        Change("remove", "Forgets a person: their sessions, their consents, their role and everything they granted. They may sign in anew.",
            (access, userId) => access.RemoveAsync("remove_user", ("user_id", userId)), "will be forgotten, with all sessions, consents and grants.").With(Confirmation.Yes),
    };

    private static Command Change(string name, string description, Func<AdminAccess, string, Task<AdminProblem?>> change, string? loss = null)
    {
        var who = new Argument<string>("user") { Description = "The identifier that list shows, the e-mail address, or the name." };
        var verb = CommandLine.AdminVerb(name, description, $"users {name} alice@example.com{(loss is null ? "" : " --yes")}", async (parsed, access) =>
        {
            var (user, unknown) = await ByName.UserAsync(access, parsed.GetRequiredValue(who));
            if (unknown is not null)
            {
                return await Refusal.SayAsync(unknown);
            }

            if (loss is not null && !await Confirmation.AskAsync(parsed, $"{Describe(user!)} {loss}"))
            {
                return ExitCode.Usage;
            }

            return await change(access, user!.UserId) is { } problem ? await Refusal.SayAsync(problem) : await Table.WriteDoneAsync(parsed, user.UserId, $"{name}d", $"{name}d: {Describe(user)}");
        }, prepare: (services, _) => OpenSessionsAsync(services));
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

    private static string Describe(UserView user) => CommandLine.Printable($"{user.Email ?? user.Name} ({user.UserId}, {user.Provider})");
}
