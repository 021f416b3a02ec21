using System.Data.Common;
using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Work that one process at a time may do. PostgreSQL's advisory locks and, for the processes of one machine on one SQLite
/// file, a locked file beside it: both end with the process that held them, however it ended, and need no clock.
/// </summary>
internal static class ExclusiveWork
{
    private const int LinuxWouldBlock = 11;
    private const int MacWouldBlock = 35;
    private const int WindowsSharingViolation = unchecked((int)0x80070020);

    /// <summary>A transaction that waits for every other of the same name.</summary>
    public static async Task<IDbContextTransaction> BeginExclusiveAsync(this McpIdentityDbContext db, string name, CancellationToken cancellationToken)
    {
        // On SQLite it begins IMMEDIATE: it is the only writer of the database.
        var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (db.Database.IsNpgsql())
        {
            await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtext({LockName(name)}))", cancellationToken);
        }

        return transaction;
    }

    /// <summary>For work in many transactions.</summary>
    /// <returns>Ends the work when it is disposed of; null while another process does it.</returns>
    public static async Task<IAsyncDisposable?> TryBeginWorkAsync(this McpIdentityDbContext db, string name, CancellationToken cancellationToken)
    {
        if (db.Database.IsSqlite())
        {
            return TryLockFile(db, name);
        }

        await db.Database.OpenConnectionAsync(cancellationToken);
        var connection = db.Database.GetDbConnection();
        if (await AskAsync(connection, $"SELECT pg_try_advisory_lock(hashtext('{LockName(name)}'))", cancellationToken))
        {
            return new AdvisoryLock(db, connection, LockName(name));
        }

        await db.Database.CloseConnectionAsync();
        return null;
    }

    /// <summary>Waits until no other process does it.</summary>
    public static async Task<IAsyncDisposable> BeginWorkAsync(this McpIdentityDbContext db, string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await db.TryBeginWorkAsync(name, cancellationToken) is { } work)
            {
                return work;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }
    }

    private static string LockName(string name) => "mcpidentity " + name;

    private static Stream? TryLockFile(McpIdentityDbContext db, string name)
    {
        var database = new SqliteConnectionStringBuilder(db.Database.GetConnectionString());
        if (database is { DataSource: "" or ":memory:" } or { Mode: SqliteOpenMode.Memory })
        {
            return new MemoryStream(); // no second process can have it
        }

        try
        {
            return PrivateFiles.Open($"{Path.GetFullPath(database.DataSource)}-{name}.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (exception.HResult is LinuxWouldBlock or MacWouldBlock or WindowsSharingViolation)
        {
            return null; // Anything else, such as a disk that cannot be written, is not another process at work.
        }
    }

    private static async Task<bool> AskAsync(DbConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private sealed class AdvisoryLock(McpIdentityDbContext db, DbConnection connection, string name) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // A connection that broke has taken the lock along.
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await AskAsync(connection, $"SELECT pg_advisory_unlock(hashtext('{name}'))", CancellationToken.None);
            }

            await db.Database.CloseConnectionAsync();
        }
    }
}
