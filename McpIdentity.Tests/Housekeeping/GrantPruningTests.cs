using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Housekeeping;

/// <summary>Grants whose time is over are found by the day of their end: a refresh moves the end each time, and the day once a day.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class GrantPruningTests
{
    private const string Insert = """
        INSERT INTO "Grants" ("Id", "UserId", "ClientId", "SessionId", "Generation", "RotatedAt", "ExpiresAt", "CreatedAt", "ProtectedClaims")
        """;

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task What_is_over_is_found_by_an_index(string provider)
    {
        using var folder = new TemporaryFolder();
        await using McpIdentityDbContext db = provider == "SQLite"
            ? new SqliteMcpIdentityDbContext(new DbContextOptionsBuilder<SqliteMcpIdentityDbContext>().UseSqlite($"Data Source={folder.File("test.db")};Pooling=False").Options)
            : new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()).Options);
        await db.Database.MigrateAsync();
        if (provider == "PostgreSQL") // which goes by how many rows there are
        {
            var many = $"""
                {Insert.Replace("\"ExpiresAt\"", "\"ExpiresOn\", \"ExpiresAt\"", StringComparison.Ordinal)}
                SELECT decode(lpad(to_hex(i), 32, '0'), 'hex'), 'u', 'c', 's', 1, now(), now() + i * interval '1 minute', now() + i * interval '1 minute', now(), '' FROM generate_series(1, 20000) AS i;
                ANALYZE "Grants"
                """;
            await db.Database.ExecuteSqlRawAsync(many);
        }

        var query = db.Grants.Where(Grant.ExpiredBefore(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero))).OrderBy(grant => grant.ExpiresOn).Take(500).Select(grant => grant.Id);
        await using var command = query.CreateDbCommand();
        command.CommandText = (provider == "SQLite" ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + command.CommandText;
        await db.Database.OpenConnectionAsync();
        await using var plan = await command.ExecuteReaderAsync();
        var says = new List<string?>();
        while (await plan.ReadAsync())
        {
            says.Add(plan.GetValue(plan.FieldCount - 1).ToString());
        }

        Assert.That(string.Join('\n', says), Does.Match("(SEARCH|Index Scan).*IX_Grants_ExpiresOn"));
    }

    [Test]
    public void What_each_refresh_changes_is_in_no_index()
    {
        using var db = new PostgresMcpIdentityDbContext(new DbContextOptionsBuilder<PostgresMcpIdentityDbContext>().UseNpgsql("Host=nowhere").Options);
        var indexed = db.Model.FindEntityType(typeof(Grant))!.GetIndexes().SelectMany(index => index.Properties).Select(property => property.Name);
        Assert.That(indexed, Has.None.AnyOf(nameof(Grant.Generation), nameof(Grant.RotatedAt), nameof(Grant.ExpiresAt)));
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task A_grant_goes_when_its_last_token_is_over_also_one_of_a_server_that_knows_no_day(string provider)
    {
        string[] settings = provider == "SQLite"
            ? []
            : [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];
        await using var server = await TestServer.StartAsync([.. settings, "OAuth:RefreshTokenLifetime=5.00:00:00"]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        var id = provider == "SQLite" ? "X'00000000000000000000000000000001'" : "decode('00000000000000000000000000000001', 'hex')";
        var withoutDay = $"""{Insert} SELECT {id}, 'u', 'c', 's', 1, "RotatedAt", "ExpiresAt", "CreatedAt", '' FROM "Grants" """;
        await InDatabaseAsync(server, db => db.Database.ExecuteSqlRawAsync(withoutDay));
        server.Clock.Advance(TimeSpan.FromDays(3));
        using (var response = await client.RefreshAsync(token))
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That(await InDatabaseAsync(server, db => db.Grants.Where(grant => grant.UserId != "u").Select(grant => grant.ExpiresOn).SingleAsync()),
            Is.EqualTo(Grant.DayOf(server.Clock.GetUtcNow().AddDays(5))), "the refresh moves the day");
        foreach (var (later, left) in ((TimeSpan, int)[])[(TimeSpan.FromDays(1.99), 2), (TimeSpan.FromDays(0.02), 1), (TimeSpan.FromDays(2.98), 1), (TimeSpan.FromDays(0.02), 0)])
        {
            server.Clock.Advance(later);
            await using var scope = server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, CancellationToken.None);
            Assert.That(await ExpiredGrants.CountAsync(server), Is.EqualTo(left));
        }
    }

    private static async Task<T> InDatabaseAsync<T>(TestServer server, Func<McpIdentityDbContext, Task<T>> use)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await use(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
