using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using SQLitePCL;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// WAL, so that readers do not wait for the writer, and a busy timeout inside SQLite itself. EF Core opens the pooled
/// connection for every command; the pragmas are sent once for each underlying handle. SQLite's own <c>lower</c> knows the letters of
/// ASCII alone: what is looked for in any case is found as PostgreSQL finds it.
/// </summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    // synchronous stays FULL, SQLite's default: what was answered 200 survives a power cut too. The writers of this process
    // take turns, so that the busy timeout is for other processes alone.
    public const string Text = "PRAGMA journal_mode=WAL; PRAGMA busy_timeout=2000; PRAGMA temp_store=MEMORY;";

    private readonly ConditionalWeakTable<object, object> _prepared = [];

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Prepare(connection);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Prepare(connection);
        return Task.CompletedTask;
    }

    private void Prepare(DbConnection connection)
    {
        if (connection is not SqliteConnection { Handle: { } handle } || !_prepared.TryAdd(handle, handle))
        {
            return;
        }

        using var command = connection.CreateCommand();
        command.CommandText = Text;
        command.ExecuteNonQuery();
        // On the handle itself: what is registered by ADO.NET ends with each use of a pooled connection.
        raw.sqlite3_create_function(handle, "lower", 1, raw.SQLITE_UTF8 | raw.SQLITE_DETERMINISTIC, null, Lower);
    }

    private static void Lower(sqlite3_context context, object data, sqlite3_value[] arguments)
    {
        if (raw.sqlite3_value_type(arguments[0]) == raw.SQLITE_NULL)
        {
            raw.sqlite3_result_null(context);
        }
        else
        {
            raw.sqlite3_result_text(context, raw.sqlite3_value_text(arguments[0]).utf8_to_string().ToLowerInvariant());
        }
    }
}
