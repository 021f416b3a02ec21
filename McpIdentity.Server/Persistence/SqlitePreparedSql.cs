using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace McpIdentity.Server.Persistence;

/// <summary>On SQLite: readers beside each other, and all writes through the one <see cref="SqliteWriter"/>.</summary>
internal sealed class SqlitePreparedSql(string connectionString, SqliteWriter writer) : PreparedSql, IDisposable
{
    // As many as threads have read at the same time.
    private readonly ConcurrentBag<SqliteLink> _idle = [];

    public override ValueTask<T?> ReadAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class => new(Read(sql, values, row => row.Read() ? read(row) : null));

    public override Task<List<T>> ListAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken) =>
        Task.FromResult(Read(sql, values, row =>
        {
            var all = new List<T>();
            cancellationToken.ThrowIfCancellationRequested(); // here too, for a list in parts asks for each
            while (row.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                all.Add(read(row));
            }

            return all;
        }));

    public override Task<int> WriteAsync(string sql, params object?[] values) => writer.WriteAsync(sql, values);

    public override async Task<bool> WriteTogetherAsync(params (string Sql, object?[] Values)[] statements) => await writer.WriteAsync(statements) > 0;

    public override bool IsPostgres => false;

    public override string ConnectionString => connectionString;

    public override async Task<DbConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var pragmas = connection.CreateCommand();
            pragmas.CommandText = SqlitePragmas.Text;
            await pragmas.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public override DateTimeOffset Moment(DbDataReader row, int column) => new(Math.Clamp(row.GetInt64(column), 0, DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero);

    public void Dispose()
    {
        while (_idle.TryTake(out var link))
        {
            link.Dispose();
        }
    }

    private T Read<T>(string sql, object?[] values, Func<DbDataReader, T> read)
    {
        var link = _idle.TryTake(out var idle) ? idle : new SqliteLink(connectionString);
        try
        {
            T result;
            using (var row = link.Prepared(sql, values).ExecuteReader())
            {
                result = read(row);
            }

            _idle.Add(link);
            return result;
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }
}
