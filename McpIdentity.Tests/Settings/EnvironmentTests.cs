using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Settings;

/// <summary>The guide's variables of the process itself: SEED-072.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class EnvironmentTests
{
    [Test]
    [Category("SEED-072")]
    public async Task PORT_is_where_the_server_listens_and_LOG_LEVEL_what_it_says()
    {
        var port = Ports.Next();
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?> { ["PORT"] = $"{port}", ["LOG_LEVEL"] = "warn" },
        });

        Assert.That(await server.Http.GetStringAsync("/.well-known/oauth-authorization-server"), Does.Contain($"\"http://localhost:{port}\""));
        Assert.That(server.Output, Does.Not.Contain("info:"));
    }

    [TestCase("production", null, true)]
    [TestCase("PRODUCTION", null, true)]
    [TestCase("production", "Development", false)]
    [Category("SEED-072")]
    public async Task NODE_ENV_is_the_environment_where_ASPNETCORE_ENVIRONMENT_is_unset(string node, string? dotnet, bool isProduction)
    {
        await using var server = ServerProcess.Launch(new ServerStart
        {
            // Production lacks almost everything; Development lacks only the database.
            Environment = new Dictionary<string, string?> { ["NODE_ENV"] = node, ["ASPNETCORE_ENVIRONMENT"] = dotnet },
            Arguments = ["--Database:ConnectionString= "],
        });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, isProduction ? Does.Contain("Server:PublicBaseUrl") : Does.Not.Contain("Server:PublicBaseUrl"));
    }
}
