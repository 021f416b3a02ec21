using McpIdentity.Server;
using Npgsql;

namespace McpIdentity.Tests.Support;

/// <summary>
/// A private PostgreSQL on a loopback port, with its data in a temporary folder, fsync on and a password asked for, as in production.
/// The shared one never loses its power, and does not wait for the disk: hundreds of databases are made there while others are asked, and
/// a disk that is slow for two seconds would be a database that is away.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>How many connections a server has for all, unless a test says otherwise.</summary>
    public const int MaxConnections = 500;

    // Of what has a meaning in a URL: DATABASE_URL has to escape it, and our reading of it to undo that.
    private const string Password = "p@ss:w/rd%?";

    private static readonly Lazy<Task<PostgresServer>> TheShared = new(() => StartAsync("fsync=off"));

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-postgres-");
    private readonly string[] _settings;
    private ChildProcess? _process;
    private int _databases;

    private PostgresServer(string[] settings) => _settings = settings;

    public int Port { get; } = Ports.Next();

    /// <summary>What the running server has logged.</summary>
    public string Output => _process?.Output ?? "";

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>One server for all tests of the run that neither stop nor reconfigure it.</summary>
    public static async Task<PostgresServer> SharedAsync()
    {
        Needs.Check(Needs.Postgres);
        return await TheShared.Value;
    }

    /// <param name="settings">Of the server, such as <c>max_connections=20</c>.</param>
    public static Task<PostgresServer> StartAsync(params string[] settings) => StartAsync(settings, server => server.InitializeAsync());

    /// <summary>A server that follows this one, and takes over when it is told to (<see cref="PromoteAsync"/>).</summary>
    public Task<PostgresServer> StartStandbyAsync() => StartAsync(_settings, async standby =>
    {
        var source = new UriBuilder("postgres", "127.0.0.1", Port) { UserName = "postgres", Password = Uri.EscapeDataString(Password) }.Uri;
        var (program, arguments) = AsItsUser("pg_basebackup", "--pgdata", standby.Data, $"--dbname={source.AbsoluteUri}", "--write-recovery-conf", "--checkpoint=fast", "--no-sync");
        await ChildProcess.RunAsync(program, arguments, "/");
    });

    private static async Task<PostgresServer> StartAsync(string[] settings, Func<PostgresServer, Task> initialize)
    {
        Needs.Check(Needs.Postgres);
        var server = new PostgresServer(settings);
        try
        {
            if (Environment.IsPrivilegedProcess)
            {
                await ChildProcess.RunAsync("chown", ["postgres", server._folder.FullName], "/");
            }

            await initialize(server);
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new database, empty or with what is in another one that nobody is connected to.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync(string? copyOf = null)
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(ConnectionString("postgres", pooling: false));
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        // FILE_COPY is the quicker way to copy the small template.
        command.CommandText = $"CREATE DATABASE {name} TEMPLATE {(copyOf is null ? "template1" : new NpgsqlConnectionStringBuilder(copyOf).Database)} STRATEGY file_copy";
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>The same database as the URL that DATABASE_URL takes.</summary>
    public static string UrlOf(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"postgres://{parts.Username}:{Uri.EscapeDataString(parts.Password!)}@{parts.Host}:{parts.Port}/{parts.Database}";
    }

    /// <summary>Starts with the data that the last run left.</summary>
    public async Task StartAgainAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        while (true)
        {
            _process = StartProcess();
            try
            {
                await _process.WaitUntilAsync(AcceptsAsync, "PostgreSQL");
                return;
            }
            catch (InvalidOperationException) when (WaitsForTheKilled(_process.Output) && !deadline.IsCancellationRequested)
            {
                await _process.DisposeAsync();
            }
        }
    }

    /// <summary>The "fast" shutdown: open transactions are rolled back, connections closed.</summary>
    public async Task StopAsync()
    {
        if (_process is not null)
        {
            await _process.StopAsync(ChildProcess.Interrupt);
        }
    }

    /// <summary>Ends the server as a power cut would; what was committed has to be there after <see cref="StartAgainAsync"/>.</summary>
    public async Task KillAsync()
    {
        if (_process is not null)
        {
            await _process.KillAsync();
        }
    }

    /// <summary>It accepts connections, for the system does that, and answers nothing: a machine that swaps, a disk that is gone.</summary>
    public Task HangAsync() => SignalAllAsync("STOP");

    /// <summary>Goes on with what it was asked meanwhile.</summary>
    public Task GoOnAsync() => SignalAllAsync("CONT");

    /// <summary>A standby becomes the primary.</summary>
    public async Task PromoteAsync()
    {
        var (program, arguments) = AsItsUser("pg_ctl", "promote", "--pgdata", Data);
        await ChildProcess.RunAsync(program, arguments, "/");
    }

    /// <summary>The database of that name here, for one that was made at the server that this one follows.</summary>
    public string Of(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString) { Port = Port }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await GoOnAsync();
            await _process.StopAsync(ChildProcess.Interrupt);
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    internal static async Task DisposeSharedAsync()
    {
        if (TheShared.IsValueCreated)
        {
            await (await TheShared.Value).DisposeAsync();
        }
    }

    // The children of a killed server notice its end a moment later; until then the new one refuses to start.
    private static bool WaitsForTheKilled(string output) => output.Contains("is still in use", StringComparison.Ordinal)
        || output.Contains("lock file \"postmaster.pid\" already exists", StringComparison.Ordinal);

    private async Task InitializeAsync()
    {
        var passwordFile = Path.Combine(_folder.FullName, "password");
        await File.WriteAllTextAsync(passwordFile, Password);
        var (program, arguments) = AsItsUser("initdb", "--pgdata", Data, "--username=postgres", "--auth=scram-sha-256", $"--pwfile={passwordFile}", "--encoding=UTF8", "--locale=C", "--no-sync");
        await ChildProcess.RunAsync(program, arguments, "/");
    }

    private ChildProcess StartProcess()
    {
        var (program, arguments) = AsItsUser(
            "postgres", ["-D", Data, "-p", $"{Port}", "-h", "127.0.0.1", "-k", "", "-c", "fsync=on", "-c", $"max_connections={MaxConnections}",
                .. _settings.SelectMany(setting => new[] { "-c", setting })]);
        return ChildProcess.Start(program, arguments, "/");
    }

    // The process that listens and those that it has made for connections, each with a group of its own.
    private async Task SignalAllAsync(string signal)
    {
        if (_process is { HasExited: false })
        {
            await ChildProcess.RunAsync("/bin/sh", ["-c", $"kill -{signal} {_process.Id} && kill -{signal} $(cat /proc/{_process.Id}/task/{_process.Id}/children) || true"], "/");
        }
    }

    // PostgreSQL refuses to run as root. setpriv becomes the program instead of its parent, so that signals reach it.
    private static (string Program, string[] Arguments) AsItsUser(string name, params string[] arguments)
    {
        var program = Path.Combine(BinFolder(), name);
        return Environment.IsPrivilegedProcess
            ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program, .. arguments])
            : (program, arguments);
    }

    private static string BinFolder() => Directory.GetDirectories("/usr/lib/postgresql")
        .Select(version => Path.Combine(version, "bin"))
        .Where(bin => File.Exists(Path.Combine(bin, "postgres")))
        .OrderDescending(StringComparer.Ordinal)
        .First();

    private async Task<bool> AcceptsAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString("postgres", pooling: false));
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private string ConnectionString(string database, bool pooling = true) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Database = database,
        Username = "postgres",
        Password = Password,
        Pooling = pooling,
    }.ConnectionString;
}
