using System.Data.Common;
using System.Net.Sockets;
using McpIdentity.Server.Pages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using Microsoft.Data.Sqlite;
using Npgsql;
using StackExchange.Redis;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The database or Redis is away, locked or full: not the caller's fault and not a bug. It is answered 503 with
/// <c>Retry-After</c> (security 20), and one line in the log says what it was.
/// </summary>
internal static partial class DependencyFaults
{
    // A restart is over in about a second, and a refresh that comes too early is as cheap as any other refusal.
    private const string RetryAfterSeconds = "2";

    /// <summary>Whether the exception, or one that it wraps as EF Core does, says that a dependency did not do its part.</summary>
    public static bool IsOne(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is TimeoutException or SocketException or RedisException or SessionStorageException ||
                (exception is SqliteException sqlite && IsOfFile(sqlite.SqliteErrorCode)) ||
                (exception is DbException database && (database.IsTransient || IsOfServer(database))))
            {
                return true;
            }
        }

        return false;
    }

    public static OAuthError Answer(HttpContext context, Exception exception)
    {
        Prepare(context, exception);
        return new OAuthError(Errors.TemporarilyUnavailable, $"The server cannot reach what it stores its data in. Try again shortly. Reference: {ReferenceId.Of(context)}")
        {
            StatusCode = StatusCodes.Status503ServiceUnavailable,
        };
    }

    /// <summary>
    /// For people a page: the status alone, which <c>UseStatusCodePagesWithReExecute</c> further out turns into one.
    /// </summary>
    public static async Task ShowPageAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted && IsOne(exception))
        {
            context.Response.Clear();
            Prepare(context, exception);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Features.Set(PersonError.Unavailable);
            // The page must not look for the session again: it would run into the same fault.
            context.Request.Headers.Cookie = default;
        }
    }

    private static void Prepare(HttpContext context, Exception exception)
    {
        context.Response.Headers.RetryAfter = RetryAfterSeconds;
        var root = exception.GetBaseException();
        // The type and the message; both speak of addresses and error codes, never of values (Npgsql keeps those for "Detail").
        Unavailable(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(DependencyFaults)),
            context.Request.Path, root.GetType().Name, root.Message.ReplaceLineEndings(" "));
    }

    private static bool IsOfFile(int code) =>
        code is SQLITE_BUSY or SQLITE_LOCKED or SQLITE_READONLY or SQLITE_IOERR or SQLITE_FULL or SQLITE_CANTOPEN;

    // Whatever Npgsql says itself is about the connection; of the server's own words those that are not about our statement:
    // 57P0x shutting down or starting, 25006 read-only after a failover.
    private static bool IsOfServer(DbException exception) => exception is PostgresException answer
        ? answer.SqlState.StartsWith("57P0", StringComparison.Ordinal) || answer.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction
        : exception is NpgsqlException;

    [LoggerMessage(1401, LogLevel.Warning, "{Path} was answered 503: {Kind}: {Problem}")]
    private static partial void Unavailable(ILogger logger, string path, string kind, string problem);
}
