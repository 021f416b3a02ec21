using Microsoft.Data.Sqlite;
using static SQLitePCL.raw;

namespace McpIdentity.Migrations;

/// <summary>
/// SQLite has one writer at a time. Those of this process wait for their turn here, without holding a thread and without
/// SQLite's sleeps of up to a tenth of a second; SQLite's own lock is left for other processes. When one of those keeps it
/// longer than the busy timeout, all that wait fail together: in bounded time, and everything that does not write goes on.
/// </summary>
public sealed class SqliteTurns : IDisposable
{
    // As long as turns come and go a slow disk is no fault.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1);
    private CancellationTokenSource _locked = new();

    /// <summary>The turn of a thread that writes by itself.</summary>
    public Turn Take()
    {
        WaitAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return new Turn(_turn);
    }

    /// <summary>Told why a turn failed: where the file is locked, those that wait would only find the same.</summary>
    public void Failed(Exception? exception)
    {
        if (exception?.GetBaseException() is SqliteException { SqliteErrorCode: SQLITE_BUSY })
        {
            Interlocked.Exchange(ref _locked, new CancellationTokenSource()).Cancel();
        }
    }

    /// <summary>Runs one write of EF Core in its turn.</summary>
    /// <exception cref="SqliteException">The file is locked by another process, longer than a request waits.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> write, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(write);
        await WaitAsync(cancellationToken);
        try
        {
            return await write();
        }
        catch (Exception exception)
        {
            Failed(exception);
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Dispose();
        _locked.Dispose();
    }

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (_turn.Wait(TimeSpan.Zero, CancellationToken.None))
        {
            return;
        }

        var locked = Volatile.Read(ref _locked).Token;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, locked);
        try
        {
            if (await _turn.WaitAsync(Patience, end.Token))
            {
                // Whose turn failed says so and lets go in one moment: a waiter may hear the second first.
                if (!locked.IsCancellationRequested)
                {
                    return;
                }

                _turn.Release();
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Another's turn failed.
        }

        throw new SqliteException("The database is locked.", SQLITE_BUSY);
    }

    /// <summary>A turn; disposing of it ends it.</summary>
    public sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => turn.Release();
    }
}
