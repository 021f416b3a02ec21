using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary><c>sessions</c>: who is signed in, and how to end it. A running server hears of it within a second.</summary>
internal static class SessionsCommand
{
    public static Command Create() => new("sessions", "Lists and ends sign-in sessions.") { List(), Revoke() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one person: identifier, e-mail address or name." };
        return Verb("list", "Lists the sessions that live.", "sessions list --user alice@example.com", async (parsed, services, cancellationToken) =>
        {
            var db = services.GetRequiredService<McpIdentityDbContext>();
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            User? person = null;
            if (parsed.GetValue(user) is { } who && (person = await ByName.UserAsync(db, who, cancellationToken)) is null)
            {
                return 1;
            }

            var sessions = await services.GetRequiredService<ISessionStorage>().ListAsync(cancellationToken)
                .Where(session => session.KeptUntil > now && (person is null || session.UserId == person.Id)).ToListAsync(cancellationToken);
            // The store may be Redis or a file; who people are is in the database.
            var people = await db.Users.AsNoTracking().Select(row => new { row.Id, row.Email, row.Name }).ToDictionaryAsync(row => row.Id, cancellationToken);
            await Table.WriteAsync(parsed, sessions,
                new("session", session => session.Id), new("user", session => session.UserId), new("e-mail", session => people.GetValueOrDefault(session.UserId)?.Email),
                new("name", session => people.GetValueOrDefault(session.UserId)?.Name), new("provider", session => session.Provider),
                new("signed in", session => session.CreatedAt), new("last seen", session => session.LastSeenAt),
                new("browser until", session => session.SignedInUntil > now ? session.SignedInUntil : null),
                new("tokens until", session => session.KeptUntil), new("device", session => session.DeviceHint));
            return 0;
        }).With(user).With(Table.Output);
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("session") { Description = "The identifier that list shows, the sid of the session's tokens." };
        var revoke = Verb("revoke", "Ends a session and everything granted from it.", "sessions revoke 3vYx…", async (parsed, services, cancellationToken) =>
        {
            var session = parsed.GetValue(id)!;
            var existed = await services.GetRequiredService<SignInSessions>().EndAsync(session, cancellationToken);
            if (!existed)
            {
                await Console.Error.WriteLineAsync($"There is no session {CommandLine.Printable(session)}.");
                return 1;
            }

            await services.RecordActAsync(SecurityEvent.Success("session_ended") with { SessionId = session });
            Console.WriteLine($"Session {session} has ended.");
            return 0;
        });
        revoke.Add(id);
        return revoke;
    }

    private static Command Verb(string name, string description, string example, Func<ParseResult, IServiceProvider, CancellationToken, Task<int>> run) =>
        CommandLine.StorageVerb(name, description, example, async (parsed, services, cancellationToken) =>
        {
            if (services.GetRequiredService<IOptions<SessionStorageOptions>>().Value.Type == SessionStorageType.Memory)
            {
                Console.Error.WriteLine("Sessions of the type Memory are known to the running server alone. To end a person's sessions use the verb users.");
                return 1;
            }

            // Of the type File: only while the server is stopped, and the message says so.
            await services.GetRequiredService<ISessionStorage>().OpenAsync(CancellationToken.None);
            return await run(parsed, services, cancellationToken);
        });
}
