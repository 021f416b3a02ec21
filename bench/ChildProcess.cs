using System.Diagnostics;

namespace McpIdentity.Bench;

/// <summary>A process that lives as long as it is used: on the server's core, its output in a file.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _log;

    private ChildProcess(Process process, string log) => (_process, _log) = (process, log);

    public ProcessTree Tree => new(_process.Id);

    public static ChildProcess Start(string folder, string name, params string[] command)
    {
        var log = Path.Combine(folder, name + ".log");
        // A shell gives way to the command and leaves its output to a file: a pipe would cost this process the reading.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >>\"$0\" 2>&1", log, .. Cores.OnServerCore, .. command]) { WorkingDirectory = folder };
        // What `dotnet run` sets for us is not what the server would be started with.
        foreach (var variable in start.Environment.Keys.Where(IsOfBuildTools).ToList())
        {
            start.Environment.Remove(variable);
        }

        // With one core .NET waits ten times as long before it compiles hot methods: a warm-up of minutes for the same code.
        start.Environment["DOTNET_TC_DelaySingleProcMultiplier"] = "1";
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start.");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Kill(process);
        return new ChildProcess(process, log);
    }

    /// <summary>Waits until a condition holds.</summary>
    /// <exception cref="InvalidOperationException">The process ended first, or a minute went by: with the end of its output.</exception>
    public async Task WaitUntilAsync(Func<Task<bool>> isReady)
    {
        var patience = Stopwatch.StartNew();
        while (!await isReady())
        {
            if (_process.HasExited || patience.Elapsed > TimeSpan.FromMinutes(1))
            {
                throw new InvalidOperationException($"{Path.GetFileName(_log)}:\n" + string.Join('\n', File.ReadLines(_log).TakeLast(20)));
            }

            await Task.Delay(5);
        }
    }

    /// <summary>Runs a command to its end.</summary>
    /// <returns>What it wrote.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static Task<string> RunAsync(string command, params string[] arguments) => RunInAsync(Environment.CurrentDirectory, command, arguments);

    /// <inheritdoc cref="RunAsync"/>
    public static async Task<string> RunInAsync(string folder, string command, params string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        using var process = Process.Start(start)!;
        var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output[0] : throw new InvalidOperationException($"{command} failed:\n{string.Concat(output)}");
    }

    /// <summary>Such as <c>STOP</c>.</summary>
    public Task SignalAsync(string name) => RunAsync("kill", "-" + name, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>SIGTERM, and waits for the end.</summary>
    public async Task StopAsync()
    {
        await SignalAsync("TERM");
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Kill(_process);
        await _process.WaitForExitAsync();
    }

    private static bool IsOfBuildTools(string variable) =>
        variable.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || variable is "DOTNET_HOST_PATH" or "DOTNET_LAUNCH_PROFILE";

    private static void Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
