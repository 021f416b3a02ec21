using System.Text;
using McpIdentity.Mcp.Limits;
using McpIdentity.Tests.Hosting;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Limits;

/// <summary>Two real server processes that count in one Redis.</summary>
[Category("SEED-058"), Category("Redis")]
[Parallelizable]
internal sealed class SharedLimitTests
{
    private const int Max = 40;

    [Test]
    public async Task Two_nodes_share_a_limit_and_count_alone_while_redis_is_away()
    {
        await using var redis = await RedisServer.StartAsync();
        var nodes = await Task.WhenAll(StartAsync(redis), StartAsync(redis));
        await using var first = nodes[0];
        await using var second = nodes[1];

        await WaitUntilSharedAsync(first, second);

        var statuses = await Task.WhenAll(Enumerable.Range(0, Max * 2).Select(number => ListToolsAsync(nodes[number % 2])));
        // A shared count is exact, over any number of nodes.
        Assert.That(statuses.Count(status => status == 200), Is.EqualTo(Max));
        Assert.That(statuses.Count(status => status == 429), Is.EqualTo(Max));

        await redis.KillAsync();
        // Somebody new: a node that has refused the other one remembers it for the rest of the window.
        using var other = ClientAddressTests.ClientOf(first.BaseUrl);
        var alone = new List<int>();
        for (var request = 0; request < Max + 5; request++)
        {
            alone.Add(await ListToolsAsync(other));
        }

        Assert.That(alone.Take(Max), Is.All.EqualTo(200), first.Output);
        Assert.That(alone.Skip(Max), Is.All.EqualTo(429));
        Assert.That(first.Output.Split("counts requests for itself").Length - 1, Is.EqualTo(1), "one warning");
        Assert.That(first.Output, Does.Not.Contain("unhandled"));
    }

    private static Task<ServerProcess> StartAsync(RedisServer redis) => ServerProcess.StartAsync(
        "--Mcp:RateLimiting:Enabled=true", $"--Mcp:RateLimiting:MaxRequests={Max}", "--Mcp:RateLimiting:WindowMs=600000", "--Mcp:RateLimiting:AuthEndpointMaxRequests=10000",
        "--OAuth:SessionStorage:Redis:Host=127.0.0.1", $"--OAuth:SessionStorage:Redis:Port={redis.Port}");

    // Each node opens its connection with its first request; until then it counts alone.
    private static async Task WaitUntilSharedAsync(ServerProcess first, ServerProcess second)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        while (await RemainingAsync(second) != await RemainingAsync(first) + 1)
        {
            await Task.Delay(50, deadline.Token);
        }

        async Task<int> RemainingAsync(ServerProcess server)
        {
            using var body = new FormUrlEncodedContent([]);
            using var response = await server.Http.PostAsync("/oauth/introspect", body, deadline.Token);
            return int.Parse(response.Headers.GetValues("RateLimit-Remaining").Single(), System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private static Task<int> ListToolsAsync(ServerProcess server) => ListToolsAsync(server.Http);

    private static async Task<int> ListToolsAsync(HttpClient http)
    {
        using var body = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}""", Encoding.UTF8, "application/json");
        using var response = await http.PostAsync("/mcp", body);
        return (int)response.StatusCode;
    }
}
