using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What a start and a verb that shows something do not load, which costs either a tenth of a second and more (docs/architecture.md, "The start").</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class LoadedTests
{
    // EF Core's part for SQLite is loaded by its first context; its main part is named by types of ours.
    private static readonly string[] NotNeeded = ["Microsoft.EntityFrameworkCore.Sqlite.dll", "Npgsql.dll", "Npgsql.EntityFrameworkCore.PostgreSQL.dll", "StackExchange.Redis.dll"];

    [Test]
    public async Task A_start_on_an_empty_store_and_on_one_that_is_there_makes_no_context_of_EF_Core_no_client_of_PostgreSQL_or_Redis_and_no_parser_of_the_command_line()
    {
        using var folder = new TemporaryFolder();
        foreach (var store in (string[])["empty", "there"])
        {
            await using var server = await ServerProcess.StartAsync(new ServerStart { Folder = folder.Path });

            var loaded = await server.LoadedAsync();

            Assert.That(loaded, Has.Member("Microsoft.Data.Sqlite.dll"));
            Assert.That(loaded.Intersect([.. NotNeeded, "System.CommandLine.dll"]), Is.Empty, store);
            Assert.That(await server.StopAsync(), Is.Zero);
        }
    }

    [TestCase("clients list"), TestCase("clients show Report"), TestCase("users list"), TestCase("sessions list"), TestCase("grants list"), TestCase("keys list")]
    public async Task A_verb_that_shows_what_is_stored_does_not_either(string verb)
    {
        using var folder = new TemporaryFolder();
        var database = $"--Database:ConnectionString=Data Source={folder.File("mcpidentity.db")}";
        var (_, made) = await RunAsync("clients create --kind service --name Report");
        Assert.That(made, Does.Contain("Report"));
        var trace = folder.File("loaded.nettrace");

        var (exitCode, output) = await RunAsync(verb, ("DOTNET_EnableEventPipe", "1"), ("DOTNET_EventPipeConfig", "Microsoft-Windows-DotNETRuntime:0x8:4"), ("DOTNET_EventPipeOutputPath", trace));

        Assert.That(exitCode, Is.Zero, output);
        var loaded = await File.ReadAllBytesAsync(trace); // its texts are UTF-16, at any place
        Assert.That(IsNamed("Microsoft.Data.Sqlite.dll"));
        Assert.That(NotNeeded.Where(IsNamed), Is.Empty);

        bool IsNamed(string assembly) => loaded.AsSpan().IndexOf(Encoding.Unicode.GetBytes("/" + assembly)) >= 0;

        Task<(int ExitCode, string Output)> RunAsync(string words, params (string Name, string? Value)[] environment) => ServerProcess.RunAsync(new ServerStart
        {
            Folder = folder.Path,
            Arguments = [.. words.Split(' '), database],
            Environment = environment.ToDictionary(variable => variable.Name, variable => variable.Value),
        });
    }
}
