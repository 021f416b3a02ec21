using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Administration;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Audit;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// Work that no request waits for, and that does itself again, says of a database that is away what a request says of it: a warning
/// (docs/operations.md, "When the database or Redis is away"). An error is for what somebody has to mend, and is told also where it follows such a warning.
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
        try
        {
            server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
            await UntilToldAsync(server, log, Told);

            Assert.That(log.Lines.Where(IsGrave), Is.Empty);
        }
        finally
        {
            await postgres.GoOnAsync();
        }
    }

    [Test]
    public async Task What_is_no_fault_of_the_database_is_an_error()
    {
        var log = new RecordedLog();
        await using var server = await StartAsync(log);
        await AuditRows.TamperAsync(server, "ALTER TABLE \"Revocations\" RENAME TO \"Away\"");
        await AuditRows.TamperAsync(server, "ALTER TABLE \"AuditEntries\" RENAME TO \"AwayToo\"");
        await AuditRows.TamperAsync(server, "ALTER TABLE \"OpenIddictApplications\" RENAME COLUMN \"LastUsedAt\" TO \"AwayAsWell\"");

        server.Services.GetRequiredService<Server.Clients.ClientUse>().Touch("client");
        server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
        string[] told = ["Revocations of other nodes cannot be read", "The audit cannot be written", "Expired data could not be pruned", "When clients were last used could not be written"];
        await UntilToldAsync(server, log, told);

        Assert.That(log.Lines.Where(line => told.Any(words => line.Contains(words, StringComparison.Ordinal))), Is.All.StartsWith("Error "));
        using var live = await server.Http.GetAsync("/health/live");
        Assert.That(live.IsSuccessStatusCode, "none of them ends the server");
    }

    [Test]
    public async Task A_lasting_fault_that_follows_one_of_a_moment_is_told_and_none_is_told_twice()
    {
        using var folder = new TemporaryFolder();
        var log = new RecordedLog();
        await using var server = await StartAsync(log, $"Database:ConnectionString=Data Source={folder.File("test.db")};Default Timeout=1");
        string[] told = ["Expired data could not be pruned", "The audit cannot be written"];
        await using (var other = new SqliteConnection($"Data Source={folder.File("test.db")};Pooling=False"))
        {
            await other.OpenAsync();
            await using var transaction = await other.BeginTransactionAsync(); // locked
            server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
            await UntilToldAsync(server, log, told);
            Assert.That(log.Lines.Where(IsGrave), Is.Empty);
            await transaction.RollbackAsync();
        }

        await UntilToldAsync(server, log, "The audit can be written again");
        await AuditRows.TamperAsync(server, "ALTER TABLE \"AuditEntries\" RENAME TO \"Away\"");
        await AuditRows.TamperAsync(server, "ALTER TABLE \"Revocations\" RENAME TO \"AwayToo\"");
        server.Services.GetRequiredService<AuditTrail>().Heard(SecurityEvent.Success("test"));
        await UntilToldAsync(server, log, "Error McpIdentity.Server.Audit.AuditTrail", "Error McpIdentity.Server.Revocation.RevocationFeed");
        Assert.That(log.Lines.Count(line => line.Contains("AuditTrail The audit cannot be written", StringComparison.Ordinal)), Is.EqualTo(2), "once locked, once without its table");
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
