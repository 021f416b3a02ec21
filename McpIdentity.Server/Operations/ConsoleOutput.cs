using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace McpIdentity.Server.Operations;

/// <summary>
/// Standard output that holds nobody up: what is written waits in a bounded queue for one thread, and what does not fit is
/// lost and counted. A pipe that nobody reads, or a full disk of a log driver, would otherwise stop every request that logs.
/// </summary>
internal sealed class ConsoleOutput : TextWriter
{
    private const int Capacity = 4096;
    private const int MaxAtOnce = 64 * 1024;
    private const int StandardOutput = 1;
    private const int Interrupted = 4; // EINTR
    private const int TryAgain = 11; // EAGAIN, where somebody made it non-blocking

    // To wake a thread and to write cost more than the line, so that lines are written together.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(1);

    private readonly BlockingCollection<string> _queue = new(Capacity);
    private readonly Thread _thread;
    private long _lost;
    private volatile int _inHand;

    private ConsoleOutput()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "standard output" };
        _thread.Start();
    }

    /// <summary>How many lines were lost, and that could not be said yet.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Entries that wait to be written.</summary>
    public int Waiting => _queue.Count;

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>From here on the console logger and <see cref="Console.Out"/> write to it.</summary>
    public static ConsoleOutput Install()
    {
        var output = new ConsoleOutput();
        Console.SetOut(output);
        return output;
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void WriteLine(string? value) => Write(value + NewLine);

    /// <summary>The console logger calls it once for each of its entries.</summary>
    public override void Write(string? value)
    {
        if (!string.IsNullOrEmpty(value) && (_queue.IsAddingCompleted || !_queue.TryAdd(value)))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_queue.IsAddingCompleted)
        {
            _queue.CompleteAdding();
            if (!_thread.Join(EndsWithin))
            {
                var lost = Lost + _inHand + _queue.Count;
                // Standard error may be the same pipe.
                Task.Run(() => Console.Error.WriteLine(Words(lost))).Wait(EndsWithin);
            }
        }

        base.Dispose(disposing);
    }

    private static string Words(long lost) => $"{lost} entries of this log were lost: standard output was not read, or could not be written.";

    private void Run()
    {
        var text = new StringBuilder();
        foreach (var first in _queue.GetConsumingEnumerable())
        {
            // Where so many wait already, or the process ends, nothing has to be gathered.
            if (text.Length < MaxAtOnce && !_queue.IsAddingCompleted)
            {
                Thread.Sleep(Gathering); // on this thread of its own: nobody waits for a line to be written
            }

            text.Clear().Append(first);
            var entries = 1;
            for (; text.Length < MaxAtOnce && _queue.TryTake(out var more); entries++)
            {
                text.Append(more);
            }

            var lost = Lost;
            var bytes = Encoding.GetBytes(lost > 0 ? text + Words(lost) + NewLine : text.ToString());
            _inHand = entries;
            Interlocked.Add(ref _lost, TryWrite(bytes) ? -lost : entries);
            _inHand = 0;
        }
    }

    // Not by Console's stream: while that waits for the pipe it holds the lock of Console.Out, which whoever logs waits for
    // then. Nor by FileStream, which keeps a position of its own in a file that others write to as well.
    private static bool TryWrite(ReadOnlySpan<byte> bytes)
    {
        if (OperatingSystem.IsWindows())
        {
            return TryWriteOnWindows(bytes);
        }

        while (bytes.Length > 0)
        {
            var written = WriteTo(StandardOutput, in MemoryMarshal.GetReference(bytes), bytes.Length);
            if (written > 0)
            {
                bytes = bytes[(int)written..];
            }
            else if (Marshal.GetLastPInvokeError() is TryAgain or Interrupted)
            {
                Thread.Sleep(Pause); // on a thread of its own
            }
            else
            {
                return false; // a full disk, or nobody at the other end
            }
        }

        return true;
    }

    private static bool TryWriteOnWindows(ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var output = Console.OpenStandardOutput();
            output.Write(bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "write", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint WriteTo(int file, in byte bytes, nint count);
}
