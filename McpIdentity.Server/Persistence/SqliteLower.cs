using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace McpIdentity.Server.Persistence;

/// <summary>SQLite's own <c>lower</c> knows the letters of ASCII alone: what is looked for in any case is found as PostgreSQL finds it.</summary>
internal static class SqliteLower
{
    /// <param name="connection">An open one.</param>
    // On the handle itself: what is registered by ADO.NET ends with each use of a pooled connection.
    public static void Teach(SqliteConnection connection) => raw.sqlite3_create_function(connection.Handle, "lower", 1, raw.SQLITE_UTF8 | raw.SQLITE_DETERMINISTIC, null, Lower);

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
