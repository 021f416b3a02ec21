using McpIdentity.Migrations;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace McpIdentity.Server.Persistence;

/// <summary>Gives back to the disk what deleted rows leave behind in an SQLite file and its log; PostgreSQL does it by itself.</summary>
internal static class SqliteCompaction
{
    // A few milliseconds of the one writer's time; requests come in between.
    private const string FreeSome = "PRAGMA incremental_vacuum(500)";

    // What a start rewrites in about a second; a larger file is its operator's to rewrite (docs/operations.md, "Housekeeping").
    private const long RewrittenAtStart = 64 * 1024 * 1024;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>At the start, before anything is read: makes the file one that <see cref="CompactAsync"/> can make smaller.</summary>
    public static void MakeCompactable(SqliteConnection sqlite)
    {
        if (Read(sqlite, "PRAGMA auto_vacuum") == 0 && Read(sqlite, "PRAGMA page_count") * Read(sqlite, "PRAGMA page_size") <= RewrittenAtStart)
        {
            Run(sqlite, "PRAGMA auto_vacuum=INCREMENTAL; VACUUM");
        }
    }

    /// <summary>After many rows were deleted.</summary>
    public static Task CompactAsync(this McpIdentityDbContext db, CancellationToken cancellationToken) => OnSqliteAsync(
        db,
        async sqlite =>
        {
            long left;
            while ((left = Read(sqlite, "PRAGMA freelist_count")) > 0 &&
                await db.WriteAsync(() => Task.FromResult(Run(sqlite, FreeSome)), cancellationToken) && Read(sqlite, "PRAGMA freelist_count") < left)
            {
                await Task.Delay(Pause, cancellationToken);
            }

            // Also cuts the log to nothing, unless somebody reads at that moment.
            await db.WriteAsync(() => Task.FromResult(Run(sqlite, "PRAGMA wal_checkpoint(TRUNCATE)")), cancellationToken);
        },
        cancellationToken);

    private static async Task OnSqliteAsync(McpIdentityDbContext db, Func<SqliteConnection, Task> work, CancellationToken cancellationToken)
    {
        if (!db.Database.IsSqlite())
        {
            return;
        }

        await db.Database.OpenConnectionAsync(cancellationToken);
        try
        {
            await work((SqliteConnection)db.Database.GetDbConnection());
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    private static long Read(SqliteConnection sqlite, string pragma)
    {
        using var command = sqlite.CreateCommand();
        command.CommandText = pragma;
        return (long)command.ExecuteScalar()!;
    }

    /// <returns>False where another process is at work, or there is no room: the next time will do.</returns>
    // By SQLite's own function: the vacuum answers with rows that have no columns, at the first of which ADO.NET stops.
    private static bool Run(SqliteConnection sqlite, string statements) => raw.sqlite3_exec(sqlite.Handle, statements) == raw.SQLITE_OK;
}
