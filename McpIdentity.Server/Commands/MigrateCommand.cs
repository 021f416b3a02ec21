using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Commands;

/// <summary><c>migrate</c>: brings the schema up to date without serving.</summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var verb = CreateMigrate();
        verb.Subcommands.Add(CopyCommand.Create());
        return verb;
    }

    private static Command CreateMigrate() => CommandLine.Verb(
        "migrate", "Creates the database and applies pending migrations.", "migrate --Database:Url=postgres://…", (_, settings, cancellationToken) => CommandLine.WithProgressAsync("migrate", async () =>
        {
            await using var app = CommandLine.Build(settings);
            Console.WriteLine($"Migrating {app.Services.DescribeDatabase()} ...");
            var applied = await app.Services.MigrateAsync(cancellationToken);
            Console.WriteLine(applied.Count == 0 ? "Up to date." : $"Applied: {string.Join(", ", applied)}");
            if (applied.Count > 0)
            {
                await app.Services.RecordActAsync(SecurityEvent.Success("database_migrated") with { Reason = string.Join(", ", applied) });
            }

            return 0;
        }));
}
