using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace McpIdentity.Server.Housekeeping;

/// <summary>
/// Copies all that one database has into another, of either kind: every table of the model, as it is at one moment, in one
/// transaction. Whatever goes wrong, the target is as empty as before, and the copy is begun again.
/// </summary>
/// <param name="source">Read in one transaction, and not changed.</param>
/// <param name="target">Migrated, and empty.</param>
internal sealed class DatabaseCopy(McpIdentityDbContext source, McpIdentityDbContext target)
{
    private const int MaxRows = 500;
    private const int MaxParameters = 20_000; // SQLite takes 32,766 of a statement, PostgreSQL 65,535
    private const int ProgressEvery = 10_000;

    // What running `migrate` itself leaves behind: a record that it did.
    private const string Migrated = "database_migrated";
    private static readonly string[] Records = ["AuditEntries", "AuditHeads"];

    private readonly IReadOnlyList<CopiedTable> _tables = CopiedTable.AllOf(source.Model, target.Model);

    /// <summary>How far it is: the table, how many of its rows were copied, and how many of all in a hundred.</summary>
    public Action<string, long, int> Progress { get; init; } = (_, _, _) => { };

    /// <returns>The rows of each table.</returns>
    /// <exception cref="InvalidOperationException">The target has data, cannot keep a value, or has not what was written.</exception>
    public async Task<IReadOnlyList<(string Table, long Rows)>> RunAsync(CancellationToken cancellationToken)
    {
        await source.Database.OpenConnectionAsync(cancellationToken);
        await using var from = await BeginReadingAsync(cancellationToken);
        await using var exclusive = await target.BeginExclusiveAsync("copy", cancellationToken);
        var to = exclusive.GetDbTransaction();
        await RequireEmptyAsync(to, cancellationToken);

        var counts = new Dictionary<CopiedTable, long>();
        foreach (var table in _tables)
        {
            counts[table] = await CountAsync(from, table, cancellationToken);
        }

        var (all, before) = (Math.Max(1, counts.Values.Sum()), 0L);
        var copied = new List<(string, long)>();
        foreach (var table in _tables)
        {
            var written = await CopyAsync(table, from, to, rows => Progress(table.Name, rows, (int)((before + rows) * 100 / all)), cancellationToken);
            var arrived = await SumAsync(table, to, cancellationToken);
            if (written.Rows != counts[table] || arrived != written)
            {
                throw new InvalidOperationException($"The table {table.Name} did not arrive as it is: {counts[table]} rows to copy, {written.Rows} written, {arrived.Rows} found in the target. Nothing was kept of the copy.");
            }

            before += written.Rows;
            copied.Add((table.Name, written.Rows));
            await GoOnNumberingAsync(table, to, cancellationToken);
        }

        await exclusive.CommitAsync(cancellationToken);
        return copied;
    }

    // SQLite: of a transaction that only reads, the first statement decides what it sees, and servers go on writing beside it.
    private async Task<DbTransaction> BeginReadingAsync(CancellationToken cancellationToken) => source.Database.GetDbConnection() is Microsoft.Data.Sqlite.SqliteConnection sqlite
        ? sqlite.BeginTransaction(deferred: true)
        : await source.Database.GetDbConnection().BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);

    private async Task RequireEmptyAsync(DbTransaction to, CancellationToken cancellationToken)
    {
        foreach (var table in _tables)
        {
            var isRecord = Records.Contains(table.Name);
            var counted = !isRecord ? "" : table.To.FindProperty("Event") is null ? " WHERE 1 = 0" : $" WHERE \"Event\" <> '{Migrated}'";
            if (await CountAsync(to, table, cancellationToken, counted) > 0)
            {
                throw new InvalidOperationException($"The target has data already (in the table {table.Name}). A copy goes into an empty database that no server has used: name another, or drop and create this one.");
            }

            if (isRecord)
            {
                await ExecuteAsync(to, $"DELETE FROM {table.Quoted}", cancellationToken);
            }
        }
    }

    private static async Task<RowSum> CopyAsync(CopiedTable table, DbTransaction from, DbTransaction to, Action<long> progress, CancellationToken cancellationToken)
    {
        var size = Math.Clamp(MaxParameters / table.Columns.Count, 1, MaxRows);
        var (batch, sum) = (new List<object?[]>(size), new RowSum());
        await using var command = CommandOf(from, table.Select);
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = table.ReadSource(reader);
            table.RequireStorable(row);
            sum = sum.With(row);
            batch.Add(row);
            if (batch.Count == size)
            {
                await InsertAsync(table, to, batch, cancellationToken);
            }

            if (sum.Rows % ProgressEvery == 0)
            {
                progress(sum.Rows);
            }
        }

        await InsertAsync(table, to, batch, cancellationToken);
        progress(sum.Rows);
        return sum;
    }

    private static async Task InsertAsync(CopiedTable table, DbTransaction to, List<object?[]> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await using var command = CommandOf(to, "");
        var text = new StringBuilder(table.Insert);
        foreach (var row in rows)
        {
            text.Append(command.Parameters.Count == 0 ? "(" : ", (");
            for (var column = 0; column < row.Length; column++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"@p{command.Parameters.Count}");
                text.Append(column == 0 ? "" : ", ").Append(name);
                command.Parameters.Add(table.Columns[column].To.GetRelationalTypeMapping().CreateParameter(command, name, row[column], nullable: true));
            }

            text.Append(')');
        }

        command.CommandText = text.ToString();
        await command.ExecuteNonQueryAsync(cancellationToken);
        rows.Clear();
    }

    private static async Task<RowSum> SumAsync(CopiedTable table, DbTransaction to, CancellationToken cancellationToken)
    {
        var sum = new RowSum();
        await using var command = CommandOf(to, table.SelectInTarget);
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            sum = sum.With(table.ReadTarget(reader));
        }

        return sum;
    }

    // PostgreSQL gives numbers from a sequence, which knows nothing of rows that brought theirs along; SQLite looks at the rows.
    private async Task GoOnNumberingAsync(CopiedTable table, DbTransaction to, CancellationToken cancellationToken)
    {
        if (target.Database.IsNpgsql() && table.Number is { } column)
        {
            await ExecuteAsync(to, $"SELECT setval(pg_get_serial_sequence('{table.Quoted}', '{column}'), (SELECT COALESCE(MAX(\"{column}\"), 0) + 1 FROM {table.Quoted}), false)", cancellationToken);
        }
    }

    private static async Task<long> CountAsync(DbTransaction transaction, CopiedTable table, CancellationToken cancellationToken, string where = "")
    {
        await using var command = CommandOf(transaction, $"SELECT COUNT(*) FROM {table.Quoted}{where}");
        return Convert.ToInt64(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
    }

    private static async Task ExecuteAsync(DbTransaction transaction, string sql, CancellationToken cancellationToken)
    {
        await using var command = CommandOf(transaction, sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // Not by EF Core, whose interceptors would mend a text on its way. The bound of a request is not meant for whole tables.
    private static DbCommand CommandOf(DbTransaction transaction, string sql)
    {
        var command = transaction.Connection!.CreateCommand();
        (command.Transaction, command.CommandText, command.CommandTimeout) = (transaction, sql, 600);
        return command;
    }
}
