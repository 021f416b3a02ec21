using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using static SQLitePCL.raw;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// SQLite has one writer at a time. Those of this process wait for their turn here, without holding a thread and without
/// SQLite's sleeps of up to a tenth of a second; SQLite's own lock is left for other processes. When one of those keeps it
/// longer than the busy timeout, all that wait fail together: in bounded time, and everything that does not write goes on.
/// </summary>
internal sealed class SqliteTurns : SaveChangesInterceptor, IDisposable
{
    // As long as turns come and go a slow disk is no fault.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1);
    private CancellationTokenSource _locked = new();

    /// <summary>The <see cref="SqliteWriter"/>'s turn, which ends when it is disposed.</summary>
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

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (Waits(eventData.Context))
        {
            await WaitAsync(cancellationToken);
        }

        return result;
    }

    public override ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        End(eventData.Context);
        return new(result);
    }

    public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Failed(eventData.Exception);
        End(eventData.Context);
        return Task.CompletedTask;
    }

    public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        End(eventData.Context);
        return Task.CompletedTask;
    }

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

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Volatile.Read(ref _locked).Token);
        try
        {
            if (await _turn.WaitAsync(Patience, end.Token))
            {
                return;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Another's turn failed.
        }

        throw new SqliteException("The database is locked.", SQLITE_BUSY);
    }

    private void End(DbContext? context)
    {
        if (Waits(context))
        {
            _turn.Release();
        }
    }

    // Within a transaction SQLite's lock is held already: to wait for a turn then would be a deadlock.
    private static bool Waits(DbContext? context) => context?.Database.CurrentTransaction is null;

    internal readonly struct Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
