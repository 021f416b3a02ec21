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

    /// <summary>
    /// How grave it is that work which no request waits for has failed, and is done again by itself: a database or Redis that is away or slow
    /// is a warning, as it is for a request; what an operator has to mend, or we, is an error.
    /// </summary>
    public static LogLevel LevelOf(Exception exception) => IsOne(exception) && !IsRefusal(exception) && !IsDamage(exception) ? LogLevel.Warning : LogLevel.Error;

    /// <summary>Whether the server refuses us until an operator does something: to wait at the start would not help.</summary>
    public static bool IsRefusal(Exception exception) =>
        exception.GetBaseException() is PostgresException answer && IsOfClass(answer, "28", "3D");

    private static bool IsDamage(Exception exception) => exception.GetBaseException() is SqliteException { SqliteErrorCode: SQLITE_CORRUPT or SQLITE_NOTADB };

    /// <summary>Whether a row was not written because one with the same key is there.</summary>
    public static bool IsTaken(Exception exception) =>
        exception is SqliteException { SqliteExtendedErrorCode: SQLITE_CONSTRAINT_UNIQUE or SQLITE_CONSTRAINT_PRIMARYKEY } or PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    // Whatever Npgsql says itself is about the connection; of the server's own words (PostgreSQL, "Error Codes") those that are
    // not about our statement: 08 the connection, and all that PgBouncer says, 25 read-only after a failover or idle for too
    // long within a transaction, 28 and 3D a password or database that is gone, 53 too many connections or a full disk, 57
    // shutting down, starting, or over its own limit of time, 58 an error of its system.
    private static bool IsOfServer(DbException exception) => exception is PostgresException answer
        ? IsOfClass(answer, "08", "28", "3D", "53", "57", "58") || answer.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction or IdleInTransactionTimeout
        : exception is NpgsqlException;

    private const string IdleInTransactionTimeout = "25P03";

    private static bool IsOfClass(PostgresException answer, params ReadOnlySpan<string> classes)
    {
        foreach (var name in classes)
        {
            if (answer.SqlState.StartsWith(name, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
