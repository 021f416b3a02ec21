using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>The verb for clients, beside a server that serves.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ClientsCommandTests
{
    [Test]
    [Category("Slow")]
    public async Task Clients_are_listed_shown_disabled_enabled_and_deleted_while_the_server_serves()
    {
        await using var server = await ServerProcess.StartAsync();
        var service = await OAuthClient.RegisterAsync(server.Http, new { client_name = "Nightly report", grant_types = new[] { "client_credentials" } });
        Assert.That(await IsServedAsync(), Is.True);
        Assert.That(await RunAsync("list"), Does.Contain(service.ClientId).And.Contain("Nightly report").And.Contain("enabled"));
        Assert.That(await RunAsync("show", service.ClientId), Does.Contain("gt:client_credentials").And.Contain("live grants"));

        await RunAsync("disable", service.ClientId);
        await UntilServedIsAsync(false);
        Assert.That(await RunAsync("list"), Does.Contain("disabled"));
        await RunAsync("enable", service.ClientId);
        await UntilServedIsAsync(true);
        await RunAsync("delete", service.ClientId, "--yes");
        await UntilServedIsAsync(false);
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["clients", "show", service.ClientId, .. DatabaseOf(server)] });
        Assert.That(exitCode, Is.EqualTo(ExitCode.NotFound), output);

        // RFC 8252 §8.6.
        Assert.That(await RunAsync("create", "--kind", "app", "--client-id", "desk", "--redirect-uri", "http://127.0.0.1/callback", "--pre-approved"), Does.Contain("warning: Any program on a person's computer"));

        async Task UntilServedIsAsync(bool served)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (await IsServedAsync() != served)
            {
                deadline.Token.ThrowIfCancellationRequested();
            }
        }

        async Task<bool> IsServedAsync()
        {
            using var response = await service.TokenAsync(("grant_type", "client_credentials"));
            return response.IsSuccessStatusCode;
        }

        async Task<string> RunAsync(params string[] arguments)
        {
            var (code, text) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["clients", .. arguments, .. DatabaseOf(server)] });
            Assert.That(code, Is.Zero, text);
            return text;
        }
    }

    private static string[] DatabaseOf(ServerProcess server) => [$"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"];
}
