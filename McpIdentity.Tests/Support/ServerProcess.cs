using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace McpIdentity.Tests.Support;

/// <summary>The built server as an operator runs it: a process of its own, with its own folder, environment and command line.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const string Assembly = "McpIdentity.Server.dll";

    private readonly ChildProcess _process;
    private readonly DirectoryInfo? _ownFolder;

    private ServerProcess(ChildProcess process, int port, string folder, DirectoryInfo? ownFolder)
    {
        (_process, Port, Folder, _ownFolder) = (process, port, folder, ownFolder);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(BaseUrl) };
    }

    public int Port { get; }

    public string BaseUrl => $"http://localhost:{Port}";

    public string McpUrl => BaseUrl + "/mcp";

    /// <summary>The working directory. A second process started in it continues with the same SQLite file.</summary>
    public string Folder { get; }

    /// <summary>Follows no redirect and keeps no cookie.</summary>
    public HttpClient Http { get; }

    public int? ExitCode => _process.ExitCode;

    public int Id => _process.Id;

    public string Output => _process.Output;

    /// <summary>Where the build put the server: compiled ahead of time within the tests' own output, or else in its own project.</summary>
    public static string AssemblyPath { get; } = FindAssembly();

    /// <summary>Starts with a port and an SQLite file of its own, and waits until the discovery document is served.</summary>
    /// <param name="arguments">The command line, such as <c>--Server:Port=8082</c>; what it says replaces the defaults.</param>
    public static Task<ServerProcess> StartAsync(params string[] arguments) => StartAsync(new ServerStart { Arguments = arguments });

    public static async Task<ServerProcess> StartAsync(ServerStart start)
    {
        var server = Launch(start);
        try
        {
            await server.WaitUntilReadyAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts without waiting: for a start that is meant to fail, or to be interrupted.</summary>
    [SuppressMessage("Reliability", "CA2000", Justification = "The process belongs to the server that is returned.")]
    public static ServerProcess Launch(ServerStart start)
    {
        var ownFolder = start.Folder is null ? Directory.CreateTempSubdirectory("mcpidentity-server-") : null;
        var folder = start.Folder ?? ownFolder!.FullName;
        var port = start.ChoosePort();
        var process = Run(folder, start, [.. start.DefaultArguments(port, folder), .. start.Arguments]);
        return new ServerProcess(process, port, folder, ownFolder);
    }

    /// <summary>
    /// Runs one verb of the command line, such as <c>doctor</c>, to its end. Of what it says, that it is still at work is left out:
    /// that depends on the machine, and stands before the answer or after it.
    /// </summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(ServerStart start)
    {
        var ownFolder = start.Folder is null ? Directory.CreateTempSubdirectory("mcpidentity-verb-") : null;
        try
        {
            await using var process = Run(start.Folder ?? ownFolder!.FullName, start, start.Arguments);
            return (await process.WaitForExitAsync(), Progress().Replace(process.Output, ""));
        }
        finally
        {
            ownFolder?.Delete(recursive: true);
        }
    }

    public Task WaitUntilReadyAsync() => _process.WaitUntilAsync(async cancellationToken =>
    {
        try
        {
            using var response = await Http.GetAsync("/.well-known/oauth-authorization-server", cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }, $"The server at {BaseUrl}");

    /// <summary>The files that it has mapped at this moment, its assemblies among them.</summary>
    public async Task<IReadOnlyList<string>> LoadedAsync() => [.. (await File.ReadAllLinesAsync($"/proc/{Id}/maps")).Select(line => Path.GetFileName(line)).Distinct()];

    /// <summary>Waits for an end that comes by itself.</summary>
    public Task<int> WaitForExitAsync() => _process.WaitForExitAsync();

    /// <summary>SIGTERM, as a service manager or a container engine sends it.</summary>
    /// <returns>The exit code.</returns>
    public Task<int> StopAsync() => _process.StopAsync();

    /// <summary>SIGKILL: no line of the server runs after it.</summary>
    public Task KillAsync() => _process.KillAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _process.DisposeAsync();
        _ownFolder?.Delete(recursive: true);
    }

    private static ChildProcess Run(string folder, ServerStart start, IEnumerable<string> arguments)
    {
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = start.EnvironmentName,
            ["ASPNETCORE_URLS"] = null,
            ["DOTNET_ENVIRONMENT"] = null,
        };
        foreach (var (name, value) in start.Environment)
        {
            environment[name] = value;
        }

        return start.Before is null
            ? ChildProcess.Start("dotnet", [AssemblyPath, .. arguments], folder, environment)
            : ChildProcess.Start("bash", ["-c", $"{start.Before}; exec \"$0\" \"$@\"", "dotnet", AssemblyPath, .. arguments], folder, environment);
    }

    private static string FindAssembly()
    {
        var ahead = Path.Combine(AppContext.BaseDirectory, "server", Assembly);
        if (File.Exists(ahead))
        {
            return ahead;
        }

        // …/McpIdentity.Tests/bin/Debug/net10.0/
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var path = Repository.PathOf("McpIdentity.Server", "bin", output.Parent!.Name, output.Name, Assembly);
        return File.Exists(path) ? path : throw new FileNotFoundException("The server has not been built.", path);
    }

    [GeneratedRegex(@"^[a-z -]+ is still at work \(\d+ s\)\.\r?\n", RegexOptions.Multiline)]
    private static partial Regex Progress();
}
