using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Commands;

/// <summary><c>prune</c>: deletes now what the server deletes once an hour.</summary>
internal static class PruneCommand
{
    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only count." };

    public static Command Create()
    {
        var verb = CommandLine.StorageVerb("prune", "Deletes expired grants, sessions and revocations and unused registrations.", "prune --dry-run", async (parsed, services, cancellationToken) =>
        {
            await using var work = await services.GetRequiredService<McpIdentityDbContext>().TryBeginWorkAsync(PruneRegularly.LockName, cancellationToken);
            if (work is null)
            {
                await Console.Error.WriteLineAsync("A server prunes at this moment.");
                return ExitCode.Ok;
            }

            var dryRun = parsed.GetValue(DryRun);
            var pruned = await services.GetRequiredService<Pruning>().RunAsync(dryRun, cancellationToken);
            if (Table.IsJson(parsed))
            {
                await Table.WriteAsync(parsed, pruned, new("what", kind => kind.What), new("count", kind => kind.Count), new("deleted", _ => !dryRun));
            }
            else
            {
                foreach (var (what, count) in pruned)
                {
                    Console.WriteLine($"{count} {what} {(dryRun ? "to delete" : "deleted")}");
                }
            }

            if (!dryRun && pruned.Sum(kind => kind.Count) is > 0 and var total)
            {
                await services.RecordActAsync(SecurityEvent.Success("database_pruned") with { Reason = $"{total} rows" });
            }

            return ExitCode.Ok;
        }).With(DryRun).With(Table.Output);
        return verb;
    }
}
