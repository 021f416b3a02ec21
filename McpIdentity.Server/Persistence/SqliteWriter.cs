using System.Collections.Concurrent;
using McpIdentity.Migrations;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Writes to SQLite in the order they come, all that wait at one moment in one transaction: a commit costs a wait for the
/// disk whether it holds one row or fifty, and is answered only after it (synchronous FULL). Requests that would each lock
/// the file sleep through each other's commits instead: 273 refreshes a second against docs/decisions/0005.
/// </summary>
/// <remarks>A thread of its own, because SQLite waits for disk and locks without letting its thread go.</remarks>
internal sealed class SqliteWriter : IDisposable
{
    private const int MaxBatch = 64;

    private readonly BlockingCollection<Write> _queue = [];
    private readonly string _connectionString;
    private readonly SqliteTurns _turns;
    private readonly Lazy<Thread> _thread;

    public SqliteWriter(string connectionString, SqliteTurns turns)
    {
        (_connectionString, _turns) = (connectionString, turns);
        // Lazy: a command-line verb that writes nothing starts no thread.
        _thread = new Lazy<Thread>(() =>
        {
            var thread = new Thread(Run) { IsBackground = true, Name = "SQLite writer" };
            thread.Start();
            return thread;
        });
    }

    /// <summary>Statements that wait to be written.</summary>
    public int Waiting => _queue.Count;

    /// <returns>How many rows changed, once that is durable.</returns>
    public Task<int> WriteAsync(string sql, object[] values) => WriteAsync((sql, values));

    /// <param name="statements">Several are done together: each must change a row, or none is done.</param>
    /// <returns>How many rows the last of them changed, once that is durable; 0 where nothing was done.</returns>
    public Task<int> WriteAsync(params (string Sql, object[] Values)[] statements)
    {
        _ = _thread.Value;
        var write = new Write(statements);
        _queue.Add(write);
        return write.Task;
    }

    /// <summary>Writes what waits, and ends.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        if (_thread.IsValueCreated)
        {
            _thread.Value.Join();
        }

        _queue.Dispose();
    }

    private void Run()
    {
        SqliteLink? link = null;
        var batch = new List<Write>(MaxBatch);
        foreach (var first in _queue.GetConsumingEnumerable())
        {
            batch.Clear();
            batch.Add(first);
            while (batch.Count < MaxBatch && _queue.TryTake(out var next))
            {
                batch.Add(next);
            }

            try
            {
                using (_turns.Take())
                {
                    try
                    {
                        Commit(link ??= new SqliteLink(_connectionString), batch);
                    }
                    catch (Exception exception)
                    {
                        _turns.Failed(exception); // before the next one takes its turn
                        throw;
                    }
                }

                batch.ForEach(write => write.End());
            }
            catch (Exception exception)
            {
                // Locked by another process, or the disk is full: nothing of it was kept, and whoever came meanwhile has
                // waited too. The closed connection has no half-done transaction; the next write opens another.
                link?.Dispose();
                link = null;
                while (_queue.TryTake(out var next))
                {
                    batch.Add(next);
                }

                batch.ForEach(write => write.Fail(exception));
            }
        }

        link?.Dispose();
    }

    private static void Commit(SqliteLink link, List<Write> batch)
    {
        link.Prepared("BEGIN IMMEDIATE").ExecuteNonQuery();
        foreach (var write in batch)
        {
            try
            {
                write.Rows = write.Statements is [var (sql, values)] ? link.Prepared(sql, values).ExecuteNonQuery() : RunTogether(link, write.Statements);
            }
            catch (Exception exception) when (!StorageFaults.IsOne(exception))
            {
                // SQLite takes back the statement that fails and not the transaction, in which others have written.
                write.Failure = exception;
            }
        }

        link.Prepared("COMMIT").ExecuteNonQuery();
    }

    private static int RunTogether(SqliteLink link, (string Sql, object[] Values)[] statements)
    {
        link.Prepared("SAVEPOINT together").ExecuteNonQuery();
        try
        {
            var rows = 0;
            foreach (var (sql, values) in statements)
            {
                rows = link.Prepared(sql, values).ExecuteNonQuery();
                if (rows == 0)
                {
                    TakeBack(link);
                    return 0;
                }
            }

            link.Prepared("RELEASE together").ExecuteNonQuery();
            return rows;
        }
        catch (Exception exception) when (!StorageFaults.IsOne(exception))
        {
            TakeBack(link);
            throw;
        }
    }

    // Others have written in the same transaction.
    private static void TakeBack(SqliteLink link)
    {
        link.Prepared("ROLLBACK TO together").ExecuteNonQuery();
        link.Prepared("RELEASE together").ExecuteNonQuery();
    }

    private sealed class Write((string Sql, object[] Values)[] statements)
    {
        // The answers are written by the pool, not by the thread that should be writing the next batch.
        private readonly TaskCompletionSource<int> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public (string Sql, object[] Values)[] Statements => statements;

        public int Rows { get; set; }

        /// <summary>Why this statement alone was not done.</summary>
        public Exception? Failure { get; set; }

        public Task<int> Task => _done.Task;

        public void End()
        {
            if (Failure is null)
            {
                _done.SetResult(Rows);
            }
            else
            {
                _done.SetException(Failure);
            }
        }

        public void Fail(Exception exception) => _done.SetException(exception);
    }
}
