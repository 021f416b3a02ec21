using System.Net.Http.Headers;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Limits;

/// <summary>Who is over a limit costs nothing, and no text in a request takes anybody out of one.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class UnreadTests
{
    private const int Max = 4;

    private TestServer _server = null!;

    private int Port => new Uri(_server.BaseUrl).Port;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "Mcp:RateLimiting:Enabled=true", $"Mcp:RateLimiting:AuthEndpointMaxRequests={Max}", $"Mcp:RateLimiting:RegistrationMaxRequests={Max}", $"Mcp:RateLimiting:MaxRequests={Max}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public void BeginAnew() => _server.Clock.Advance(TimeSpan.FromMinutes(2));

    // A body is announced and never sent: a server that waited for it would not answer.
    [TestCase("/mcp", "application/json", Max), TestCase("/register", "application/json", Max), TestCase("/oauth/token", "application/x-www-form-urlencoded", Max * 10)]
    [TestCase("/oauth/revoke", "application/x-www-form-urlencoded", Max * 10), TestCase("/signin", "application/x-www-form-urlencoded", Max)]
    public async Task Beyond_the_limit_a_body_is_not_waited_for(string path, string type, int max)
    {
        for (var request = 0; request <= max; request++)
        {
            using var _ = await _server.Http.PostAsync(path, new StringContent("client_id=x", Encoding.ASCII, type));
        }

        var status = await RawHttp.StatusAsync(Port, new RawRequest("POST", path) { Headers = [("Content-Type", type), ("Content-Length", "60000")], Body = [] });

        Assert.That(status, Is.EqualTo(429));
    }

    [TestCase("Host", "evil.example", 403), TestCase("Origin", "https://evil.example", 403), TestCase("Authorization", "Bearer x", 401), TestCase("Content-Type", "text/plain", 415), TestCase("X-Nothing", "", 400)]
    public async Task Whatever_is_wrong_with_a_call_it_counts_for_its_address(string header, string value, int status)
    {
        var statuses = new List<int>();
        for (var request = 0; request <= Max; request++)
        {
            var call = new RawRequest("POST", "/mcp") { Headers = [(header, value)], Body = header == "X-Nothing" ? "{"u8.ToArray() : """{"jsonrpc":"2.0","id":1,"method":"ping"}"""u8.ToArray() };
            if (header != "Content-Type")
            {
                call.Headers.Add(("Content-Type", "application/json"));
            }

            statuses.Add((await RawHttp.SendAsync(Port, call)).Status);
        }

        Assert.That(statuses, Is.EqualTo([.. Enumerable.Repeat(status, Max), 429]));
    }

    [Test]
    public async Task Somebody_s_own_token_beside_a_request_takes_it_out_of_no_limit()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var refreshToken = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        BeginAnew();

        var statuses = new List<int>();
        for (var guess = 0; guess <= Max; guess++)
        {
            using var response = await _server.Http.PostAsync("/oauth/token", new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "authorization_code",
                ["code"] = $"guess{guess}",
                ["client_id"] = client.ClientId,
                ["refresh_token"] = refreshToken,
                ["token"] = refreshToken,
            }));
            statuses.Add((int)response.StatusCode);
        }

        Assert.That(statuses[^1], Is.EqualTo(429), string.Join(' ', statuses));
    }

    [Test]
    public async Task Bad_tokens_at_userinfo_are_limited_and_good_ones_are_not()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var accessToken = (await client.ConnectAsync(alice, ("scope", "openid"))).Text("access_token")!;
        BeginAnew();
        for (var request = 0; request < Max * 11; request++)
        {
            Assert.That(await AskAsync(accessToken), Is.EqualTo(200));
        }

        var statuses = new List<int>();
        for (var request = 0; request <= (Max * 10) + 1; request++)
        {
            statuses.Add(await AskAsync("bad"));
        }

        Assert.That((statuses[0], statuses[^1]), Is.EqualTo((401, 429)));
    }

    private async Task<int> AskAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        using var response = await _server.Http.SendAsync(request);
        return (int)response.StatusCode;
    }
}
