using System.Data.Common;
using McpIdentity.Migrations;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>On PostgreSQL: one round trip a statement, over connections of their own.</summary>
internal sealed class PostgresPreparedSql(string connectionString) : PreparedSql, IAsyncDisposable
{
    // Npgsql takes longer than its timeout over a cut line (ConnectionStrings); the caller has heard 503 by then.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    // EF Core's connections are cleaned when they go back to the pool, in case somebody left a lock or a setting behind.
    // These run nothing but the statements below, so that there is nothing to clean, and few of them serve many requests.
    private readonly NpgsqlDataSource _connections = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
    {
        NoResetOnClose = true,
        MaxPoolSize = 20,
        MinPoolSize = 0,
    });

    public override async ValueTask<T?> ReadAsync<T>(string sql, object[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class => await SelectAsync(sql, values, read, cancellationToken).WaitAsync(Patience, cancellationToken);

    public override Task<int> WriteAsync(string sql, params object[] values) => ExecuteAsync(sql, values).WaitAsync(Patience);

    public override DateTimeOffset Moment(DbDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    public ValueTask DisposeAsync() => _connections.DisposeAsync();

    private async Task<T?> SelectAsync<T>(string sql, object[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class
    {
        await using var command = Command(sql, values);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? read(row) : null;
    }

    private async Task<int> ExecuteAsync(string sql, object[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync();
    }

    private NpgsqlCommand Command(string sql, object[] values)
    {
        var command = _connections.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(value switch
            {
                byte[] bytes => new NpgsqlParameter<byte[]> { TypedValue = bytes },
                string text => new NpgsqlParameter<string> { TypedValue = StorableText.Of(text) },
                int number => new NpgsqlParameter<int> { TypedValue = number },
                DateTimeOffset moment => new NpgsqlParameter<DateTimeOffset> { TypedValue = moment },
                _ => new NpgsqlParameter { Value = value },
            });
        }

        return command;
    }
}
