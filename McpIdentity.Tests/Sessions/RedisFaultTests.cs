using System.Diagnostics;
using System.Net;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Sessions;

/// <summary>A Redis that is there and does not do its part: docs/operations.md, "When the database or Redis is away".</summary>
[Category("SEED-090"), Category("Redis")]
[Parallelizable(ParallelScope.All)]
internal sealed class RedisFaultTests
{
    [Test]
    [Category("Slow")]
    public async Task While_redis_hangs_one_task_tries_and_nobody_else_waits()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var server = await TestServer.StartAsync(
            "OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={redis.Port}",
            "Mcp:RateLimiting:Enabled=true", "Mcp:RateLimiting:MaxRequests=1000000", "Mcp:RateLimiting:MaxToolCalls=1000000", "Mcp:RateLimiting:AuthEndpointMaxRequests=1000000");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        redis.Hang();

        var (calls, slow, clock) = (0, 0, Stopwatch.StartNew());
        while (clock.Elapsed < TimeSpan.FromSeconds(8))
        {
            var call = Stopwatch.StartNew();
            Assert.That((await server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
            (calls, slow) = (calls + 1, slow + (call.Elapsed > TimeSpan.FromMilliseconds(1500) ? 1 : 0));
        }

        await TestContext.Out.WriteLineAsync($"{calls} calls, {slow} of them waited for Redis");
        Assert.That(slow, Is.LessThanOrEqualTo(1), "the first finds out, and nobody after it");

        // At once, and so for everything that needs a session.
        var answers = Stopwatch.StartNew();
        for (var i = 0; i < 10; i++)
        {
            Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        }

        Assert.That(answers.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "ten waits would be twenty");
        await AssertReadinessAsync(server, HttpStatusCode.ServiceUnavailable);

        // Nor is a start held up by it, or taken for a wrong setting.
        await using var late = await TestServer.StartAsync(
            "OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={redis.Port}");
        await AssertReadinessAsync(late, HttpStatusCode.ServiceUnavailable);

        redis.GoOn();
        await Until.TrueAsync(async () => (await alice.Browser.GetAsync(client.AuthorizeUrl())).Status != HttpStatusCode.ServiceUnavailable, "it is back");
        await client.ConnectAsync(alice);
        await AssertReadinessAsync(server, HttpStatusCode.OK);
        using var bob = new Person(late, "bob");
        var other = await OAuthClient.RegisterPublicAsync(late);
        await Until.TrueAsync(async () => (await bob.Browser.SubmitAsync(
            await bob.Browser.GetAsync(other.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "bob" })).Status == HttpStatusCode.OK, "and so it is for the other");
    }

    [Test]
    public async Task Where_the_primary_has_become_a_replica_the_address_is_asked_anew()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var other = await RedisServer.StartAsync();
        await using var address = new FaultyProxy(redis.Port);
        await using var server = await TestServer.StartAsync(
            "OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={address.Port}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.ConnectAsync(alice);

        // As a managed Redis fails over: the new primary has the data, the old one follows it, and connections stay open.
        Assert.That(await other.AskAsync($"REPLICAOF 127.0.0.1 {redis.Port}"), Is.EqualTo("+OK"));
        await Until.TrueAsync(async () => await other.AskAsync("DBSIZE") == await redis.AskAsync("DBSIZE"), "replicated");
        Assert.That(await other.AskAsync("REPLICAOF NO ONE"), Is.EqualTo("+OK"));
        Assert.That(await redis.AskAsync($"REPLICAOF 127.0.0.1 {other.Port}"), Is.EqualTo("+OK"));
        await AssertReadinessAsync(server, HttpStatusCode.ServiceUnavailable);
        address.Target = other.Port;

        using var bob = new Person(server, "bob");
        await Until.TrueAsync(async () => (await bob.Browser.SubmitAsync(
            await bob.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "bob" })).Status == HttpStatusCode.OK, "people sign in again");
        await AssertReadinessAsync(server, HttpStatusCode.OK);
        alice.PagesSeen.Clear();
        await client.ConnectAsync(alice);
        Assert.That(alice.PagesSeen, Has.None.Contain("signin"), "sessions from before go on");
    }

    [Test]
    public async Task A_full_redis_is_503_with_its_cause_in_the_log_until_there_is_room()
    {
        await using var redis = await RedisServer.StartAsync();
        var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(
            builder => builder.Logging.AddProvider(log),
            "OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={redis.Port}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.ConnectAsync(alice);
        await redis.AskAsync("CONFIG SET maxmemory 1");

        using var bob = new Person(server, "bob");
        var refused = await SignInAsync();
        Assert.That(refused.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), refused.Body);
        Assert.That(refused.Headers!.RetryAfter, Is.Not.Null);
        Assert.That(log.Lines, Has.Some.Contain("answered 503").And.Contain("OOM"));
        await AssertReadinessAsync(server, HttpStatusCode.ServiceUnavailable);
        alice.PagesSeen.Clear();
        await client.ConnectAsync(alice);
        Assert.That(alice.PagesSeen, Has.None.Contain("signin"), "reading goes on");

        await redis.AskAsync("CONFIG SET maxmemory 0");
        Assert.That((await SignInAsync()).Status, Is.EqualTo(HttpStatusCode.OK));
        await AssertReadinessAsync(server, HttpStatusCode.OK);

        async Task<BrowserPage> SignInAsync() => await bob.Browser.SubmitAsync(
            await bob.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "bob" });
    }

    private static async Task AssertReadinessAsync(TestServer server, HttpStatusCode status)
    {
        server.Clock.Advance(TimeSpan.FromSeconds(2)); // an answer is good for one
        using var response = await server.Http.GetAsync("/health/ready");
        var body = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(status), body);
        Assert.That(body, Does.Contain(status == HttpStatusCode.OK ? "\"redis\":\"ok\"" : "\"redis\":\"failed\""));
    }
}
