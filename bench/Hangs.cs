using System.Globalization;

namespace McpIdentity.Bench;

/// <summary>
/// Things that stop without ending: a Redis that hangs while it counts for the limits, and standard output that nobody
/// reads. Neither may cost an answer, or more than one wait.
/// </summary>
internal static class Hangs
{
    private static readonly TimeSpan Hanging = TimeSpan.FromSeconds(6);

    public static async Task<int> OfRedisAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        var port = Program.FreePort().ToString(CultureInfo.InvariantCulture);
        await using var redis = ChildProcess.Start(folder, "redis", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder);
        await using var server = await ServerUnderTest.StartAsync(
            program, folder, Program.FreePort(), database, [.. Limits, "--OAuth:SessionStorage:Redis:Host=127.0.0.1", $"--OAuth:SessionStorage:Redis:Port={port}"]);
        using var wire = new Wire(server.Address);
        await using var campaign = await Campaign.StartAsync(wire);
        for (var round = 0; round < options.Rounds; round++)
        {
            await campaign.AnswerAsync(50);
            await redis.SignalAsync("STOP");
            await Task.Delay(Hanging);
            await redis.SignalAsync("CONT");
        }

        return await campaign.ReportAsync($"Redis hung {options.Rounds} times for {Hanging.TotalSeconds} s");
    }

    public static async Task<int> OfOutputAsync(BenchOptions options, string folder)
    {
        var program = options.Server ?? await ServerUnderTest.PublishAsync(folder);
        await using var database = options.UsePostgres ? await PostgresServer.StartAsync(Program.FreePort()) : null;
        await using var server = await ServerUnderTest.StartAsync(
            program, folder, Program.FreePort(), database,
            ["--Logging:LogLevel:Microsoft.AspNetCore=Debug"], before: "mkfifo unread; exec 3<>unread >&3 2>&3");
        using var wire = new Wire(server.Address);
        await using var campaign = await Campaign.StartAsync(wire);
        await campaign.AnswerAsync(100 * options.Rounds);
        var health = await wire.GetAsync("/health");
        return await campaign.ReportAsync($"Nobody reads standard output ({health.Text})");
    }

    private static readonly string[] Limits =
        ["--Mcp:RateLimiting:Enabled=true", "--Mcp:RateLimiting:MaxRequests=100000000", "--Mcp:RateLimiting:MaxToolCalls=100000000", "--Mcp:RateLimiting:AuthEndpointMaxRequests=100000000", "--Mcp:RateLimiting:RegistrationMaxRequests=100000000"];
}
