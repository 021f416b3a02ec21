using System.Diagnostics;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Commands;

/// <summary>Ctrl-C, as a terminal sends it to a verb that is at work: docs/cli.md, "Conventions".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class InterruptTests
{
    // A shell without job control lets what it starts in the background ignore SIGINT, and so all that this starts in turn.
    private static readonly string[] Interruptible = ["env", "--default-signal=INT", "dotnet", ServerProcess.AssemblyPath];

    private const string StatementsThatWait = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'""";

    [Test]
    public async Task Rows_that_come_are_shown_once_until_it_is_interrupted()
    {
        await using var server = await TestServer.StartAsync();
        var first = await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered");
        using var folder = new TemporaryFolder();
        await using var tail = Start(folder, "audit tail -f", server.Settings);
        await tail.WaitUntilAsync(_ => Task.FromResult(Shows(first)), "audit tail -f");

        var second = await OAuthClient.RegisterPublicAsync(server);
        await tail.WaitUntilAsync(_ => Task.FromResult(Shows(second)), "audit tail -f with the second row");

        Assert.That(await tail.StopAsync(ChildProcess.Interrupt), Is.EqualTo(ExitCode.Interrupted), tail.Output);
        var lines = tail.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim()).ToList();
        Assert.That((lines.Count(line => line.Contains(first.ClientId, StringComparison.Ordinal)), lines.Count(line => line.Contains(second.ClientId, StringComparison.Ordinal))), Is.EqualTo((1, 1)), tail.Output);
        Assert.That(lines[^1], Is.EqualTo("Interrupted before it was done."));

        bool Shows(OAuthClient client) => tail.Output.Contains(client.ClientId, StringComparison.Ordinal);
    }

    // One that nobody waits for any more would go on in the database.
    [Category("Postgres")]
    [TestCase("audit search --result failure", "AuditEntries"), TestCase("clients list", "OpenIddictApplications")]
    public async Task A_search_that_is_interrupted_ends_in_the_database_too(string verb, string table)
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        using var folder = new TemporaryFolder();
        string[] settings = ["--environment=Development", $"--Server:EnvFile={folder.File(".env.oauth")}", $"--Database:Url={PostgresServer.UrlOf(database)}", "--OAuth:EncryptionKey=a test key of more than thirty-two characters"];
        Assert.That((await Verbs.RunAsync(["migrate", .. settings])).ExitCode, Is.Zero);
        await using var watch = new NpgsqlConnection(database);
        await watch.OpenAsync();
        await using var holder = new NpgsqlConnection(database);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await AskAsync(holder, $"LOCK TABLE \"{table}\" IN ACCESS EXCLUSIVE MODE");

        await using var search = Start(folder, verb, settings);
        await search.WaitUntilAsync(async _ => await AskAsync(watch, StatementsThatWait) == 1, verb);

        Assert.That(await search.StopAsync(ChildProcess.Interrupt), Is.EqualTo(ExitCode.Interrupted), search.Output);
        Assert.That(search.Output.Trim(), Does.EndWith("Interrupted before it was done."));
        await Until.TrueAsync(async () => await AskAsync(watch, StatementsThatWait) == 0, "the statement has ended");
    }

    [Test]
    public async Task At_a_question_a_verb_ends_at_once_and_nothing_was_done()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var folder = new TemporaryFolder();
        var verb = string.Join(' ', ((string[])["exec", .. Interruptible, "clients", "delete", client.ClientId, .. server.Settings]).Select(word => $"'{word}'"));
        await File.WriteAllTextAsync(folder.File("verb.sh"), $"echo $$ > {folder.File("pid")}; {verb}");
        // A terminal at which nobody types: script(1) makes one, and what it reads from has no end.
        await using var terminal = ChildProcess.Start("sh", ["-c", "mkfifo typed && exec script --quiet --return --flush --command 'sh verb.sh' said 0<>typed"], folder.Path, new Dictionary<string, string?>());
        await terminal.WaitUntilAsync(async cancellationToken => File.Exists(folder.File("said")) && (await File.ReadAllTextAsync(folder.File("said"), cancellationToken)).Contains("[y/N]", StringComparison.Ordinal), "the question");

        using var signal = Process.Start("kill", ["-INT", (await File.ReadAllTextAsync(folder.File("pid"))).Trim()]);

        Assert.That(await terminal.WaitForExitAsync(), Is.EqualTo(ExitCode.Interrupted), terminal.Output);
        Assert.That(await Verbs.DoAsync(server, "clients", "list"), Does.Contain(client.ClientId));
    }

    private static ChildProcess Start(TemporaryFolder folder, string verb, string[] settings) => ChildProcess.Start(
        Interruptible[0], [.. Interruptible[1..], .. verb.Split(' '), .. settings], folder.Path, new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = null, ["DOTNET_ENVIRONMENT"] = null });

    private static async Task<long> AskAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() is long count ? count : 0;
    }
}
