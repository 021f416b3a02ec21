using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Administration;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Audit;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// Work that no request waits for, and that does itself again, says of a database that is away what a request says of it: a warning
/// (docs/operations.md, "When the database or Redis is away"). An error is for what does not mend itself.
/// </summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class BackgroundFaultTests
{
    private static readonly string[] Told =
    [
        "Revocations of other nodes cannot be read", "The signing keys cannot be read", "The stored policy cannot be read", "The stored MCP servers cannot be read",
        "The catalogue of tools cannot be read or written", "What the MCP servers answered cannot be written down", "The audit cannot be written",
        "Expired data could not be pruned", "What the console shows of LastDay could not be found out", "When clients were last used could not be written",
    ];

    [TestCase(false, Category = "Postgres", TestName = "A_postgresql_that_is_away_for_a_moment_is_no_error")]
    [TestCase(true, Category = "Postgres", TestName = "A_postgresql_that_hangs_for_a_moment_is_no_error")]
    public async Task A_database_that_is_away_is_no_error(bool hangs)
    {
        await using var postgres = await PostgresServer.StartAsync();
        var log = new RecordedLog();
        await using var server = await StartAsync(log, $"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}");
        var service = await OAuthClient.RegisterServiceAsync(server);
        using var issued = await service.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(issued.IsSuccessStatusCode, "so that there is a use to write down");
        await (hangs ? postgres.HangAsync() : postgres.StopAsync());

        server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
        await UntilToldAsync(server, log, Told);

        Assert.That(log.Lines.Where(IsGrave), Is.Empty);
        await postgres.GoOnAsync();
    }

    [Test]
    public async Task What_is_no_fault_of_the_database_is_an_error()
    {
        var log = new RecordedLog();
        await using var server = await StartAsync(log);
        await AuditRows.TamperAsync(server, "ALTER TABLE \"Revocations\" RENAME TO \"Away\"");
        await AuditRows.TamperAsync(server, "ALTER TABLE \"AuditEntries\" RENAME TO \"AwayToo\"");

        server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
        string[] told = ["Revocations of other nodes cannot be read", "The audit cannot be written", "Expired data could not be pruned"];
        await UntilToldAsync(server, log, told);

        Assert.That(log.Lines.Where(line => told.Any(words => line.Contains(words, StringComparison.Ordinal))), Is.All.StartsWith("Error "));
    }

    private static Task<TestServer> StartAsync(RecordedLog log, params string[] settings) =>
        TestServer.StartAsync(builder => builder.Logging.AddProvider(log), ["Gateway:Servers:notes:Url=http://127.0.0.1:1/mcp", .. settings]);

    // The clock goes on until each has come to its turn.
    private static async Task UntilToldAsync(TestServer server, RecordedLog log, params string[] told)
    {
        var console = server.Services.GetRequiredService<Kept<LastDay>>();
        await Until.TrueAsync(
            async () =>
            {
                server.Clock.Advance(TimeSpan.FromMinutes(5));
                await console.AskAsync(TimeSpan.Zero);
                return told.All(words => log.Lines.Any(line => line.Contains(words, StringComparison.Ordinal)));
            },
            "each has told of it");
    }

    private static bool IsGrave(string line) => line.StartsWith("Error ", StringComparison.Ordinal) || line.StartsWith("Critical ", StringComparison.Ordinal);
}
