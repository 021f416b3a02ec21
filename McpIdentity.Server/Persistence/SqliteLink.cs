using McpIdentity.Migrations;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Server.Persistence;

/// <summary>One open connection to SQLite with the statements that were prepared on it. For one thread at a time.</summary>
internal sealed class SqliteLink : IDisposable
{
    // A list has as many statements as there are choices of its conditions (ListQuery).
    private const int MostPrepared = 200;

    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _commands = [];

    public SqliteLink(string connectionString)
    {
        // Outside of the pool: a connection from it has forgotten its prepared statements.
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        _connection.Open();
        Prepared(SqlitePragmas.Text).ExecuteNonQuery();
        SqliteLower.Teach(_connection);
    }

    /// <summary>The prepared statement with these values, good until the next call.</summary>
    public SqliteCommand Prepared(string sql, params ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            if (_commands.Count == MostPrepared)
            {
                Forget();
            }

            command = _connection.CreateCommand();
            command.CommandText = sql;
            _commands[sql] = command;
        }

        for (var i = 0; i < values.Length; i++)
        {
            // The converter of the entities does the same: SQLite has no type for a moment.
            var value = values[i] switch
            {
                DateTimeOffset moment => moment.UtcTicks,
                string text => StorableText.Of(text),
                var other => other ?? DBNull.Value,
            };
            if (i == command.Parameters.Count)
            {
                command.Parameters.AddWithValue($"${i + 1}", value);
            }
            else
            {
                command.Parameters[i].Value = value;
            }
        }

        return command;
    }

    public void Dispose()
    {
        Forget();
        _connection.Dispose();
    }

    private void Forget()
    {
        foreach (var command in _commands.Values)
        {
            command.Dispose();
        }

        _commands.Clear();
    }
}
