using System.Runtime.InteropServices;

namespace McpIdentity.Server.Commands;

/// <summary>SIGTERM and Ctrl-C: whatever is at work is told, and ends in order.</summary>
internal static class Interruption
{
    // In the middle of what Draining finishes nothing is cut off; whoever sends the signal has a limit of their own.
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(1);

    /// <summary>Runs what a process is there for.</summary>
    /// <param name="run">Given what the signal cancels; returns the exit code.</param>
    /// <returns>That exit code, or <see cref="ExitCode.Interrupted"/> where a minute after the signal it still runs.</returns>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public static async Task<int> RunAsync(Func<CancellationToken, Task<int>> run)
    {
        using var asked = new CancellationTokenSource();
        using var terminal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Tell);
        using var manager = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Tell);
        var running = run(asked.Token);
        try
        {
            return await Task.WhenAny(running, LateAsync(asked.Token)) == running ? await running : ExitCode.Interrupted;
        }
        catch (Exception exception) when (asked.IsCancellationRequested && exception is OperationCanceledException)
        {
            throw new OperationCanceledException(asked.Token); // of a statement that was called back Npgsql says that its time was over
        }

        void Tell(PosixSignalContext signal)
        {
            signal.Cancel = true; // the process's own end, in the middle of a sentence
            asked.Cancel();
        }
    }

    private static async Task LateAsync(CancellationToken asked)
    {
        await Task.Delay(Timeout.Infinite, asked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(EndsWithin, CancellationToken.None);
    }
}
