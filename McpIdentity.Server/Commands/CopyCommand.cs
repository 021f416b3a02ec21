using System.CommandLine;
using System.Globalization;
using McpIdentity.Mcp.Audit;
using McpIdentity.Migrations;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Commands;

/// <summary><c>migrate copy</c>: all data into another database (docs/backup.md, "Moving to another database").</summary>
internal static class CopyCommand
{
    public static Command Create()
    {
        var to = new Option<string>("--to") { Description = "The database to copy into: postgres://…, or the path of an SQLite file. @FILE reads the option and its value from a file.", Required = true };
        return CommandLine.Verb(
            "copy", "Copies everything into another, empty database: from SQLite to PostgreSQL, or back.", "migrate copy --to postgres://…",
            (parsed, settings, cancellationToken) => CommandLine.WithProgressAsync(parsed, () => CopyAsync(parsed, parsed.GetRequiredValue(to), settings, cancellationToken))).With(to).With(Table.Output);
    }

    private static async Task<int> CopyAsync(ParseResult parsed, string to, string[] settings, CancellationToken cancellationToken)
    {
        await using var from = CommandLine.Build(settings);
        await using var into = CommandLine.Build([.. settings, .. SettingsOf(to)]);
        var (source, target) = (from.Services.DescribeDatabase(), into.Services.DescribeDatabase());
        if (source == target)
        {
            await Console.Error.WriteLineAsync($"Source and target are the same database: {source}.");
            return ExitCode.Conflict;
        }

        var migrated = await from.Services.MigrateOnStartAsync(cancellationToken);
        await into.Services.MigrateAsync(cancellationToken);
        await Console.Error.WriteLineAsync($"Copying {source} as it is at {CommandLine.Moment(TimeProvider.System.GetUtcNow())} into {target} ...");
        await using var reading = from.Services.CreateAsyncScope();
        await using var writing = into.Services.CreateAsyncScope();
        var copy = new DatabaseCopy(reading.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), writing.ServiceProvider.GetRequiredService<McpIdentityDbContext>())
        {
            Progress = (table, rows, percent) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{percent,3} %  {table}: {rows} rows")),
        };
        var tables = await copy.RunAsync(cancellationToken);
        // By services that know nothing of what was in the target before: the chains there are those of the source now.
        await using var copied = CommandLine.Build([.. settings, .. SettingsOf(to)]);
        await copied.Services.RecordActAsync(SecurityEvent.Success("database_copied") with { Reason = $"from {source}" });
        await Table.WriteDoneAsync(parsed, target, "copied", $"Copied and compared: {tables.Sum(table => table.Rows)} rows of {tables.Count} tables. {(migrated.Count == 0 ? "The source was not changed." : "The source has the tables of this release now, and was changed in nothing else: an older server does not run on it.")}");
        await Console.Error.WriteLineAsync("What a server wrote to the source meanwhile is not in the target. Start the servers with the target (DATABASE_URL) and the same ENCRYPTION_KEY.");
        return 0;
    }

    private static string[] SettingsOf(string to) => to.StartsWith("postgres://", StringComparison.Ordinal) || to.StartsWith("postgresql://", StringComparison.Ordinal)
        ? [$"--Database:Url={to}"]
        : ["--Database:Url=", "--Database:Provider=Sqlite", $"--Database:ConnectionString=Data Source={to}"];
}
