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
                Console.WriteLine("A server prunes at this moment.");
                return 0;
            }

            var dryRun = parsed.GetValue(DryRun);
            var pruned = await services.GetRequiredService<Pruning>().RunAsync(dryRun, cancellationToken);
            foreach (var (what, count) in pruned)
            {
                Console.WriteLine($"{count} {what} {(dryRun ? "to delete" : "deleted")}");
            }

            if (!dryRun && pruned.Sum(kind => kind.Count) is > 0 and var total)
            {
                await services.RecordActAsync(SecurityEvent.Success("database_pruned") with { Reason = $"{total} rows" });
            }

            return 0;
        });
        verb.Options.Add(DryRun);
        return verb;
    }
}
