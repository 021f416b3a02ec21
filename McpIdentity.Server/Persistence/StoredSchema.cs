using System.Data.Common;
using McpIdentity.Migrations;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Which migrations a database has, and the tables of an empty one: by plain statements, because EF Core builds the model of every
/// migration before it knows that there is nothing to do, or that none of their steps is needed.
/// </summary>
internal static class StoredSchema
{
    private const string Known = "INSERT INTO \"__EFMigrationsHistory\"";

    /// <returns>The migrations of this release, the oldest first.</returns>
    /// <param name="isPostgres">Of which database.</param>
    // As the script writes them down: to look for their types would load EF Core.
    public static List<string> KnownMigrations(bool isPostgres) =>
        [.. TablesScript(isPostgres).Split(Known).Skip(1).Select(statement => statement.Split('\'', 3)[1])];

    /// <returns>The migrations that the database has, the oldest first; none where it is empty.</returns>
    public static async Task<List<string>> AppliedMigrationsAsync(this DbConnection database, bool isPostgres, CancellationToken cancellationToken)
    {
        var applied = new List<string>();
        await using var command = database.CreateCommand();
        command.CommandText = isPostgres
            ? "SELECT 1 WHERE to_regclass('\"__EFMigrationsHistory\"') IS NOT NULL"
            : "SELECT 1 FROM sqlite_master WHERE name = '__EFMigrationsHistory'";
        if (await command.ExecuteScalarAsync(cancellationToken) is not null)
        {
            command.CommandText = "SELECT \"MigrationId\" FROM \"__EFMigrationsHistory\" ORDER BY \"MigrationId\"";
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                applied.Add(rows.GetString(0));
            }
        }

        return applied;
    }

    /// <summary>All tables of an empty database, with what all migrations leave there, in one transaction: <c>Schema.sql</c>, which <c>scripts/migration.sh</c> writes.</summary>
    public static async Task CreateTablesAsync(this DbConnection database, bool isPostgres, CancellationToken cancellationToken)
    {
        await using var transaction = await database.BeginTransactionAsync(cancellationToken);
        await using var command = database.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = TablesScript(isPostgres);
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>What <see cref="CreateTablesAsync"/> runs.</summary>
    public static string TablesScript(bool isPostgres)
    {
        using var text = new StreamReader(typeof(ClientColumns).Assembly.GetManifestResourceStream(isPostgres ? "Postgres.Schema.sql" : "Sqlite.Schema.sql")!);
        return text.ReadToEnd();
    }
}
