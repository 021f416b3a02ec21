namespace McpIdentity.Tests.Support;

[Category("Process")]
[Parallelizable(ParallelScope.All)]
internal sealed class ServerProcessTests
{
    [Test]
    public void A_server_that_cannot_start_says_why() => Assert.That(
        () => ServerProcess.StartAsync("--Database:Provider=nonsense"),
        Throws.InvalidOperationException.With.Message.Contains("before it was ready").And.Message.Contains("nonsense"));

    [Test]
    [Category("Slow")]
    public async Task A_server_is_stopped_killed_and_started_again_in_its_folder()
    {
        await using var first = await ServerProcess.StartAsync();
        var stopped = await first.StopAsync();
        await using var second = await ServerProcess.StartAsync(new ServerStart { Folder = first.Folder });
        await second.KillAsync();

        Assert.That(stopped, Is.Zero);
        Assert.That(second.ExitCode, Is.EqualTo(137));
        Assert.That(Directory.GetFiles(first.Folder, "mcpidentity.db"), Has.Length.EqualTo(1));
        Assert.That(second.Output, Does.Contain(second.BaseUrl));
    }

    [Test]
    public async Task A_verb_of_the_command_line_runs_to_its_end()
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["--version"] });

        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.Match(@"\d+\.\d+\.\d+"));
    }
}
