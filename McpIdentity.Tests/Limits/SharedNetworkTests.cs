using System.Net.Http.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Limits;

/// <summary>Hosted clients send the requests of all their people from a few addresses: <c>Mcp:RateLimiting:SharedNetworks</c>, docs/rate-limiting.md.</summary>
[Category("SEED-057"), Category("SEED-060")]
[Parallelizable(ParallelScope.Self)]
internal sealed class SharedNetworkTests
{
    [Test]
    public async Task An_address_of_many_people_may_do_what_a_hundred_may([Values("127.0.0.0/8, ::1/128", "192.0.2.0/24")] string networks)
    {
        var isShared = networks.StartsWith("127", StringComparison.Ordinal);
        await using var server = await TestServer.StartAsync(
            "Mcp:RateLimiting:Enabled=true", "Mcp:RateLimiting:RegistrationMaxRequests=1", "Mcp:RateLimiting:MaxRequests=1", "Mcp:RateLimiting:AuthEndpointMaxRequests=1",
            $"Mcp:RateLimiting:SharedNetworks={networks}");
        var mcp = new McpCaller(server);

        // Each an address's own: a registration, a list without a token, a bad code of one client.
        Func<Task<int>>[] requests =
        [
            () => StatusOfAsync(server.Http.PostAsJsonAsync("/register", new { redirect_uris = "none" })),
            async () => (await mcp.CallAsync("tools/list")).Status,
            () => StatusOfAsync(server.Http.PostAsync("/oauth/token", new FormUrlEncodedContent([new("grant_type", "authorization_code"), new("code", "x"), new("client_id", "one")]))),
        ];
        foreach (var request in requests)
        {
            var answered = 0;
            while (answered <= 100 && await request() != 429)
            {
                answered++;
            }

            Assert.That(answered, Is.EqualTo(isShared ? 100 : 1));
        }
    }

    [Test]
    public void What_is_no_network_stops_the_start() => Assert.That(
        async () => await TestServer.StartAsync("Mcp:RateLimiting:SharedNetworks=192.0.2.0/33"),
        Throws.Exception.With.Message.Contains("Mcp:RateLimiting:SharedNetworks has '192.0.2.0/33'"));

    private static async Task<int> StatusOfAsync(Task<HttpResponseMessage> request)
    {
        using var response = await request;
        return (int)response.StatusCode;
    }
}
