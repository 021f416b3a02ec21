using System.Net;
using System.Net.Http.Json;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>Nobody reads standard output, or too slowly: docs/operations.md, "The log".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.Self)]
internal sealed class UnreadOutputTests
{
    [Test, Category("Slow")]
    public async Task A_log_that_nobody_reads_holds_up_no_request_and_what_was_lost_is_counted()
    {
        using var folder = new TemporaryFolder();
        var pipe = folder.File("output");
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Folder = folder.Path,
            // Opened for reading too, so that the pipe stands; read from by nobody.
            Before = $"mkfifo {pipe}; exec 3<>{pipe} >&3",
            Arguments = ["--Logging:LogLevel:Microsoft.AspNetCore.Routing=Debug", "--Mcp:SecurityLogging:Enabled=true", "--Mcp:RateLimiting:Enabled=false"],
        });
        Assert.That(await HealthAsync(), Does.Contain("\"log\":\"ok\""));

        // Each writes several lines: many times what a pipe and a queue hold.
        await Parallel.ForEachAsync(Enumerable.Range(0, 2500), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, cancellationToken) =>
        {
            using var answer = await server.Http.GetAsync($"/health/live?{number}", cancellationToken);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        });
        await OAuthClient.RegisterPublicAsync(server.Http);

        await Until.TrueAsync(async () => (await HealthAsync()).Contains("\"log\":\"failed\"", StringComparison.Ordinal), "the health says so");
        using (var ready = await server.Http.GetAsync("/health/ready"))
        {
            Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.OK), "serving goes on");
            Assert.That((await ready.JsonAsync()).Text("status"), Is.EqualTo("degraded"));
        }

        // Somebody reads again.
        var read = new StringBuilder();
        var reading = Task.Run(async () =>
        {
            using var reader = new StreamReader(new FileStream(pipe, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1));
            while (await reader.ReadLineAsync() is { } line)
            {
                lock (read)
                {
                    read.AppendLine(line);
                }
            }
        });
        await Until.TrueAsync(() => Read().Contains("entries of this log were lost", StringComparison.Ordinal), "how much was lost is said");
        await Until.TrueAsync(async () => (await HealthAsync()).Contains("\"log\":\"ok\"", StringComparison.Ordinal), "the log arrives again");

        Assert.That(await server.StopAsync(), Is.Zero);
        await reading; // to its end, which is the server's

        Task<string> HealthAsync() => server.Http.GetStringAsync("/health");

        string Read()
        {
            lock (read)
            {
                return read.ToString();
            }
        }
    }
}
