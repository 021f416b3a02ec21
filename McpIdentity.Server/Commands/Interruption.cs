using System.Runtime.InteropServices;

namespace McpIdentity.Server.Commands;

/// <summary>SIGTERM and Ctrl-C: whatever is at work is told, and ends in order.</summary>
internal static class Interruption
{
    // Beyond the longest of Server:DrainSeconds and what Draining finishes then; whoever sends the signal has a limit of their own.
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(6);

    /// <summary>Runs what a process is there for.</summary>
    /// <param name="run">Given what the signal cancels; returns the exit code.</param>
    /// <returns>That exit code, or <see cref="ExitCode.Interrupted"/> where six minutes after the signal it still runs.</returns>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public static async Task<int> RunAsync(Func<CancellationToken, Task<int>> run)
    {
        var asked = new CancellationTokenSource(); // never disposed: a signal may be on its way when all is done
        using var terminal = PosixSignalRegistration.Create(PosixSignal.SIGINT, Tell);
        using var manager = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Tell);
        var running = Task.Run(() => run(asked.Token)); // what does not wait for anything can be told too
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
            // The process's own end, in the middle of a sentence; but at a question nothing has begun, and the line that it waits for cannot be called back.
            signal.Cancel = !Confirmation.IsAsking;
            asked.Cancel();
        }
    }

    private static async Task LateAsync(CancellationToken asked)
    {
        await Task.Delay(Timeout.Infinite, asked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(EndsWithin, CancellationToken.None);
    }
}
