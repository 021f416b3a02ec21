using System.Net;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What container engines and load balancers ask: LINK-15, SEED-090.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class HealthTests
{
    [Test, Category("LINK-15"), Category("SEED-090")]
    public async Task A_server_that_has_what_it_needs_is_ready()
    {
        await using var server = await TestServer.StartAsync();

        foreach (var path in (string[])["/health/live", "/health/ready", "/health"])
        {
            using var response = await server.Http.GetAsync(path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), path);
            Assert.That((await response.JsonAsync()).Text("status"), Is.EqualTo("ok"));
        }

        using var config = await server.Http.GetAsync("/config");
        Assert.That(config.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "LINK-15: nothing internal");
    }

    [Test, Category("SEED-090")]
    public async Task A_store_that_is_out_of_reach_is_named_and_nothing_else()
    {
        var port = Ports.Next();
        await using var server = await TestServer.StartAsync("OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={port}");

        using var ready = await server.Http.GetAsync("/health/ready");
        using var live = await server.Http.GetAsync("/health/live");
        var body = await ready.Content.ReadAsStringAsync();

        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(body, Does.Contain("\"redis\":\"failed\"").And.Contain("\"database\":\"ok\"").And.Not.Contain("127.0.0.1").And.Not.Contain("Exception"));
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK), "a restart would not help");
    }

    [Test, Category("SEED-090")]
    public async Task Without_a_redis_that_holds_no_sessions_the_server_goes_on_and_says_so()
    {
        await using var server = await TestServer.StartAsync("OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={Ports.Next()}");

        using var ready = await server.Http.GetAsync("/health/ready");

        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.OK), "limits and signals do without; no load balancer should drop every node");
        Assert.That(await ready.Content.ReadAsStringAsync(), Does.Contain("\"redis\":\"failed\"").And.Contain("\"degraded\""));
    }

    [Test, Category("SEED-090")]
    public async Task A_session_file_that_cannot_be_written_is_named()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("sessions.db");
        await using var server = await TestServer.StartAsync("OAuth:SessionStorage:Type=File", $"OAuth:SessionStorage:FilePath={path}");
        using var before = await server.Http.GetAsync("/health/ready");

        server.Clock.Advance(TimeSpan.FromSeconds(10)); // It is not written for every question.
        Directory.CreateDirectory(path + ".new"); // Where the next version of the file is written.
        using var ready = await server.Http.GetAsync("/health/ready");

        Assert.That(await before.Content.ReadAsStringAsync(), Does.Contain("\"sessions\":\"ok\""));
        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(await ready.Content.ReadAsStringAsync(), Does.Contain("\"sessions\":\"failed\"").And.Not.Contain(path));
    }

    [Test, Category("LINK-15")]
    public async Task The_verb_healthcheck_asks_the_server_on_this_machine()
    {
        await using var server = await TestServer.StartAsync();
        var port = new Uri(server.BaseUrl).Port;

        var (ready, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["healthcheck"], Environment = new Dictionary<string, string?> { ["PORT"] = $"{port}" } });
        var (absent, _) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["healthcheck", $"--Server:Port={Ports.Next()}"] });

        Assert.That(ready, Is.Zero, output);
        Assert.That(absent, Is.EqualTo(1));
        Assert.That(File.ReadAllText(Repository.PathOf("Dockerfile")), Does.Contain("\"healthcheck\"]"));
    }
}
