namespace McpIdentity.Server.Administration;

/// <summary>
/// Comparing policies keeps a processor busy, so one request after the other does it on a node. A few wait; more would only hear after
/// minutes what they can be told at once.
/// </summary>
internal sealed class PolicyDiffTurn : IDisposable
{
    private const int MaxWaiting = 3;

    private readonly SemaphoreSlim _turn = new(1);
    private int _waiting;

    /// <summary>How many wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <returns>To be disposed of at the end; null: too many wait already.</returns>
    public async Task<IDisposable?> TakeAsync(CancellationToken cancellationToken)
    {
        if (!_turn.Wait(0, cancellationToken))
        {
            try
            {
                if (Interlocked.Increment(ref _waiting) > MaxWaiting)
                {
                    return null;
                }

                await _turn.WaitAsync(cancellationToken);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }
        }

        return new Taken(_turn);
    }

    public void Dispose() => _turn.Dispose();

    private sealed class Taken(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
