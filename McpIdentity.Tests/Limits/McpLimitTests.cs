using System.Net;
using System.Text;
using McpIdentity.Mcp;
using McpIdentity.Mcp.Limits;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Mcp;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Limits;

/// <summary>How often the MCP endpoint may be asked, in a host of the module alone.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class McpLimitTests
{
    [Test, Category("SEED-056")]
    public async Task Switched_off_nothing_is_limited()
    {
        await using var host = await StartAsync(("Enabled", "false"), ("MaxRequests", "5"));
        for (var request = 0; request < 1000; request++)
        {
            Assert.That((await host.CallAsync("tools/list")).Status, Is.EqualTo(200));
        }
    }

    [Test, Category("SEED-056")]
    public async Task In_production_the_limits_are_on_unless_told_otherwise()
    {
        await using var host = await McpHost.StartAsync(
            new Dictionary<string, string?> { ["Mcp:RateLimiting:MaxRequests"] = "1", ["Mcp:SecurityLogging:Enabled"] = "false" }, environment: "Production");

        Assert.That(await StatusesAsync(host, 2), Is.EqualTo([200, 429]));
    }

    [Test, Category("SEED-058")]
    public async Task A_hundred_requests_are_answered_and_the_next_is_told_when_to_come_again()
    {
        await using var host = await StartAsync();
        var token = TestTokens.Own(host.Keys.Key);
        for (var request = 1; request <= 100; request++)
        {
            Assert.That((await host.CallAsync("tools/list", bearer: token)).Status, Is.EqualTo(200), $"request {request}");
        }

        using var response = await host.Client.SendAsync(ListRequest(token));
        var answer = await McpAnswer.ReadAsync(response);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(429));
            Assert.That(response.Headers.RetryAfter?.Delta?.TotalSeconds, Is.InRange(1, 60));
            Assert.That(response.Headers.GetValues("RateLimit-Limit").Single(), Is.EqualTo("100"));
            Assert.That(response.Headers.GetValues("RateLimit-Remaining").Single(), Is.EqualTo("0"));
            Assert.That(response.Headers.GetValues("RateLimit-Reset").Single(), Is.EqualTo("60"));
            Assert.That(answer.Json.GetProperty("id").GetInt32(), Is.EqualTo(7));
            Assert.That(answer.Json.GetProperty("error").GetProperty("code").GetInt32(), Is.InRange(-32099, -32000));
            Assert.That(answer.Reason, Is.EqualTo("rate_limited"));
            Assert.That(
                (await host.CallAsync("tools/list", bearer: TestTokens.Own(host.Keys.Key, changes: ("sub", "bob")))).Status,
                Is.EqualTo(200), "another subject is not affected");
            Assert.That((await host.CallAsync("tools/list")).Status, Is.EqualTo(200), "nor is whoever shows no token");
        }
    }

    [Test, Category("SEED-058")]
    public async Task A_limit_that_is_not_named_has_its_default()
    {
        await using var host = await StartAsync(("MaxRequests", "70"));
        var limits = host.Services.GetRequiredService<IOptions<McpOptions>>().Value.RateLimiting;
        var ofServer = new McpHostOptions().RateLimiting;

        Assert.That((limits.MaxRequests, limits.MaxToolCalls, limits.WindowMs, ofServer.AuthEndpointMaxRequests, ofServer.RegistrationMaxRequests), Is.EqualTo((70, 50, 60_000, 60, 20)));
    }

    [Test, Category("SEED-092"), Category("SEED-093")]
    public void The_test_helpers_switch_the_guards_off()
    {
        foreach (var settings in new[] { McpAuthTestConfig.OAuth(), McpAuthTestConfig.Jwt(), McpAuthTestConfig.Both() })
        {
            Assert.That((settings["Mcp:RateLimiting:Enabled"], settings["Mcp:SecurityLogging:Enabled"]), Is.EqualTo(("false", "false")));
        }
    }

    [Test, Category("SEED-057")]
    public async Task After_the_window_a_blocked_caller_is_answered_again()
    {
        await using var host = await StartAsync(("MaxRequests", "2"), ("WindowMs", "30000"));
        Assert.That(await StatusesAsync(host, 3), Is.EqualTo([200, 200, 429]));

        host.Time.Advance(TimeSpan.FromMilliseconds(29_999));
        Assert.That(await StatusesAsync(host, 1), Is.EqualTo([429]));
        host.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(await StatusesAsync(host, 3), Is.EqualTo([200, 200, 429]));
    }

    [TestCase("WindowMs", "0"), TestCase("WindowMs", "-1"), TestCase("MaxRequests", "0"), TestCase("MaxToolCalls", "-5")]
    [Category("SEED-057")]
    public void A_limit_that_could_not_work_stops_the_start(string setting, string value) => Assert.That(
        async () => await StartAsync((setting, value)),
        Throws.InstanceOf<OptionsValidationException>().With.Message.Contains($"Mcp:RateLimiting:{setting} is {value}"));

    [Test, Category("SEED-059")]
    public async Task Tool_calls_have_a_limit_of_their_own()
    {
        await using var host = await StartAsync();
        for (var call = 1; call <= 50; call++)
        {
            Assert.That((await host.CallToolAsync("ping", TestTokens.Own(host.Keys.Key))).Status, Is.EqualTo(200), $"call {call}");
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await host.CallToolAsync("ping", TestTokens.Own(host.Keys.Key))).Status, Is.EqualTo(429));
            Assert.That((await host.CallAsync("tools/list", bearer: TestTokens.Own(host.Keys.Key))).Status, Is.EqualTo(200));
        }
    }

    [Test, Category("B-17")]
    public async Task Whoever_invents_tokens_or_addresses_shares_one_limit()
    {
        await using var host = await StartAsync(("MaxRequests", "3"));
        List<int> statuses = [];
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var number = attempt;
            statuses.Add((await host.CallAsync("tools/list", bearer: $"invented{number}",
                change: request => request.Headers.Add("X-Forwarded-For", $"203.0.113.{number}"))).Status);
        }

        Assert.That(statuses, Is.EqualTo([401, 401, 401, 429, 429]));
    }

    [Test, Category("B-17")]
    public async Task No_text_in_a_call_makes_anybody_blocked()
    {
        await using var host = await StartAsync(("MaxToolCalls", "40"));
        for (var greeting = 0; greeting < 30; greeting++)
        {
            Assert.That((await host.CallToolAsync("echo", TestTokens.Own(host.Keys.Key), new { message = "hello; rm -rf; ls" })).Status, Is.EqualTo(200));
        }
    }

    [TestCase("203.0.113.7", "peer:203.0.113.7")]
    [TestCase("::ffff:203.0.113.7", "peer:203.0.113.7")]
    [TestCase("2001:db8:1:2:3:4:5:6", "peer:2001:db8:1:2::/64")]
    [TestCase("2001:db8:1:2:ffff::1", "peer:2001:db8:1:2::/64")]
    [TestCase("2001:db8:1:3::1", "peer:2001:db8:1:3::/64")]
    [TestCase("::1", "peer:::/64")]
    [Category("SEED-058")]
    public void An_address_is_counted_as_whoever_holds_it(string address, string key)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(address);

        Assert.That(RateKeys.OfPeer(context), Is.EqualTo(key));
    }

    // A node keeps at most 262,144 counts, about 30 MB (docs/rate-limiting.md).
    [Test, NonParallelizable, Category("B-11")]
    public async Task A_million_addresses_do_not_fill_the_memory()
    {
        var counter = new MemoryRateCounter(new FakeTimeProvider());
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var number = 0; number < 1_000_000; number++)
        {
            await counter.CountAsync($"mcp:peer:2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64", TimeSpan.FromMinutes(1));
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        TestContext.Out.WriteLine($"{grown / 1024 / 1024} MB");
        Assert.That(grown, Is.LessThan(64 * 1024 * 1024));
        GC.KeepAlive(counter);
    }

    private static async Task<List<int>> StatusesAsync(McpHost host, int requests)
    {
        List<int> statuses = [];
        for (var request = 0; request < requests; request++)
        {
            statuses.Add((await host.CallAsync("tools/list")).Status);
        }

        return statuses;
    }

    private static HttpRequestMessage ListRequest(string token) => new(HttpMethod.Post, "/mcp")
    {
        Content = new StringContent("""{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}""", Encoding.UTF8, "application/json"),
        Headers = { { "Authorization", $"Bearer {token}" } },
    };

    private static Task<McpHost> StartAsync(params (string Name, string? Value)[] settings)
    {
        var all = new Dictionary<string, string?> { ["Mcp:RateLimiting:Enabled"] = "true", ["Mcp:Auth:RequireAuthForToolsList"] = "false" };
        foreach (var (name, value) in settings)
        {
            all[$"{McpOptions.Section}:RateLimiting:{name}"] = value;
        }

        return McpHost.StartAsync(all);
    }
}
