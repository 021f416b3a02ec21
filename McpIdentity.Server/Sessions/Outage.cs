using System.Diagnostics;

namespace McpIdentity.Server.Sessions;

/// <summary>
/// A store has just failed to answer: whoever has something to go on with does not wait out the same failure again. Not
/// TimeProvider: what is waited for is the network.
/// </summary>
internal sealed class Outage
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private long _noticed = Stopwatch.GetTimestamp() - (Stopwatch.Frequency * 60);

    public bool IsRecent => Stopwatch.GetElapsedTime(Volatile.Read(ref _noticed)) < Pause;

    public void Notice() => Volatile.Write(ref _noticed, Stopwatch.GetTimestamp());
}
