using System.CommandLine;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Administration.Api;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary><c>sessions</c>: who is signed in, and how to end it. A running server hears of it within a second.</summary>
internal static class SessionsCommand
{
    public static Command Create() => new("sessions", "Lists and ends sign-in sessions.") { List(), Revoke(), RevokeAll() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
        var client = new Option<string?>("--client") { Description = "Only those from which one client was granted something: client_id or name." };
        return Verb("list", "Lists the sessions that live, the newest first.", "sessions list --user alice@example.com", async (parsed, access) =>
        {
            var (living, problem) = await access.ListAsync<SessionView>("list_sessions", ("user", parsed.GetValue(user)), ("client", parsed.GetValue(client)));
            if (problem is not null)
            {
                return await Refusal.SayAsync(problem);
            }

            await Table.WriteAsync(parsed, living!,
                new("session", session => session.Id), new("user", session => session.UserId), new("e-mail", session => session.Email), new("name", session => session.Name),
                new("provider", session => session.Provider), new("signed in", session => session.SignedInAt), new("last seen", session => session.LastSeenAt),
                new("browser until", session => session.BrowserUntil), new("tokens until", session => session.TokensUntil), new("device", session => session.Device));
            return 0;
        }).With(user).With(client).With(Table.Output);
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("session") { Description = "The identifier that list shows, the sid of the session's tokens." };
        var revoke = Verb("revoke", "Ends a session and everything granted from it.", "sessions revoke 3vYx…", async (parsed, access) =>
        {
            var ended = parsed.GetRequiredValue(id);
            var problem = await access.RemoveAsync("end_session", ("session_id", ended));
            return problem is null ? await Table.WriteDoneAsync(parsed, ended, "revoked", $"Session {ended} has ended.") : await Refusal.SayAsync(problem);
        });
        revoke.Add(id);
        return revoke.With(Table.Output);
    }

    private static Command RevokeAll()
    {
        var who = new Argument<string>("user") { Description = "Whose: identifier, e-mail address or name." };
        var revoke = Verb("revoke-all", "Ends all sessions of a person and everything they granted. They may sign in again: users disable keeps them out.", "sessions revoke-all alice@example.com", async (parsed, access) =>
        {
            var (ended, problem) = await access.SendAsync<Ended>("end_sessions", new EndSessions(parsed.GetRequiredValue(who)));
            return problem is null ? await Table.WriteDoneAsync(parsed, parsed.GetRequiredValue(who), "revoked", $"{ended!.Count} sessions have ended.", ended.Count) : await Refusal.SayAsync(problem);
        });
        revoke.Add(who);
        return revoke.With(Table.Output);
    }

    private static Command Verb(string name, string description, string example, Func<ParseResult, AdminAccess, Task<int>> run) => CommandLine.AdminVerb(name, description, example, run, prepare: async (services, _) =>
    {
        if (services.GetRequiredService<IOptions<SessionStorageOptions>>().Value.Type == SessionStorageType.Memory)
        {
            throw new VerbFailure(ExitCode.Failed, "Sessions of the type Memory are known to the running server alone: ask it, with --server. To end a person's sessions use the verb users.");
        }

        // Of the type File: only while the server is stopped, and the message says so.
        await services.GetRequiredService<ISessionStorage>().OpenAsync(CancellationToken.None);
    });
}
