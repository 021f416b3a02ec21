using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Examples;

/// <summary>The demo of OAuth, started as the guide says: SEED-082, LINK-06.</summary>
[Category("Examples")]
[Parallelizable(ParallelScope.Self)]
internal sealed class DemoTests
{
    private const string ServerMetadata = "/.well-known/oauth-authorization-server";
    private static readonly string Command = $"npm run demo:oauth -- {RunningCommand.AsBuilt}";

    [Test]
    [Category("SEED-082"), Category("SEED-095"), Category("LINK-06")]
    [Category("Node")]
    public async Task Without_google_it_names_what_is_missing_offers_the_demo_users_and_lists_its_addresses()
    {
        var port = Ports.Next();
        await using var demo = await RunningCommand.StartAsync(
            Command, ServerMetadata, port, ("PORT", $"{port}"), ("GOOGLE_CLIENT_ID", "an id"), ("GOOGLE_CLIENT_SECRET", null));
        await demo.WritesAsync("Connect ");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(demo.Output, Does.Contain("missing: GOOGLE_CLIENT_SECRET\n"));
            Assert.That(demo.Output, Does.Contain($"{demo.BaseUrl}/oauth/callback").And.Contain("alice and bob"));
            foreach (var (label, path) in new[]
            {
                ("Server URL", ""), ("MCP Endpoint", "/mcp"), ("Authorization", "/oauth/authorize"), ("Token", "/oauth/token"), ("User Info", "/oauth/userinfo"),
                ("Auth Server", ServerMetadata), ("Protected Resource", "/.well-known/oauth-protected-resource"),
            })
            {
                Assert.That(demo.Output, Does.Match($@"(?m)^  {label} +{demo.BaseUrl}{path}(  .*)?$"), label);
            }
        }

        using var alice = new Person(demo.BaseUrl);
        var tokens = await (await OAuthClient.RegisterPublicAsync(demo.Http)).ConnectAsync(alice);
        Assert.That(tokens.Text("access_token"), Is.Not.Empty);
    }

    [Test]
    [Category("SEED-082"), Category("SEED-068")]
    [Category("Node")]
    public async Task With_google_in_env_oauth_nothing_is_missing_and_google_is_offered()
    {
        var port = Ports.Next();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "export GOOGLE_CLIENT_ID='an id'\r\nGOOGLE_CLIENT_SECRET=\"a secret\"\r\n");
        await using (var demo = await RunningCommand.StartAsync(
            Command, ServerMetadata, port, ("PORT", $"{port}"), ("Server__EnvFile", file), ("GOOGLE_CLIENT_ID", null), ("GOOGLE_CLIENT_SECRET", null)))
        {
            await demo.WritesAsync("Connect ");

            Assert.That(demo.Output, Does.Not.Contain("missing").And.Not.Contain("alice"));
            Assert.That(demo.Output, Does.Match(@"Sign-in +Google"));
        }

        File.Delete(file);
    }

    [Test]
    [Category("SEED-082")]
    public void The_guides_command_is_a_script_of_the_repository()
    {
        using var package = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("package.json")));

        Assert.That(package.RootElement.GetProperty("scripts").GetProperty("demo:oauth").GetString(), Is.EqualTo("./scripts/demo-oauth.sh"));
    }
}
