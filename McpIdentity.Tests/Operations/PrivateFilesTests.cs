using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Nobody else on the machine reads what the server keeps, whatever the umask: docs/operations.md, "Files".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
[Platform(Exclude = "Win")]
internal sealed class PrivateFilesTests
{
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    [Test]
    [Category("SEED-074")]
    public async Task Files_and_folders_are_for_their_owner_alone_also_those_of_an_earlier_release()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data"));
        foreach (var name in (string[])["data/mcpidentity.db", "data/mcpidentity.db-wal", "data/mcpidentity.db.backup", "data/oauth-sessions.db", "logs.1/x"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            await File.WriteAllTextAsync(folder.File(name), "");
            Open(folder.File(name));
        }

        Open(folder.File("data"));
        var port = Ports.Next();
        await using var server = ChildProcess.Start(
            "bash", ["-c", $"umask 000; exec dotnet '{ServerProcess.AssemblyPath}' --environment=Development --Server:Port={port} --OAuth:SessionStorage:Type=File --Mcp:SecurityLogging:Enabled=true --Mcp:SecurityLogging:LogToFile=true"],
            folder.Path, new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = null });
        await server.WaitUntilAsync(_ => Task.FromResult(server.Output.Contains("Connect  ", StringComparison.Ordinal)), "the server");
        var files = Directory.EnumerateFileSystemEntries(folder.Path, "*", SearchOption.AllDirectories).Where(path => !path.Contains("logs.1", StringComparison.Ordinal)).ToList();

        Assert.That(files.Select(Path.GetFileName), Is.SupersetOf((string[])["data", "mcpidentity.db", "mcpidentity.db-wal", "mcpidentity.db-shm", "encryption.key", "oauth-sessions.db", "logs", "mcp-security.log"]));
        Assert.That(files.Where(path => (File.GetUnixFileMode(path) & Others) != 0).Select(path => $"{path} {File.GetUnixFileMode(path)}"), Is.Empty);
        Assert.That(await server.StopAsync(), Is.Zero, server.Output);
    }

    private static void Open(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, Directory.Exists(path) ? (UnixFileMode)0b111_101_101 : (UnixFileMode)0b110_100_100);
        }
    }
}
