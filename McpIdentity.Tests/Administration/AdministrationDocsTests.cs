using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>The commands of <c>docs/administration.md</c> do what it says.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AdministrationDocsTests
{
    private static IEnumerable<ShellBlock> Blocks => ShellBlock.In(Path.Combine("docs", "administration.md")).Where(block => block.RunBy == nameof(AdministrationDocsTests));

    [Test]
    public async Task The_verbs_are_these()
    {
        await using var server = await TestServer.StartAsync();
        using var bob = new Person(server, "bob");
        await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(bob);

        foreach (var command in Blocks.SelectMany(block => block.Commands).Where(command => command.StartsWith("dotnet run", StringComparison.Ordinal)))
        {
            await Verbs.DoAsync(server, command.Split(" -- ")[1].Split(' '));
        }
    }

    [Test]
    public async Task The_requests_are_answered()
    {
        await using var scene = await AdminScene.StartAsync();
        var script = string.Join('\n', Blocks.SelectMany(block => block.Commands).Where(command => !command.StartsWith("dotnet run", StringComparison.Ordinal)));
        Assert.That(script, Does.Contain("curl"));

        using var shell = new Shell();
        shell.Environment["SECRET"] = AdminScene.ServiceSecret;
        var (exitCode, output) = await shell.RunAsync(script.Replace("https://id.example.com", scene.Server.BaseUrl, StringComparison.Ordinal));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("client_secret").And.Contain("previous_secret_until").And.Contain("client_created").And.Contain("\"is_whole\":true"));
    }
}
