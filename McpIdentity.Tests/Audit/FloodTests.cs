using System.Net;
using McpIdentity.Mcp.Audit;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Audit;

/// <summary>What a stranger can do to the logs: write no line of their own, and not fill them.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class FloodTests
{
    [Test]
    public async Task What_an_address_is_refused_over_and_over_is_summed()
    {
        using var folder = new TemporaryFolder();
        await using (var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:SecurityLogging:Enabled"] = "true",
            ["Mcp:SecurityLogging:LogToFile"] = "true",
            ["Mcp:SecurityLogging:LogFilePath"] = folder.File("log"),
        }))
        {
            for (var request = 0; request < 100; request++)
            {
                await host.CallAsync("tools/list", change: call => call.Headers.Host = $"evil{request}.example");
            }

            await host.CallToolAsync("whoami", TestTokens.Own(host.Keys.Key));
            await LogLines.WaitForAsync(folder.File("log"), "mcp_auth_success");
            host.Time.Advance(TimeSpan.FromMinutes(2));
            var sum = await LogLines.WaitForAsync(folder.File("log"), "mcp_auth_failure", line => line.TryGetProperty("count", out _));
            Assert.That(sum.GetProperty("count").GetInt32(), Is.EqualTo(100 - RepeatedEvents.InFull));
            Assert.That(sum.GetProperty("address").GetString(), Is.EqualTo("127.0.0.1"));
        }

        Assert.That(LogLines.Read(folder.File("log")).Count(line => line.GetProperty("event").GetString() == "mcp_auth_failure"), Is.EqualTo(RepeatedEvents.InFull + 1));
    }

    [Test]
    public async Task What_is_in_a_sum_at_the_end_is_written()
    {
        using var folder = new TemporaryFolder();
        await using (var host = await McpHost.StartAsync(new Dictionary<string, string?>
        {
            ["Mcp:SecurityLogging:Enabled"] = "true",
            ["Mcp:SecurityLogging:LogToFile"] = "true",
            ["Mcp:SecurityLogging:LogFilePath"] = folder.File("log"),
        }))
        {
            for (var request = 0; request < 30; request++)
            {
                await host.CallToolAsync("echo");
            }
        }

        Assert.That(LogLines.Read(folder.File("log"))[^1].GetProperty("count").GetInt32(), Is.EqualTo(30 - RepeatedEvents.InFull));
    }

    [Test]
    public async Task The_ordinary_log_has_no_line_for_each_either_where_there_is_no_security_log()
    {
        await using var host = await McpHost.StartAsync();
        for (var request = 0; request < 100; request++)
        {
            await host.CallAsync("tools/list", change: call => call.Headers.Host = "evil.example");
        }

        host.Time.Advance(TimeSpan.FromMinutes(2));
        await host.CallAsync("tools/list");

        Assert.That(host.Logs.At(LogLevel.Warning).Count(line => line.Contains("WrongSite", StringComparison.Ordinal)), Is.EqualTo(RepeatedEvents.InFull));
        Assert.That(host.Logs.All, Does.Contain("80 more within 60 s"));
    }

    [Test]
    public void Alarms_and_what_names_somebody_are_never_summed()
    {
        var repeated = new RepeatedEvents(TimeProvider.System);
        foreach (var e in new[]
        {
            SecurityEvent.Alarm("refresh_token_reuse", "x"), SecurityEvent.Failure("scope_denied", "x") with { Subject = "alice" }, SecurityEvent.Failure("token_refused", "x") with { GrantId = "g" }, SecurityEvent.Success("login_success"),
        })
        {
            Assert.That(Enumerable.Range(0, 1000).All(_ => repeated.Admits(e, From(7))), Is.True, e.Event);
        }
    }

    [Test]
    public void However_many_addresses_ask_the_sums_are_bounded()
    {
        var repeated = new RepeatedEvents(TimeProvider.System);
        var admitted = Enumerable.Range(0, 30_000).Count(number => repeated.Admits(SecurityEvent.Failure("token_refused", "x"), From(number)));

        Assert.That(admitted, Is.EqualTo(10_000 + RepeatedEvents.InFull));
    }

    [TestCase("a\nb"), TestCase("\u001b[31m"), TestCase("\u202Egnp.exe"), TestCase("\u2028x"), TestCase("a\r\nwarn: forged")]
    public async Task Nothing_that_a_caller_wrote_begins_a_line(string text)
    {
        using var watch = new LogWatch();
        await using var host = await McpHost.StartAsync(configure: (builder, _) => builder.Logging.AddProvider(watch).SetMinimumLevel(LogLevel.Trace));
        var token = TestTokens.Own(host.Keys.Key);

        await host.CallAsync(text, bearer: token);
        await host.CallToolAsync(text, token);
        await host.CallAsync("initialize", new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = text, version = text } }, token);
        await host.CallAsync("prompts/get", new { name = text }, token);

        Assert.That(watch.Take(), Is.Empty);
    }

    private static DefaultHttpContext From(int address) => new() { Connection = { RemoteIpAddress = new IPAddress(address) } };

    [Test]
    public void A_line_has_an_end() =>
        Assert.That(ForeignText.Clean(new string('x', 1_000_000)), Has.Length.LessThan(ForeignText.MaxLength + 64).And.EndsWith("… (1000000 characters)"));
}
