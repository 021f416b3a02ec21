using System.Net;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Sessions;

/// <summary>A call with a token that the server knows sends the database nothing: docs/decisions/0002, docs/decisions/0004. The clock stands still, so that nothing else asks either.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class CallCostTests
{
    private const int Calls = 50;

    // Which writes the first call of a minute down, beside the requests.
    private const string WithoutAudit = "Audit:Enabled=false";

    [Test]
    [Category("Postgres"), Category("Redis")]
    public async Task Calls_send_nothing_to_postgresql()
    {
        var database = new NpgsqlConnectionStringBuilder(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        await using var proxy = new FaultyProxy(database.Port);
        database.Port = proxy.Port;
        // Revocations are signalled over Redis: a connection that listens to PostgreSQL says every half minute that it is there.
        await using var server = await TestServer.StartAsync(
            WithoutAudit,
            "Database:Provider=Postgres",
            $"Database:ConnectionString={database.ConnectionString}",
            "OAuth:SessionStorage:Redis:Host=127.0.0.1",
            $"OAuth:SessionStorage:Redis:Port={(await RedisServer.SharedAsync()).Port}",
            $"OAuth:SessionStorage:Redis:KeyPrefix={database.Database}:");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var before = proxy.Sent;
        var token = (await client.ConnectAsync(alice)).Text("access_token")!;
        Assert.That(proxy.Sent, Is.GreaterThan(before), "what is sent is counted");
        await CallAsync(server, token);
        before = proxy.Sent;

        for (var call = 0; call < Calls; call++)
        {
            await CallAsync(server, token);
        }

        Assert.That(proxy.Sent, Is.EqualTo(before));
    }

    private static async Task CallAsync(TestServer server, string token) =>
        Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
}
