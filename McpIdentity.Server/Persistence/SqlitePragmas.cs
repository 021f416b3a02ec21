using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// WAL, so that readers do not wait for the writer, and a busy timeout inside SQLite itself. EF Core opens the pooled
/// connection for every command; the pragmas are sent once for each underlying handle.
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
        if (connection is not SqliteConnection { Handle: { } handle } sqlite || !_prepared.TryAdd(handle, handle))
        {
            return;
        }

        using var command = connection.CreateCommand();
        command.CommandText = Text;
        command.ExecuteNonQuery();
        SqliteLower.Teach(sqlite);
    }
}
