using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace McpIdentity.Tests.Support;

/// <summary>A program that a test starts, waits for, stops or kills; what it writes is kept for the message of a failure.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    public const int Interrupt = 2;
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Pause = 19;

    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan StopsWithin = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ChildProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _process.StandardInput.Close();
    }

    /// <summary>Standard output and standard error so far, in the order they came.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Null while it runs; 128 plus the signal's number when a signal ended it.</summary>
    public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

    public int Id => _process.Id;

    /// <param name="environment">Added to the environment of the test run; a null removes a variable.</param>
    public static ChildProcess Start(
        string program, IEnumerable<string> arguments, string workingDirectory, IReadOnlyDictionary<string, string?>? environment = null)
    {
        Needs.Check(program, arguments);
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        return new ChildProcess(start);
    }

    /// <summary>Runs a program to its end, which has to be a good one.</summary>
    public static async Task RunAsync(string program, IEnumerable<string> arguments, string workingDirectory)
    {
        await using var process = Start(program, arguments, workingDirectory);
        var exitCode = await process.WaitForExitAsync();
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {exitCode}:\n{process.Output}");
        }
    }

    /// <summary>Asks again and again until it is ready, has ended, or the time is over.</summary>
    public async Task WaitUntilAsync(Func<CancellationToken, Task<bool>> isReady, string what, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? StartsWithin);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            do
            {
                if (_process.HasExited)
                {
                    await _process.WaitForExitAsync(deadline.Token);
                    throw new InvalidOperationException($"{what} ended with {_process.ExitCode} before it was ready:\n{Output}");
                }

                if (await isReady(deadline.Token))
                {
                    return;
                }
            }
            while (await pause.WaitForNextTickAsync(deadline.Token));
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{what} was not ready within {within ?? StartsWithin}:\n{Output}");
        }
    }

    /// <returns>The exit code; all output has arrived.</returns>
    public async Task<int> WaitForExitAsync()
    {
        using var deadline = new CancellationTokenSource(StartsWithin);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{_process.StartInfo.FileName} did not end within {StartsWithin}:\n{Output}");
        }
    }

    /// <summary>Sends the signal and waits for the end; nothing happens when it has ended before.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync(int signal = Terminate)
    {
        Signal(signal);
        using var deadline = new CancellationTokenSource(StopsWithin);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
            throw new TimeoutException($"{_process.StartInfo.FileName} did not stop within {StopsWithin}:\n{Output}");
        }

        return _process.ExitCode;
    }

    /// <summary>Ends it at once, as a crash or a power cut would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Signal(int signal)
    {
        if (!_process.HasExited)
        {
            _ = SendSignal(_process.Id, signal);
        }
    }

    /// <summary>Signals the process and all that it started, as Ctrl+C in a terminal does; it must lead a group (<c>setsid</c>).</summary>
    public void SignalGroup(int signal)
    {
        if (!_process.HasExited)
        {
            _ = SendSignal(-_process.Id, signal);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);

    private void Append(string? line)
    {
        if (line is not null)
        {
            lock (_output)
            {
                _output.AppendLine(line);
            }
        }
    }
}
