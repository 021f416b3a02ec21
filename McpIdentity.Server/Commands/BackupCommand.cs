using System.CommandLine;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Server.Commands;

/// <summary><c>backup</c>: a copy of an SQLite database as it is at one moment, while a server serves (docs/backup.md, "Backup and restore").</summary>
internal static class BackupCommand
{
    public static Command Create()
    {
        var to = new Option<FileInfo>("--to") { Description = "The file to write; it must not exist.", Required = true };
        var verb = CommandLine.StorageVerb("backup", "Copies an SQLite database into a file, also while a server serves.", "backup --to mcpidentity.backup.db", async (parsed, services, cancellationToken) =>
        {
            var database = services.GetRequiredService<McpIdentityDbContext>().Database;
            var file = parsed.GetRequiredValue(to);
            using var copy = new WholeFile(file.FullName);
            if (database.IsNpgsql())
            {
                await Console.Error.WriteLineAsync("PostgreSQL is backed up by its own tools: pg_dump, or pg_basebackup.");
                return ExitCode.Failed;
            }

            await copy.Open().DisposeAsync(); // readable by nobody else from its first byte: VACUUM INTO takes a file that is empty
            await database.ExecuteSqlAsync($"VACUUM INTO {copy.Beside}", cancellationToken);
            copy.Keep();
            await services.RecordActAsync(SecurityEvent.Success("database_backed_up") with { Reason = file.FullName });
            await Table.WriteDoneAsync(parsed, file.FullName, "copied", $"The database was copied to {file.FullName}.");
            return ExitCode.Ok;
        });
        return verb.With(to).With(Table.Output);
    }
}
