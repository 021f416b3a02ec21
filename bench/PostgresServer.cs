using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>A private PostgreSQL with its defaults (fsync on), from the Debian package, beside the server on its core.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Programs = "/usr/lib/postgresql/15/bin/";

    private readonly ChildProcess _process;
    private readonly string _folder;
    private readonly int _port;
    private bool _isGone;

    private PostgresServer(ChildProcess process, int port) => (_process, _folder, _port) = (process, FolderOf(port), port);

    /// <summary>Whether its package is there.</summary>
    public static bool IsInstalled => Directory.Exists(Programs);

    public string ConnectionString => ConnectionStringOf(this);

    /// <summary>Of another database at this server.</summary>
    public string ConnectionStringOf(string database) => new Npgsql.NpgsqlConnectionStringBuilder(ConnectionString) { Database = database }.ConnectionString;

    private string Url => $"postgres://bench@127.0.0.1:{_port}/mcpidentity";

    /// <summary>For a client that goes to whichever of them takes writes.</summary>
    public static string ConnectionStringOf(params PostgresServer[] servers) =>
        $"Host={string.Join(',', servers.Select(server => $"127.0.0.1:{server._port}"))};Database=mcpidentity;Username=bench";

    public ProcessTree Tree => _process.Tree;

    public static async Task<PostgresServer> StartAsync(int port)
    {
        Console.Error.WriteLine("starting PostgreSQL");
        await AsPostgresAsync(Programs + "initdb", "-D", FolderOf(port), "-U", "bench", "-A", "trust", "--no-sync");
        var server = await LaunchAsync(port);
        await AsPostgresAsync(Programs + "createdb", "-h", "127.0.0.1", "-p", Text(port), "-U", "bench", "mcpidentity");
        return server;
    }

    /// <summary>A second server that follows this one, behind it by what it has not received yet.</summary>
    public async Task<PostgresServer> StartStandbyAsync(int port)
    {
        Console.Error.WriteLine("starting its standby");
        await AsPostgresAsync(Programs + "pg_basebackup", "-D", FolderOf(port), "-h", "127.0.0.1", "-p", Text(_port), "-U", "bench", "-R", "-c", "fast", "--no-sync");
        return await LaunchAsync(port);
    }

    /// <summary>The standby takes writes from now on.</summary>
    public Task PromoteAsync() => AsPostgresAsync(Programs + "pg_ctl", "promote", "-D", _folder);

    /// <summary>As when its machine is gone; what waits to be sent to a standby is gone too.</summary>
    public async Task KillAsync()
    {
        await _process.DisposeAsync();
        _isGone = true;
    }

    /// <summary>The database as <c>pg_dump</c> writes it, which follows no address.</summary>
    public Task DumpAsync(string file) => ChildProcess.RunAsync(Programs + "pg_dump", "--format=custom", "--file=" + file, "--dbname=" + Url);

    /// <summary>Puts it back, with nobody connected.</summary>
    public Task RestoreAsync(string file) =>
        ChildProcess.RunAsync(Programs + "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname=" + Url, file);

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
        if (!_isGone)
        {
            // Killed, it would leave its shared memory behind.
            await AsPostgresAsync(Programs + "pg_ctl", "stop", "-D", _folder, "-m", "immediate");
            await _process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
        File.Delete(_folder + ".log");
    }

    private static async Task<PostgresServer> LaunchAsync(int port)
    {
        var folder = FolderOf(port);
        var process = ChildProcess.Start(Path.GetTempPath(), Path.GetFileName(folder),
            [.. Words(Programs + "postgres", "-D", folder, "-k", folder, "-p", Text(port), "-c", "listen_addresses=127.0.0.1")]);
        await process.WaitUntilAsync(() => IsUpAsync(port));
        return new PostgresServer(process, port);
    }

    // Not inside our own folder, which only we may enter.
    private static string FolderOf(int port) => Path.Combine(Path.GetTempPath(), "mcpidentity-bench-postgres-" + Text(port));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<bool> IsUpAsync(int port)
    {
        try
        {
            await ChildProcess.RunAsync(Programs + "pg_isready", "-q", "-h", "127.0.0.1", "-p", Text(port));
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
