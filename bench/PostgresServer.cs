using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>A private PostgreSQL with its defaults (fsync on), from the Debian package, beside the server on its core.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Programs = "/usr/lib/postgresql/15/bin/";

    private readonly ChildProcess _process;
    private readonly string _folder;

    private PostgresServer(ChildProcess process, string folder, int port)
    {
        (_process, _folder) = (process, folder);
        ConnectionString = $"Host=127.0.0.1;Port={port};Database=mcpidentity;Username=bench";
    }

    public string ConnectionString { get; }

    public ProcessTree Tree => _process.Tree;

    public static async Task<PostgresServer> StartAsync(int port)
    {
        Console.Error.WriteLine("starting PostgreSQL");
        // Not inside our own folder, which only we may enter.
        var folder = Path.Combine(Path.GetTempPath(), "mcpidentity-bench-postgres-" + port.ToString(CultureInfo.InvariantCulture));
        await AsPostgresAsync(Programs + "initdb", "-D", folder, "-U", "bench", "-A", "trust", "--no-sync");
        var process = ChildProcess.Start(Path.GetTempPath(), Path.GetFileName(folder),
            [.. Words(Programs + "postgres", "-D", folder, "-k", folder, "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1")]);
        var server = new PostgresServer(process, folder, port);
        await process.WaitUntilAsync(() => IsUpAsync(port));
        await AsPostgresAsync(Programs + "createdb", "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", "bench", "mcpidentity");
        return server;
    }

    /// <summary>Its processes are stopped: it accepts connections, for the system does that, and answers nothing.</summary>
    public async Task HangAsync(TimeSpan time)
    {
        var main = int.Parse((await ChildProcess.RunAsync("head", "-n1", Path.Combine(_folder, "postmaster.pid"))).Trim(), CultureInfo.InvariantCulture);
        await SignalAsync("STOP", main);
        await Task.Delay(time);
        await SignalAsync("CONT", main);
    }

    /// <summary>As an administrator does it after a change of settings.</summary>
    public Task RestartAsync() => AsPostgresAsync(Programs + "pg_ctl", "restart", "-D", _folder, "-m", "fast", "-l", Path.Combine(_folder, "restarted.log"));

    public async ValueTask DisposeAsync()
    {
        // Killed, it would leave its shared memory behind.
        await AsPostgresAsync(Programs + "pg_ctl", "stop", "-D", _folder, "-m", "immediate");
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        File.Delete(_folder + ".log");
    }

    private static async Task<bool> IsUpAsync(int port)
    {
        try
        {
            await ChildProcess.RunAsync(Programs + "pg_isready", "-q", "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static Task SignalAsync(string signal, int main) => ChildProcess.RunAsync(
        "/bin/sh", "-c", $"kill -{signal} {main}; kill -{signal} $(cat /proc/{main}/task/{main}/children) || true");

    private static Task AsPostgresAsync(params string[] command) => ChildProcess.RunAsync(Words(command)[0], Words(command)[1..]);

    // PostgreSQL refuses to run as root.
    private static string[] Words(params string[] command) =>
        Environment.IsPrivilegedProcess ? ["runuser", "-u", "postgres", "--", .. command] : command;
}
