using McpIdentity.Migrations;
using McpIdentity.Server.Settings;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

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
    public static Task<IAsyncDisposable?> TryBeginWorkAsync(this McpIdentityDbContext db, string name, CancellationToken cancellationToken) =>
        TryBeginWorkAsync(db.Database.GetConnectionString()!, db.Database.IsNpgsql(), name, cancellationToken);

    /// <summary>Waits until no other process does it.</summary>
    public static Task<IAsyncDisposable> BeginWorkAsync(this McpIdentityDbContext db, string name, CancellationToken cancellationToken) =>
        BeginWorkAsync(db.Database.GetConnectionString()!, db.Database.IsNpgsql(), name, cancellationToken);

    /// <inheritdoc cref="BeginWorkAsync(McpIdentityDbContext, string, CancellationToken)"/>
    public static Task<IAsyncDisposable> BeginWorkAsync(this PreparedSql sql, string name, CancellationToken cancellationToken) =>
        BeginWorkAsync(sql.ConnectionString, sql.IsPostgres, name, cancellationToken);

    private static async Task<IAsyncDisposable> BeginWorkAsync(string connectionString, bool isPostgres, string name, CancellationToken cancellationToken)
    {
        for (var pause = 100; ; pause = Math.Min(pause * 2, 1000))
        {
            if (await TryBeginWorkAsync(connectionString, isPostgres, name, cancellationToken) is { } work)
            {
                return work;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(pause), cancellationToken); // each look is a connection of PostgreSQL
        }
    }

    // Not one method: to begin it would load Npgsql on SQLite too.
    private static Task<IAsyncDisposable?> TryBeginWorkAsync(string connectionString, bool isPostgres, string name, CancellationToken cancellationToken) =>
        isPostgres ? TryLockDatabaseAsync(connectionString, name, cancellationToken) : Task.FromResult<IAsyncDisposable?>(TryLockFile(connectionString, name));

    private static async Task<IAsyncDisposable?> TryLockDatabaseAsync(string connectionString, string name, CancellationToken cancellationToken)
    {
        // The lock is a transaction's, not a session's, which would not survive a pooler such as PgBouncer; the work has
        // transactions of its own on another connection.
        var connection = new NpgsqlConnection(PostgresConnections.OwnOf(connectionString));
        try
        {
            await connection.OpenAsync(cancellationToken);
            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = "SELECT pg_try_advisory_xact_lock(hashtext($1))";
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = LockName(name) });
            if (await command.ExecuteScalarAsync(cancellationToken) is true)
            {
                return new TransactionLock(connection, transaction);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        await connection.DisposeAsync();
        return null;
    }

    private static string LockName(string name) => "mcpidentity " + name;

    private static Stream? TryLockFile(string connectionString, string name)
    {
        var database = new SqliteConnectionStringBuilder(connectionString);
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

    private sealed class TransactionLock(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // Rolls back, so that the lock is free when this returns; a connection that broke has taken it along.
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
