using McpIdentity.Migrations;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// Writes to SQLite in the order they come, all that wait at one moment in one transaction: a commit costs a wait for the
/// disk whether it holds one row or fifty, and is answered only after it (synchronous FULL). Requests that would each lock
/// the file sleep through each other's commits instead: 273 refreshes a second against docs/decisions/0005.
/// </summary>
/// <remarks>A thread of its own, because SQLite waits for disk and locks without letting its thread go.</remarks>
internal sealed class SqliteWriter(string connectionString, SqliteTurns turns) : IDisposable
{
    private const int MaxBatch = 64;

    // Waited for by Monitor, which blocks at once: a collection that spins before it blocks takes, between any two batches, the
    // processor from those who make the next one.
    private readonly Queue<Write> _queue = new();
    private Thread? _thread; // none in a command-line verb that writes nothing
    private bool _ends;

    /// <summary>Statements that wait to be written.</summary>
    public int Waiting
    {
        get
        {
            lock (_queue)
            {
                return _queue.Count;
            }
        }
    }

    /// <returns>How many rows changed, once that is durable.</returns>
    public Task<int> WriteAsync(string sql, object?[] values) => WriteAsync((sql, values));

    /// <param name="statements">Several are done together: each must change a row, or none is done.</param>
    /// <returns>How many rows the last of them changed, once that is durable; 0 where nothing was done.</returns>
    public Task<int> WriteAsync(params (string Sql, object?[] Values)[] statements)
    {
        var write = new Write(statements);
        lock (_queue)
        {
            ObjectDisposedException.ThrowIf(_ends, this);
            _queue.Enqueue(write);
            if (_thread is null)
            {
                _thread = new Thread(Run) { IsBackground = true, Name = "SQLite writer" };
                _thread.Start();
            }
            else if (_queue.Count == 1)
            {
                Monitor.Pulse(_queue); // who comes after it is taken with it
            }
        }

        return write.Task;
    }

    /// <summary>Writes what waits, and ends.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _ends = true;
            Monitor.Pulse(_queue);
        }

        _thread?.Join();
    }

    private void Run()
    {
        SqliteLink? link = null;
        var batch = new List<Write>(MaxBatch);
        while (Take(batch))
        {
            try
            {
                using (turns.Take())
                {
                    try
                    {
                        Commit(link ??= new SqliteLink(connectionString), batch);
                    }
                    catch (Exception exception)
                    {
                        turns.Failed(exception); // before the next one takes its turn
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
                lock (_queue)
                {
                    batch.AddRange(_queue);
                    _queue.Clear();
                }

                batch.ForEach(write => write.Fail(exception));
            }
        }

        link?.Dispose();
    }

    /// <summary>Waits until something is to be written, and takes all of it that one transaction holds.</summary>
    /// <returns>False at the end, when all is written.</returns>
    private bool Take(List<Write> batch)
    {
        batch.Clear();
        lock (_queue)
        {
            while (_queue.Count == 0 && !_ends)
            {
                Monitor.Wait(_queue);
            }

            while (batch.Count < MaxBatch && _queue.TryDequeue(out var next))
            {
                batch.Add(next);
            }
        }

        return batch.Count > 0;
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

    private static int RunTogether(SqliteLink link, (string Sql, object?[] Values)[] statements)
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

    private sealed class Write((string Sql, object?[] Values)[] statements)
    {
        // The answers are written by the pool, not by the thread that should be writing the next batch.
        private readonly TaskCompletionSource<int> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public (string Sql, object?[] Values)[] Statements => statements;

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
