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
        "migrate", "Creates the database and applies pending migrations.", "migrate --Database:Url=postgres://…", (parsed, settings, cancellationToken) => CommandLine.WithProgressAsync(parsed, async () =>
        {
            await using var app = CommandLine.Build(settings);
            if (!Table.IsJson(parsed) && !CommandLine.IsQuiet(parsed))
            {
                await Console.Error.WriteLineAsync($"Migrating {app.Services.DescribeDatabase()} ...");
            }

            var applied = await app.Services.MigrateAsync(cancellationToken);
            await Table.WriteDoneAsync(parsed, applied.Count == 0 ? null : string.Join(' ', applied), applied.Count == 0 ? "nothing" : "applied", applied.Count == 0 ? "Up to date." : $"Applied: {string.Join(", ", applied)}");
            if (applied.Count > 0)
            {
                await app.Services.RecordActAsync(SecurityEvent.Success("database_migrated") with { Reason = string.Join(", ", applied) });
            }

            return ExitCode.Ok;
        })).With(Table.Output);
}
