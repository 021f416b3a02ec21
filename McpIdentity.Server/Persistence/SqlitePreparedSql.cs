using System.Collections.Concurrent;
using System.Data.Common;

namespace McpIdentity.Server.Persistence;

/// <summary>On SQLite: readers beside each other, and all writes through the one <see cref="SqliteWriter"/>.</summary>
internal sealed class SqlitePreparedSql(string connectionString, SqliteWriter writer) : PreparedSql, IDisposable
{
    // As many as threads have read at the same time.
    private readonly ConcurrentBag<SqliteLink> _idle = [];

    public override ValueTask<T?> ReadAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class
    {
        var link = _idle.TryTake(out var idle) ? idle : new SqliteLink(connectionString);
        try
        {
            T? result;
            using (var row = link.Prepared(sql, values).ExecuteReader())
            {
                result = row.Read() ? read(row) : null;
            }

            _idle.Add(link);
            return new(result);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    public override Task<int> WriteAsync(string sql, params object?[] values) => writer.WriteAsync(sql, values);

    public override async Task<bool> WriteTogetherAsync(params (string Sql, object?[] Values)[] statements) => await writer.WriteAsync(statements) > 0;

    public override bool IsPostgres => false;

    public override DateTimeOffset Moment(DbDataReader row, int column) => new(Math.Clamp(row.GetInt64(column), 0, DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero);

    public void Dispose()
    {
        while (_idle.TryTake(out var link))
        {
            link.Dispose();
        }
    }
}
