using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary><c>clients create|update|rotate-secret|snippet</c>: beside a server that serves.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ClientVerbTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_service_that_was_made_gets_tokens_and_its_secret_is_in_a_file_of_its_owner()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("report.secret");

        var output = await Verbs.DoAsync(_server, "clients", "create", "--kind", "service", "--name", "Nightly report", "--client-id", "report", "--secret-file", file);

        var secret = (await File.ReadAllTextAsync(file)).Trim();
        Assert.That(output, Does.Contain("report").And.Not.Contain(secret));
        Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        using var token = await OAuthClient.Of(_server, "report", secret, "").TokenAsync(("grant_type", "client_credentials"));
        Assert.That((int)token.StatusCode, Is.EqualTo(200));

        var rotated = JsonDocument.Parse(await Verbs.DoAsync(_server, "clients", "rotate-secret", "report", "--overlap-hours", "0", "-o", "json")).RootElement;
        using var renewed = await OAuthClient.Of(_server, "report", rotated.Text("client_secret"), "").TokenAsync(("grant_type", "client_credentials"));
        Assert.That((int)renewed.StatusCode, Is.EqualTo(200));
    }

    [Test]
    public async Task An_app_is_made_changed_and_told_how_to_connect()
    {
        await Verbs.DoAsync(_server, "clients", "create", "--kind", "app", "--preset", "vscode", "--client-id", "desk");
        await Verbs.DoAsync(_server, "clients", "update", "desk", "--name", "The desk");

        Assert.That(await Verbs.DoAsync(_server, "clients", "show", "The desk"), Does.Contain("desk"));
        Assert.That(await Verbs.DoAsync(_server, "clients", "snippet", "desk", "--for", "vscode"), Does.Contain("\"clientId\": \"desk\""));
        var (exitCode, _) = await Verbs.RunAsync(_server, "clients", "create", "--kind", "app", "--redirect-uri", "javascript:alert(1)");
        Assert.That(exitCode, Is.EqualTo(2));
    }
}
