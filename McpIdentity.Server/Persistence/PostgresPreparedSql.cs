using System.Data.Common;
using McpIdentity.Migrations;
using Npgsql;

namespace McpIdentity.Server.Persistence;

/// <summary>On PostgreSQL: one round trip a statement.</summary>
internal sealed class PostgresPreparedSql(PostgresConnections connections) : PreparedSql
{
    // Npgsql gives a statement up later (ConnectionStrings); the caller has heard 503 by then.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // It counts microseconds from here.
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly long FirstMoment = (DateTimeOffset.MinValue - Epoch).Ticks / TimeSpan.TicksPerMicrosecond;
    private static readonly long LastMoment = (DateTimeOffset.MaxValue - Epoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public override async ValueTask<T?> ReadAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class => await RunAsync(await ConnectAsync(cancellationToken), sql, values, async command =>
        {
            // Without the token: to take a statement back costs more than to hear its answer.
            await using var row = await command.ExecuteReaderAsync(CancellationToken.None);
            return await row.ReadAsync(CancellationToken.None) ? read(row) : null;
        }).WaitAsync(Patience, cancellationToken);

    // With the token: one that takes long is taken back, for it would go on in the database when whoever asked is gone.
    public override async Task<List<T>> ListAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken) =>
        await RunAsync(await ConnectAsync(cancellationToken), sql, values, async command =>
        {
            var all = new List<T>();
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                all.Add(read(rows));
            }

            return all;
        });

    public override async Task<int> WriteAsync(string sql, params object?[] values) =>
        await RunAsync(await ConnectAsync(CancellationToken.None), sql, values, command => command.ExecuteNonQueryAsync()).WaitAsync(Patience);

    public override async Task<bool> WriteTogetherAsync(params (string Sql, object?[] Values)[] statements) =>
        await RunTogetherAsync(await ConnectAsync(CancellationToken.None), statements).WaitAsync(Patience);

    public override bool IsPostgres => true;

    // By PostgreSQL's own number: what somebody has put there may be no moment of .NET.
    public override DateTimeOffset Moment(DbDataReader row, int column) => Epoch.AddTicks(Math.Clamp(row.GetFieldValue<long>(column), FirstMoment, LastMoment) * TimeSpan.TicksPerMicrosecond);

    public override string ConnectionString => connections.ConnectionString;

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken) => await ConnectAsync(cancellationToken);

    private async Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connections.ConnectionString);
        try
        {
            await connections.OpenAsync(connection, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<bool> RunTogetherAsync(NpgsqlConnection connection, (string Sql, object?[] Values)[] statements)
    {
        await using (connection)
        {
            try
            {
                await using var transaction = await connection.BeginTransactionAsync();
                foreach (var (sql, values) in statements)
                {
                    await using var command = Command(connection, sql, values);
                    if (await command.ExecuteNonQueryAsync() == 0)
                    {
                        return false; // what was done is taken back with the transaction
                    }
                }

                await transaction.CommitAsync();
                connections.Answered();
                return true;
            }
            catch (PostgresException exception)
            {
                PostgresConnections.Failed(connection, exception);
                throw;
            }
        }
    }

    // Closes the connection when the statement has ended, however long ago the caller left.
    private async Task<T> RunAsync<T>(NpgsqlConnection connection, string sql, object?[] values, Func<NpgsqlCommand, Task<T>> execute)
    {
        await using (connection)
        {
            try
            {
                await using var command = Command(connection, sql, values);
                var result = await execute(command);
                connections.Answered();
                return result;
            }
            catch (PostgresException exception)
            {
                PostgresConnections.Failed(connection, exception);
                throw;
            }
        }
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(value switch
            {
                byte[] bytes => new NpgsqlParameter<byte[]> { TypedValue = bytes },
                string text => new NpgsqlParameter<string> { TypedValue = StorableText.Of(text) },
                int number => new NpgsqlParameter<int> { TypedValue = number },
                DateTimeOffset moment => new NpgsqlParameter<DateTimeOffset> { TypedValue = moment },
                _ => new NpgsqlParameter { Value = value ?? DBNull.Value }, // a null without a type has that of its column
            });
        }

        return command;
    }
}
