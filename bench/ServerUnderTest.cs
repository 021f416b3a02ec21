using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace McpIdentity.Bench;

/// <summary>The server as it would be deployed, except that it runs in Development: only there are people to sign in without a provider.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    public const string ProgramFile = "McpIdentity.Server.dll";

    /// <summary>For clients whose answer was lost with a server that took long to be back.</summary>
    public const string PatientGrace = "--OAuth:RefreshTokenReuseGraceSeconds=300";

    private readonly ChildProcess _process;

    private ServerUnderTest(ChildProcess process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    public ProcessTree Tree => _process.Tree;

    /// <summary>From the start of the process to the first 200 of the metadata.</summary>
    public TimeSpan Ready { get; private set; }

    /// <summary>The CPU that it had used by then.</summary>
    public TimeSpan ReadyCpu { get; private set; }

    /// <returns>The path of the program file.</returns>
    public static async Task<string> PublishAsync(string folder)
    {
        Console.Error.WriteLine("publishing the server");
        var output = Path.Combine(folder, "server");
        await ChildProcess.RunAsync("dotnet", "publish", Path.Combine(RepositoryRoot(), "McpIdentity.Server"), "-c", "Release", "-o", output);
        return Path.Combine(output, ProgramFile);
    }

    /// <param name="settings"><c>--Section:Key=value</c>, after our own.</param>
    public static Task<ServerUnderTest> StartAsync(string program, string folder, int port, PostgresServer? database, params string[] settings) =>
        StartAsync(program, folder, port, database, settings, before: null);

    /// <param name="before">What a shell does in the server's place before it becomes the server.</param>
    public static async Task<ServerUnderTest> StartAsync(string program, string folder, int port, PostgresServer? database, string[] settings, string? before)
    {
        var address = new Uri($"http://localhost:{port}");
        var clock = Stopwatch.StartNew();
        string[] shell = before is null ? [] : ["/bin/sh", "-c", before + "; exec \"$0\" \"$@\""];
        var process = ChildProcess.Start(folder, "server", [.. shell, "dotnet", program, .. Settings(folder, port, database), .. settings]);
        var server = new ServerUnderTest(process, address);
        using var wire = new Wire(address);
        await process.WaitUntilAsync(() => wire.AnswersAsync(Operations.Metadata));
        server.Ready = clock.Elapsed;
        server.ReadyCpu = TimeSpan.FromMicroseconds(server.Tree.CpuMicroseconds());
        return server;
    }

    /// <summary>A verb of the command line, in the same folder and on the same storage.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static async Task RunVerbAsync(string program, string folder, PostgresServer? database, params string[] words) =>
        await ChildProcess.RunInAsync(folder, "dotnet", [program, .. words, "--environment=Development", .. Storage(folder, database)]);

    public static string SqliteIn(string folder) => $"Data Source={SqliteFileIn(folder)}";

    public static string SqliteFileIn(string folder) => Path.Combine(folder, "bench.db");

    /// <summary>The words of its command line, for the server and for verbs that look at it. The security log is on, as in Production.</summary>
    public static string[] Settings(string folder, int port, PostgresServer? database) =>
        ["--environment=Development", $"--Server:Port={port}", "--Mcp:SecurityLogging:Enabled=true", .. Client.OfOperator, .. Storage(folder, database)];

    private static string[] Storage(string folder, PostgresServer? database) => database is null
        ? [$"--Database:ConnectionString={SqliteIn(folder)}"]
        : ["--Database:Provider=Postgres", $"--Database:ConnectionString={database.ConnectionString}"];

    /// <summary>SIGTERM.</summary>
    public Task StopAsync() => _process.StopAsync();

    /// <summary>SIGKILL.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    // The working directory is the caller's; where this file was compiled is the repository's.
    public static string RepositoryRoot([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, ".."));
}
