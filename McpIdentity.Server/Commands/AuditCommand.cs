using System.CommandLine;
using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>audit list</c>: what operators did by the command line, and who it was (docs/security-log.md, "Acts of operators").</summary>
internal static class AuditCommand
{
    private static readonly Option<int> Last = new("--last") { Description = "How many, the newest first.", DefaultValueFactory = _ => 100 };

    public static Command Create()
    {
        var list = CommandLine.StorageVerb("list", "Lists what operators did, the newest first.", "audit list --last 20 -o json", async (parsed, services, cancellationToken) =>
        {
            var acts = await services.GetRequiredService<McpIdentityDbContext>().OperatorActs.AsNoTracking()
                .OrderByDescending(act => act.Id).Take(Math.Max(parsed.GetValue(Last), 0)).ToListAsync(cancellationToken);
            await Table.WriteAsync(parsed, acts, new("time", act => act.At), new("actor", act => act.Actor), new("event", act => act.Event), new("line", act => act.Line));
            return 0;
        });
        list.Options.Add(Last);
        list.Options.Add(Table.Output);
        return new("audit", "What operators did by the command line.") { list };
    }
}
