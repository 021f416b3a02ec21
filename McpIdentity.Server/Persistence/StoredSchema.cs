using McpIdentity.Migrations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Which migrations a database has, and the tables of an empty one: by plain statements, because EF Core builds the model of every
/// migration before it knows that there is nothing to do, or that none of their steps is needed.
/// </summary>
internal static class StoredSchema
{
    /// <returns>The migrations that the database has, the oldest first; none where it is empty.</returns>
    public static async Task<List<string>> AppliedMigrationsAsync(this McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken);
        try
        {
            var applied = new List<string>();
            await using var command = db.Database.GetDbConnection().CreateCommand();
            command.CommandText = db.Database.IsSqlite()
                ? "SELECT 1 FROM sqlite_master WHERE name = '__EFMigrationsHistory'"
                : "SELECT 1 WHERE to_regclass('\"__EFMigrationsHistory\"') IS NOT NULL";
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
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    /// <summary>All tables of an empty database, with what all migrations leave there, in one transaction: <c>Schema.sql</c>, which <c>scripts/migration.sh</c> writes.</summary>
    public static async Task CreateTablesAsync(this McpIdentityDbContext db, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.Transaction = transaction.GetDbTransaction();
        command.CommandText = db.TablesScript();
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>What <see cref="CreateTablesAsync"/> runs.</summary>
    public static string TablesScript(this McpIdentityDbContext db)
    {
        using var text = new StreamReader(typeof(McpIdentityDbContext).Assembly.GetManifestResourceStream(
            db.Database.IsSqlite() ? "Sqlite.Schema.sql" : "Postgres.Schema.sql")!);
        return text.ReadToEnd();
    }
}
