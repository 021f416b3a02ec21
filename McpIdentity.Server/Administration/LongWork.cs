namespace McpIdentity.Server.Administration;

/// <summary>What keeps a node busy for seconds or minutes: each kind is done for one operator after the other.</summary>
internal sealed class LongWork : IDisposable
{
    /// <summary>Comparing two policies.</summary>
    public Turns PolicyDiff { get; } = new("Policies are compared for");

    /// <summary>Going through all rows of the audit.</summary>
    public Turns AuditProof { get; } = new("The audit is verified for");

    public void Dispose()
    {
        PolicyDiff.Dispose();
        AuditProof.Dispose();
    }
}

/// <summary>One after the other. A few wait; more would only hear after minutes what they can be told at once.</summary>
/// <param name="what">Begins the sentence that the others are told.</param>
internal sealed class Turns(string what) : IDisposable
{
    private const int MaxWaiting = 3;

    private readonly SemaphoreSlim _turn = new(1);
    private int _waiting;

    /// <summary>How many wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>What whoever gets no turn is told.</summary>
    public AdminProblem Refusal { get; } = new("too_many_requests", StatusCodes.Status429TooManyRequests, $"{what} one operator after the other, and others wait for it already. Try again in a moment.");

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
