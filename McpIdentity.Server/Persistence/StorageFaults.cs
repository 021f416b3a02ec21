using System.Data.Common;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;
using StackExchange.Redis;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Persistence;

/// <summary>Which exceptions say that the database or Redis is away, locked or full: not the caller's fault and not a bug.</summary>
internal static class StorageFaults
{
    /// <summary>Whether the exception, or one that it wraps as EF Core does, says that a dependency did not do its part.</summary>
    public static bool IsOne(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is TimeoutException or SocketException or RedisException or StorageUnavailableException ||
                (exception is SqliteException sqlite && IsOfFile(sqlite.SqliteErrorCode)) ||
                (exception is DbException database && (database.IsTransient || IsOfServer(database))))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOfFile(int code) =>
        code is SQLITE_BUSY or SQLITE_LOCKED or SQLITE_READONLY or SQLITE_IOERR or SQLITE_FULL or SQLITE_CANTOPEN or SQLITE_CORRUPT or SQLITE_NOTADB;

    // Whatever Npgsql says itself is about the connection; of the server's own words those that are not about our statement:
    // 57P0x shutting down or starting, 25006 read-only after a failover.
    private static bool IsOfServer(DbException exception) => exception is PostgresException answer
        ? answer.SqlState.StartsWith("57P0", StringComparison.Ordinal) || answer.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction
        : exception is NpgsqlException;
}
