using System.CommandLine;
using System.Globalization;
using McpIdentity.Persistence.Entities;
using McpIdentity.Server.Sessions;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Operations;

/// <summary><c>sessions</c>: who is signed in, and how to end it. A running server hears of it within a second.</summary>
internal static class SessionsCommand
{
    public static Command Create() => new("sessions", "Lists and ends sign-in sessions.") { List(), Revoke() };

    private static Command List()
    {
        var user = new Option<string?>("--user") { Description = "Only those of one user identifier." };
        var list = CommandLine.Verb("list", "Lists the sessions that live.", (parsed, settings, cancellationToken) =>
            RunAsync(settings, async services =>
            {
                var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
                var wanted = parsed.GetValue(user);
                Console.WriteLine("session                 user                    provider    signed in         last seen         browser until     tokens until      device");
                await foreach (var session in services.GetRequiredService<ISessionStorage>().ListAsync(cancellationToken))
                {
                    if (session.KeptUntil > now && (wanted is null || session.UserId == wanted))
                    {
                        Console.WriteLine(Describe(session, now));
                    }
                }

                return 0;
            }));
        list.Add(user);
        return list;
    }

    private static Command Revoke()
    {
        var id = new Argument<string>("session") { Description = "The identifier that list shows, the sid of the session's tokens." };
        var revoke = CommandLine.Verb("revoke", "Ends a session and everything granted from it.", (parsed, settings, cancellationToken) =>
            RunAsync(settings, async services =>
            {
                var session = parsed.GetValue(id)!;
                var existed = await services.GetRequiredService<SignInSessions>().EndAsync(session, cancellationToken);
                Console.WriteLine(existed ? $"Session {session} has ended." : $"There is no session {session}.");
                return existed ? 0 : 1;
            }));
        revoke.Add(id);
        return revoke;
    }

    private static async Task<int> RunAsync(string[] settings, Func<IServiceProvider, Task<int>> run)
    {
        await using var app = Program.Build(settings);
        var storage = app.Services.GetRequiredService<IOptions<SessionStorageOptions>>().Value;
        if (storage.Type == SessionStorageType.Memory)
        {
            Console.Error.WriteLine("Sessions of the type Memory are known to the running server alone. To end a person's sessions use the verb users.");
            return 1;
        }

        // Of the type File: only while the server is stopped, and the message says so.
        await app.Services.GetRequiredService<ISessionStorage>().OpenAsync(CancellationToken.None);
        return await run(app.Services);
    }

    private static string Describe(SignInSession session, DateTimeOffset now) => string.Join("  ",
        session.Id, session.UserId, session.Provider.PadRight(10), Minute(session.CreatedAt), Minute(session.LastSeenAt),
        session.SignedInUntil > now ? Minute(session.SignedInUntil) : "signed out      ", Minute(session.KeptUntil), Printable(session.DeviceHint));

    private static string Minute(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    // A browser's own words: no control character of them reaches a terminal.
    private static string Printable(string? text) => string.Concat((text ?? "").Select(character => char.IsControl(character) ? '?' : character));
}
