using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Every command of the README is executed: a newcomer types them as they stand.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class ReadmeTests
{
    // What a test cannot run here: the test run itself, the bench, somebody else's program, the installation of tools
    // that the test run did before.
    private static readonly string[] NotRunHere = ["./test.sh", "dotnet run -c Release --project bench", "claude mcp add", "dotnet tool restore"];

    // Run by FirstRunTests, as the built server: `dotnet run` would build again under our feet.
    private static readonly string[] RunElsewhere = ["dotnet run --project McpIdentity.Server"];

    [Test]
    public void Every_command_of_the_readme_is_accounted_for()
    {
        var unknown = Commands().Where(command => !IsCurl(command) && !IsMigration(command) && !NotRunHere.Concat(RunElsewhere).Any(command.StartsWith));

        Assert.That(unknown, Is.Empty);
        Assert.That(Commands().Count(IsCurl), Is.GreaterThanOrEqualTo(4));
        Assert.That(Commands().Count(IsMigration), Is.EqualTo(2));
    }

    [TestCaseSource(nameof(Curls))]
    public async Task A_curl_command_works_as_it_is_printed(string command)   // SEED-083, SEED-086
    {
        await using var server = await TestServer.StartAsync();
        var output = await ShellAsync(command.Replace("http://localhost:8082", server.BaseUrl, StringComparison.Ordinal) + " -sS --fail");

        Assert.That(output, Does.StartWith("{"));
    }

    [Test]
    public async Task The_migration_commands_create_the_schema()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-ef-");
        var postgres = await PostgresServer.SharedAsync();
        var connections = new Dictionary<string, string>
        {
            ["Sqlite"] = $"Data Source={Path.Combine(folder.FullName, "ef.db")}",
            ["Postgres"] = await postgres.CreateDatabaseAsync(),
        };
        foreach (var command in Commands().Where(IsMigration))
        {
            var connection = connections.Single(pair => command.Contains(pair.Key, StringComparison.Ordinal)).Value;
            var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

            var output = await ShellAsync($"{ConnectionOption().Replace(command, "")} --connection \"{connection}\" --no-build --configuration {configuration}");

            Assert.That(output, Does.Contain("Applying migration").And.Contain("Done."));
        }

        folder.Delete(recursive: true);
    }

    private static IEnumerable<string> Curls() => Commands().Where(IsCurl);

    private static bool IsCurl(string command) => command.StartsWith("curl ", StringComparison.Ordinal);

    private static bool IsMigration(string command) => command.StartsWith("dotnet ef database update", StringComparison.Ordinal);

    private static IEnumerable<string> Commands() => ShellBlock().Matches(File.ReadAllText(Repository.PathOf("README.md")))
        .SelectMany(block => block.Groups[1].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static async Task<string> ShellAsync(string command)
    {
        await using var shell = ChildProcess.Start("bash", ["-c", command], Repository.Root, new Dictionary<string, string?>());
        Assert.That(await shell.WaitForExitAsync(), Is.Zero, shell.Output);
        return shell.Output.Trim();
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ShellBlock();

    [GeneratedRegex(" --connection \"[^\"]*\"")]
    private static partial Regex ConnectionOption();
}
