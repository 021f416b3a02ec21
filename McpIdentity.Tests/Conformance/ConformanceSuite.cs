using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Conformance;

/// <summary>One thing that the suite looked at.</summary>
internal sealed record ConformanceCheck(string Scenario, string Id, string Status, string What)
{
    /// <summary>Warnings too: what the suite recommends counts where failures are compared with a list.</summary>
    public bool HasFailed => Status is "FAILURE" or "WARNING";

    public string Name => $"{Scenario}:{Id}";

    public override string ToString() => $"{Status} {Name} {What}";
}

/// <summary>The official MCP conformance suite, run as its users run it, with a folder for its results.</summary>
internal sealed partial class ConformanceSuite : IAsyncDisposable
{
    private static readonly string Program = NodePackages.PathOf("@modelcontextprotocol", "conformance", "dist", "index.js");

    private readonly TemporaryFolder _results = new();
    private readonly ChildProcess _process;

    private ConformanceSuite(IEnumerable<string> arguments)
    {
        _process = ChildProcess.Start(NodePackages.Node22, [Program, .. arguments, "-o", _results.Path], NodePackages.Folder);
    }

    public string Output => _process.Output;

    public static ConformanceSuite Start(params string[] arguments) => new(arguments);

    /// <summary>Waits until the suite has written what <paramref name="find"/> looks for.</summary>
    public async Task<string> ReadAsync(Func<string, string?> find, string what)
    {
        string? found = null;
        await _process.WaitUntilAsync(_ => Task.FromResult((found = find(Output)) is not null), what);
        return found!;
    }

    /// <returns>The exit code, and all that was checked: <c>checks.json</c> of each scenario.</returns>
    public async Task<(int ExitCode, IReadOnlyList<ConformanceCheck> Checks)> EndAsync() =>
        (await _process.WaitForExitAsync(), [.. Directory.GetFiles(_results.Path, "checks.json", SearchOption.AllDirectories).SelectMany(Read)]);

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _results.Dispose();
    }

    private IEnumerable<ConformanceCheck> Read(string path)
    {
        var scenario = Folder().Match(Path.GetRelativePath(_results.Path, Path.GetDirectoryName(path)!)).Groups["scenario"].Value;
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        foreach (var check in document.RootElement.EnumerateArray())
        {
            yield return new ConformanceCheck(
                scenario, check.GetProperty("id").GetString()!, check.GetProperty("status").GetString()!,
                check.TryGetProperty("errorMessage", out var error) ? error.ToString() : check.GetProperty("description").ToString());
        }
    }

    // What is tested, the scenario's name, and the time.
    [GeneratedRegex(@"^(server|authorization-server)-(?<scenario>.+)-\d{4}-\d\d-\d\dT[-\d]+Z$")]
    private static partial Regex Folder();
}
