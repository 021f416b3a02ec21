using System.CommandLine;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Revocation;

namespace McpIdentity.Server.Commands;

/// <summary>
/// <c>restored</c>: the database was put back to an earlier state. Ends everything that was issued before, because some of it may
/// have been revoked in the time that is lost (docs/backup.md, "Backup and restore").
/// </summary>
internal static class RestoredCommand
{
    public static Command Create()
    {
        var at = new Option<string?>("--at") { Description = "When the restored database began to serve, as 2026-01-31T12:00:00Z; what began after it goes on. Now, if absent." };
        var verb = CommandLine.StorageVerb("restored", "After a restore: ends all sessions, grants, access tokens and consents from before it, so that nothing revoked comes back.", "restored --at 2026-01-31T12:00:00Z --yes", async (parsed, services, _) =>
        {
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            var before = now;
            if (parsed.GetValue(at) is { } text &&
                (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out before) || before > now))
            {
                await Console.Error.WriteLineAsync($"--at must be a moment of the past, such as {now:yyyy-MM-ddTHH:mm:ssZ} (got {CommandLine.Printable(text)}).");
                return ExitCode.Usage;
            }

            if (!await Confirmation.AskAsync(parsed, $"Every sign-in session, grant, consent and access token from before {CommandLine.Moment(before)} ends, and everybody must sign in again."))
            {
                return ExitCode.Usage;
            }

            var (grants, sessions, consents) = await services.GetRequiredService<Revocations>().RevokeAllAsync(before);
            await services.RecordActAsync(SecurityEvent.Success("database_restored"));
            await Table.WriteDoneAsync(parsed, CommandLine.Moment(before), "ended", $"Ended: {sessions} sign-in sessions, {grants} grants, {consents} consents and every access token from before {CommandLine.Moment(before)}.");
            await Console.Error.WriteLineAsync("Clients and people that were disabled since the backup are enabled again, and keys that ended sign again: repeat it.");
            return ExitCode.Ok;
        });
        verb.Options.Add(at);
        return verb.With(Confirmation.Yes).With(Table.Output);
    }
}
