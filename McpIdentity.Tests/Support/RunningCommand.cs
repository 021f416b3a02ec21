namespace McpIdentity.Tests.Support;

/// <summary>A command that a document prints and that serves until it is stopped, started from the repository's root.</summary>
internal sealed class RunningCommand : IAsyncDisposable
{
    // `dotnet run` evaluates the project before it starts anything, which takes long on a busy machine.
    private static readonly TimeSpan StartsWithin = TimeSpan.FromMinutes(3);

    private readonly ChildProcess _process;
    private readonly DirectoryInfo _folder;

    private RunningCommand(ChildProcess process, DirectoryInfo folder, string baseUrl)
    {
        (_process, _folder, BaseUrl) = (process, folder, baseUrl);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(baseUrl) };
    }

    public string BaseUrl { get; }

    public string McpUrl => BaseUrl + "/mcp";

    public HttpClient Http { get; }

    public string Output => _process.Output;

    /// <summary>What makes <c>dotnet run</c> take what the test run has built.</summary>
    public static string AsBuilt { get; } = $"--no-build -c {new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name}";

    /// <param name="command">As it is printed.</param>
    /// <param name="readyPath">Answered with success as soon as it serves.</param>
    /// <param name="port">Where it will serve; the environment must say so.</param>
    /// <param name="environment">Beside a database and an encryption key of its own; a null removes a variable.</param>
    public static async Task<RunningCommand> StartAsync(string command, string readyPath, int port, params (string Name, string? Value)[] environment)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-command-");
        var variables = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = null,
            ["ASPNETCORE_ENVIRONMENT"] = null,
            ["DOTNET_ENVIRONMENT"] = null,
            ["ENCRYPTION_KEY"] = "0123456789abcdef0123456789abcdef01234567",
            ["Database__ConnectionString"] = $"Data Source={Path.Combine(folder.FullName, "mcpidentity.db")}",
            ["Server__EnvFile"] = Path.Combine(folder.FullName, ".env.oauth"),
        };
        foreach (var (name, value) in environment)
        {
            variables[name] = value;
        }

        // In a group of its own: npm hands no signal on to what it started.
        var process = ChildProcess.Start(
            "setsid", ["bash", "-c", "exec " + command.Replace("dotnet run ", $"dotnet run {AsBuilt} ", StringComparison.Ordinal)], Repository.Root, variables);
        var running = new RunningCommand(process, folder, $"http://localhost:{port}");
        try
        {
            await process.WaitUntilAsync(cancellationToken => running.AnswersAsync(readyPath, cancellationToken), command, StartsWithin);
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until it has written the text: the banner follows the first answer.</summary>
    public Task WritesAsync(string text) => _process.WaitUntilAsync(_ => Task.FromResult(Output.Contains(text, StringComparison.Ordinal)), $"'{text}'");

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _process.SignalGroup(ChildProcess.Terminate);
        try
        {
            await _process.WaitForExitAsync();
        }
        finally
        {
            _process.SignalGroup(ChildProcess.Kill);
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private async Task<bool> AnswersAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await Http.GetAsync(path, cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
