using System.Diagnostics;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// A store has just kept somebody waiting in vain: whoever has something to go on with does not wait out the same again. Ends
/// with the first answer. Not TimeProvider: what is waited for is the network.
/// </summary>
internal sealed class Outage
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(1);

    private volatile Failure? _last;

    /// <summary>Why, while it is so; null otherwise.</summary>
    public Exception? Recent => _last is { } last && Stopwatch.GetElapsedTime(last.At) < Pause ? last.Cause : null;

    /// <summary>An answer came.</summary>
    public void End() => _last = null;

    /// <summary>None came. What failed at once costs nobody anything: the next one may try.</summary>
    /// <param name="asked">When it was asked: <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="cause">What came in its place.</param>
    public void Begin(long asked, Exception cause)
    {
        if (Stopwatch.GetElapsedTime(asked) >= Long)
        {
            _last = new Failure(Stopwatch.GetTimestamp(), cause);
        }
    }

    private sealed record Failure(long At, Exception Cause);
}
