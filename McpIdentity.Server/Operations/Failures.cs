using System.Net.Sockets;
using System.Security.Cryptography;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;
using StackExchange.Redis;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Operations;

/// <summary>
/// What stopped a start or a verb, in one line that an operator can act upon: what is wrong, where it is set, what to do.
/// A stack helps nobody but us, and is there for <c>LOG_LEVEL=debug</c>.
/// </summary>
internal static class Failures
{
    public static string Describe(Exception exception)
    {
        // The list of problems has a line for each.
        if (exception is ConfigurationProblems.InvalidConfigurationException)
        {
            return exception.Message;
        }

        if (exception is InvalidOperationException or StorageUnavailableException && exception.Source?.StartsWith(nameof(McpIdentity), StringComparison.Ordinal) == true)
        {
            return OneLine(exception.Message); // ours, written for an operator
        }

        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (KnownCause(inner) is { } known)
            {
                // Kestrel names the address, and the system what is the matter with it.
                return OneLine(exception is IOException && inner is SocketException or AddressInUseException ? $"{exception.Message} {known}" : known);
            }
        }

        return OneLine(exception is InvalidOperationException or IOException
            ? exception.Message
            : $"{exception.GetType().Name}: {exception.Message} (LOG_LEVEL=debug shows where)");
    }

    /// <summary>Whether what stopped it is away, locked or overloaded, so that the same again may do later.</summary>
    public static bool IsAway(Exception exception)
    {
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            if (inner is SqliteException { SqliteErrorCode: not (SQLITE_BUSY or SQLITE_LOCKED) } or PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } or
                SocketException { SocketErrorCode: not (SocketError.ConnectionRefused or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.TimedOut or SocketError.HostNotFound or SocketError.TryAgain or SocketError.ConnectionReset) })
            {
                return false; // for an operator to mend
            }
        }

        return StorageFaults.IsOne(exception);
    }

    private static string? KnownCause(Exception exception) => exception switch
    {
        OptionsValidationException options => string.Join(" ", options.Failures),
        InvalidDataException { InnerException: { } json } => $"{exception.Message} {json.GetBaseException().Message} Mend the file: config validate says whether it can be read.",
        AddressInUseException => "Another program listens there (address already in use): stop it, or set another Server:Port (PORT).",
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } => "The port is in use by another program: stop it, or set another Server:Port (PORT).",
        SocketException { SocketErrorCode: SocketError.AccessDenied } =>
            "The system does not let this user listen on that port: ports below 1024 are for root. Set another Server:Port (PORT) and let a proxy or the container's own mapping stand before it.",
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "An address to listen on is none of this machine's: see ASPNETCORE_URLS and Kestrel:Endpoints.",
        SqliteException sqlite => DescribeSqlite(sqlite),
        PostgresException postgres => DescribePostgres(postgres),
        NpgsqlException { InnerException: null or SocketException or TimeoutException or IOException } npgsql => $"PostgreSQL cannot be used: {npgsql.GetBaseException().Message.TrimEnd('.')}. Does it run, and is Database:Url (DATABASE_URL) right?",
        RedisException redis => $"Redis cannot be used: {redis.Message} Does it run, and are REDIS_HOST, REDIS_PORT and REDIS_TLS right?",
        StorageUnavailableException { InnerException: { } inner } storage => $"{storage.Message} {inner.Message}",
        CryptographicException crypto => $"A key or certificate cannot be used: {crypto.Message} See OAuth:EncryptionKey (ENCRYPTION_KEY) and Kestrel:Certificates.",
        UnauthorizedAccessException access => $"{access.Message} The folder and what is in it must belong to the user '{Environment.UserName}', who runs this.",
        TimeoutException timeout => $"{timeout.Message} The database or Redis did not answer in time: see Database:Url (DATABASE_URL) and REDIS_HOST.",
        _ => null,
    };

    private static string DescribeSqlite(SqliteException exception) => exception.SqliteErrorCode switch
    {
        SQLITE_CANTOPEN or SQLITE_READONLY or SQLITE_PERM => $"The SQLite file of Database:ConnectionString cannot be opened for writing by the user '{Environment.UserName}': {exception.Message}",
        SQLITE_NOTADB or SQLITE_CORRUPT => $"The file of Database:ConnectionString is no SQLite database, or is damaged: {exception.Message} Name another file, or put a backup back.",
        SQLITE_FULL => $"The disk of the SQLite file is full: {exception.Message}",
        SQLITE_BUSY or SQLITE_LOCKED => $"Another process holds the SQLite file of Database:ConnectionString: {exception.Message} Try again when it has ended.",
        _ => $"SQLite cannot do its work on the file of Database:ConnectionString: {exception.Message}",
    };

    private static string DescribePostgres(PostgresException exception) => exception.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"PostgreSQL does not let us in: {exception.MessageText}. User and password stand in Database:Url (DATABASE_URL).",
        PostgresErrorCodes.InsufficientPrivilege =>
            $"PostgreSQL refuses: {exception.MessageText}. Grant the database's user the right to change the schema, or run the verb migrate as another user and set Database:MigrateOnStart=false.",
        PostgresErrorCodes.TooManyConnections => $"PostgreSQL has no connection left: {exception.MessageText}. Raise max_connections, or lower Maximum Pool Size in the connection string.",
        _ => $"PostgreSQL refuses: {exception.MessageText} ({exception.SqlState}). See Database:Url (DATABASE_URL).",
    };

    private static string OneLine(string text) => string.Join(' ', text.Split((char[])['\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
