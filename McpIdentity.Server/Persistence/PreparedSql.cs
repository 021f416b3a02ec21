using System.Data.Common;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// The few statements that nearly every request, every start or a verb that lists runs, prepared once a connection, over the tables that EF Core maps.
/// EF Core builds and translates a query, opens a connection and tracks nothing that these need: docs/decisions/0005 has
/// the figures. Everything that is not hot stays with EF Core, which a server loads when something asks for it.
/// </summary>
internal abstract class PreparedSql
{
    /// <param name="sql">A constant, or of a <see cref="ListQuery"/>; its parameters are <c>$1</c>, <c>$2</c> and so on, and its names are quoted.</param>
    /// <param name="values">Byte arrays, strings, numbers, moments in UTC, and nulls.</param>
    /// <param name="read">Reads the row.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The one row, or null.</returns>
    public abstract ValueTask<T?> ReadAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken)
        where T : class;

    /// <summary>All rows: for a start, for what follows the database beside requests, and for what people look through.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    /// <param name="sql">As of <see cref="ReadAsync"/>.</param>
    /// <param name="values">As of <see cref="ReadAsync"/>.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="cancellationToken">Ends the statement.</param>
    public abstract Task<List<T>> ListAsync<T>(string sql, object?[] values, Func<DbDataReader, T> read, CancellationToken cancellationToken);

    /// <summary>All rows of a list whose conditions somebody chose.</summary>
    /// <inheritdoc cref="ListAsync{T}(string, object?[], Func{DbDataReader, T}, CancellationToken)"/>
    public Task<List<T>> ListAsync<T>(ListQuery query, Func<DbDataReader, T> read, CancellationToken cancellationToken) => ListAsync(query.Text, query.Values, read, cancellationToken);

    /// <summary>One statement in a transaction of its own: when this returns, what it wrote survives a crash and a power cut.</summary>
    /// <inheritdoc cref="ReadAsync"/>
    /// <returns>How many rows it changed.</returns>
    /// <remarks>Once sent it is not called back: a client that hangs up must not make a half-known spending.</remarks>
    public abstract Task<int> WriteAsync(string sql, params object?[] values);

    /// <summary>Several statements in one transaction, of which each must change a row: all of them are done, or none.</summary>
    /// <inheritdoc cref="WriteAsync"/>
    /// <returns>Whether they were done.</returns>
    public abstract Task<bool> WriteTogetherAsync(params (string Sql, object?[] Values)[] statements);

    /// <summary>Whether the database is PostgreSQL, where one statement cannot be written for both.</summary>
    public abstract bool IsPostgres { get; }

    /// <summary>How EF Core reaches the same database.</summary>
    public abstract string ConnectionString { get; }

    /// <summary>An open connection of that kind, for statements that run once in the life of a database.</summary>
    public abstract Task<DbConnection> OpenAsync(CancellationToken cancellationToken);

    /// <summary>A moment, in the form in which the provider keeps it.</summary>
    public abstract DateTimeOffset Moment(DbDataReader row, int column);
}
