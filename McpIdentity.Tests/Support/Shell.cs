namespace McpIdentity.Tests.Support;

/// <summary>Runs what a document prints, in bash, in a folder where the repository's files are at hand and nothing is kept.</summary>
internal sealed class Shell : IDisposable
{
    // The words of a document stay as they are; the shell makes them work in a test. A curl that is not answered as expected
    // fails the block. The server's verbs run as they were built: `dotnet run` would build again under our feet.
    private const string Preamble = """
        set -euo pipefail
        curl() {
            local answer; answer=$(mktemp -p .)
            local status; status=$(command curl -sS -o "$answer" -w '%{http_code}' "$@")
            cat "$answer"; echo
            if [ -n "$EXPECTED_STATUS" ]; then [ "$status" = "$EXPECTED_STATUS" ]; else [[ $status == 2* ]]; fi || { echo "curl was answered with $status"; exit 1; }
        }
        dotnet() {
            case "$*" in
                "run --project McpIdentity.Server -- "*) shift 4; command dotnet "$SERVER" "$@" ;;
                *) command dotnet "$@" ;;
            esac
        }

        """;

    private static readonly string[] LeftOut = [".git", ".env.oauth", "data", "TestResults"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mcpidentity-shell-");

    public Shell()
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(Repository.Root).Where(entry => !LeftOut.Contains(Path.GetFileName(entry))))
        {
            File.CreateSymbolicLink(Path.Combine(_folder.FullName, Path.GetFileName(entry)), entry);
        }
    }

    /// <summary>Variables that the commands find.</summary>
    public Dictionary<string, string?> Environment { get; } = new()
    {
        ["SERVER"] = ServerProcess.AssemblyPath,
        ["EXPECTED_STATUS"] = "",
        ["ASPNETCORE_ENVIRONMENT"] = "Development",
    };

    /// <returns>All that the commands wrote, and the exit code of the first that failed.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string commands)
    {
        await using var bash = ChildProcess.Start("bash", ["-c", Preamble + commands], _folder.FullName, Environment);
        return (await bash.WaitForExitAsync(), bash.Output.Trim());
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
