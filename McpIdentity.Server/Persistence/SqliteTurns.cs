using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace McpIdentity.Server.Persistence;

/// <summary>
/// SQLite has one writer at a time. Those of this process wait for their turn here, without holding a thread and without
/// SQLite's sleeps of up to a tenth of a second; SQLite's own lock is left for other processes. While one of those keeps it,
/// a few requests fail in bounded time and everything that does not write goes on.
/// </summary>
internal sealed class SqliteTurns : SaveChangesInterceptor, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The <see cref="SqliteWriter"/>'s turn, which ends when it is disposed.</summary>
    public Turn Take() => _turn.Wait(Patience) ? new Turn(_turn) : throw Busy();

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (Waits(eventData.Context) && !await _turn.WaitAsync(Patience, cancellationToken))
        {
            throw Busy();
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
        End(eventData.Context);
        return Task.CompletedTask;
    }

    public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        End(eventData.Context);
        return Task.CompletedTask;
    }

    public void Dispose() => _turn.Dispose();

    private void End(DbContext? context)
    {
        if (Waits(context))
        {
            _turn.Release();
        }
    }

    // Within a transaction SQLite's lock is held already: to wait for a turn then would be a deadlock.
    private static bool Waits(DbContext? context) => context?.Database.CurrentTransaction is null;

    private static SqliteException Busy() => new("The database is locked.", SQLitePCL.raw.SQLITE_BUSY);

    internal readonly struct Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
