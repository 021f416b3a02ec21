using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Audit;

/// <summary>The commands of docs/audit.md, beside a server at which somebody has connected.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class AuditGuideTests
{
    [Test]
    public async Task Every_command_of_the_guide_does_what_it_says()
    {
        await using var server = await TestServer.StartAsync();
        using var alice = new Person(server);
        var client = await OAuthClient.RegisterPublicAsync(server);
        await client.ConnectAsync(alice);
        await AuditRows.WaitForAsync(server, "token_issued");
        var folder = Directory.CreateTempSubdirectory("mcpidentity-guide-");
        try
        {
            var said = new Dictionary<string, string>();
            foreach (var command in ShellBlock.In("docs/audit.md").SelectMany(block => block.Commands))
            {
                var verb = command.Split(" -- ", 2)[1].Replace("--to ", $"--to {folder.FullName}/", StringComparison.Ordinal);
                said[command] = await Verbs.DoAsync(server, verb.Split(' '));
            }

            Assert.That(said, Has.Count.EqualTo(9));
            Assert.That(said.Single(command => command.Key.Contains("tail", StringComparison.Ordinal)).Value, Does.Contain(client.ClientId));
            Assert.That(said.Single(command => command.Key.EndsWith("-- audit verify", StringComparison.Ordinal)).Value, Does.Contain("signature right"));
            Assert.That(said.Single(command => command.Key.Contains("-- trace", StringComparison.Ordinal)).Value, Does.Contain("Diagnosis (token_never_used)"));
            Assert.That(folder.GetFiles().Select(file => file.Length), Is.All.Positive.And.Exactly(2).Items);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
