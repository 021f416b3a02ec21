using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Sessions;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Commands;

/// <summary><c>sessions</c>: who is signed in, and how to end it. A running server hears of it within a second.</summary>
internal static class SessionsCommand
{
    public static Command Create() => new("sessions", "Lists and ends sign-in sessions.") { List(), Revoke() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one user identifier." };
        var list = Verb("list", "Lists the sessions that live.", async (parsed, services, cancellationToken) =>
        {
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            var wanted = parsed.GetValue(user);
            Console.WriteLine($"{"session",-22}  {"user",-22}  {"provider",-10}  {"signed in",-20}  {"last seen",-20}  {"browser until",-20}  {"tokens until",-20}  device");
            await foreach (var session in services.GetRequiredService<ISessionStorage>().ListAsync(cancellationToken))
            {
                if (session.KeptUntil > now && (wanted is null || session.UserId == wanted))
                {
                    Console.WriteLine(Describe(session, now));
                }
            }

            return 0;
        });
        list.Add(user);
        return list;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("session") { Description = "The identifier that list shows, the sid of the session's tokens." };
        var revoke = Verb("revoke", "Ends a session and everything granted from it.", async (parsed, services, cancellationToken) =>
        {
            var session = parsed.GetValue(id)!;
            var existed = await services.GetRequiredService<SignInSessions>().EndAsync(session, cancellationToken);
            if (existed)
            {
                CommandLine.Record(services, SecurityEvent.Success("session_ended") with { SessionId = session });
            }

            Console.WriteLine(existed ? $"Session {session} has ended." : $"There is no session {session}.");
            return existed ? 0 : 1;
        });
        revoke.Add(id);
        return revoke;
    }

    private static Command Verb(string name, string description, Func<ParseResult, IServiceProvider, CancellationToken, Task<int>> run) =>
        CommandLine.StorageVerb(name, description, async (parsed, services, cancellationToken) =>
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

    private static string Describe(SignInSession session, DateTimeOffset now) => string.Join("  ",
        session.Id, session.UserId, session.Provider.PadRight(10), CommandLine.Moment(session.CreatedAt), CommandLine.Moment(session.LastSeenAt),
        session.SignedInUntil > now ? CommandLine.Moment(session.SignedInUntil) : "signed out".PadRight(20), CommandLine.Moment(session.KeptUntil),
        CommandLine.Printable(session.DeviceHint));
}
