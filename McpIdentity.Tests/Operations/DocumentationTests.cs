using System.Text.RegularExpressions;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Every command of our documents is executed: a newcomer types them as they stand.</summary>
[Category("Docs")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class DocumentationTests
{
    private const string GuideAddress = "http://localhost:8082";
    private const string HowToMark = """
        Mend the command, or mark its block (see ShellBlock): ```sh status=401, ```sh Mcp:Auth:AuthType=both, ```sh run-by: TestClass, ```sh not-run: reason.
        """;

    // Commands of the README that a test cannot run here: the test run itself, the bench, somebody else's program, the
    // installation of tools that the test run did before; and those of tests of their own.
    private static readonly string[] NotRunHere = ["./test.sh", "dotnet run -c Release --project bench", "claude mcp add ", "dotnet tool restore"];
    private static readonly string[] RunByFirstRunTests = ["dotnet run --project McpIdentity.Server"];

    private static IEnumerable<ShellBlock> Runnable => ShellBlock.All.Where(block => block is { RunBy: null, NotRunBecause: null } && !block.Commands.All(IsElsewhere));

    // A verb starts the server's program, which takes its second.
    private static IEnumerable<TestCaseData> RunnableCases => Runnable.Select(block =>
        block.Commands.Count(command => command.StartsWith("dotnet run ", StringComparison.Ordinal)) > 3 ? new TestCaseData(block).SetCategory("Slow") : new TestCaseData(block));

    [Test]
    public void A_block_that_is_not_run_here_says_why_or_names_the_test_that_runs_it()
    {
        foreach (var block in ShellBlock.All.Where(block => block.NotRunBecause is not null))
        {
            TestContext.Out.WriteLine($"{block} is not run: {block.NotRunBecause}");
            Assert.That(block.NotRunBecause, Is.Not.Empty, $"{block}: not-run needs a reason.");
        }

        var classes = typeof(DocumentationTests).Assembly.GetTypes().Select(type => type.Name).ToHashSet();
        Assert.That(ShellBlock.All.Where(block => block.RunBy is { } name && !classes.Contains(name)).Select(block => $"{block}: there is no test class {block.RunBy}"), Is.Empty);
    }

    [Test]
    public void A_command_stands_in_a_block_that_is_marked_as_commands() =>
        Assert.That(ShellBlock.Unmarked, Is.Empty, "A fence around commands begins with ```sh, so that they are tried.");

    [TestCaseSource(nameof(RunnableCases))]
    [Category("SEED-083"), Category("SEED-086")]
    public async Task A_block_of_commands_works_as_it_is_printed(ShellBlock block)
    {
        await using var server = await TestServer.StartAsync([.. TestTokens.GuideSettings, .. block.Settings]);
        using var shell = new Shell();
        shell.Environment["EXPECTED_STATUS"] = block.Status ?? "";
        shell.Environment["PORT"] = Ports.Next().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var commands = string.Join('\n', block.Commands.Where(command => !IsElsewhere(command))).Replace(GuideAddress, server.BaseUrl, StringComparison.Ordinal);
        if (commands.Contains("TOKEN", StringComparison.Ordinal))
        {
            using var alice = new Person(server);
            shell.Environment["TOKEN"] = (await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token");
        }

        if (commands.Contains("JWT", StringComparison.Ordinal))
        {
            shell.Environment["JWT"] = TestTokens.OfTheGuide();
        }

        var (exitCode, output) = await shell.RunAsync(commands);

        Assert.That(exitCode, Is.Zero, $"{block} does not work as it is printed:\n{output}\n\n{HowToMark}");
    }

    [Test]
    [Category("Postgres")]
    public async Task The_migration_commands_create_the_schema()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-ef-");
        var postgres = await PostgresServer.SharedAsync();
        var connections = new Dictionary<string, string>
        {
            ["Sqlite"] = $"Data Source={Path.Combine(folder.FullName, "ef.db")}",
            ["Postgres"] = await postgres.CreateDatabaseAsync(),
        };
        var commands = ShellBlock.In("README.md").SelectMany(block => block.Commands).Where(IsMigration).ToList();
        Assert.That(commands, Has.Count.EqualTo(2));
        foreach (var command in commands)
        {
            var connection = connections.Single(pair => command.Contains(pair.Key, StringComparison.Ordinal)).Value;
            var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

            await using var bash = ChildProcess.Start(
                "bash", ["-c", $"{ConnectionOption().Replace(command, "")} --connection \"{connection}\" --no-build --configuration {configuration}"], Repository.Root);

            Assert.That(await bash.WaitForExitAsync(), Is.Zero, bash.Output);
            Assert.That(bash.Output, Does.Contain("Applying migration").And.Contain("Done."));
        }

        folder.Delete(recursive: true);
    }

    private static bool IsElsewhere(string command) =>
        IsMigration(command) || RunByFirstRunTests.Contains(command) || NotRunHere.Any(known => command.StartsWith(known, StringComparison.Ordinal));

    private static bool IsMigration(string command) => command.StartsWith("dotnet ef database update", StringComparison.Ordinal);

    [GeneratedRegex(" --connection \"[^\"]*\"")]
    private static partial Regex ConnectionOption();
}
