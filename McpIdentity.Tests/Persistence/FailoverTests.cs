using System.Diagnostics;
using System.Net;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>A primary goes and its standby takes over: docs/operations.md, "A primary and its standbys".</summary>
[Category("Storage"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.Self)]
internal sealed class FailoverTests
{
    [Test]
    public async Task After_a_promotion_requests_go_on_with_what_they_had()
    {
        await using var primary = await PostgresServer.StartAsync();
        var database = await primary.CreateDatabaseAsync();
        await using var standby = await primary.StartStandbyAsync();
        var parts = new UriBuilder(PostgresServer.UrlOf(database));
        var url = PostgresServer.UrlOf(database).Replace($"127.0.0.1:{parts.Port}", $"127.0.0.1:{primary.Port},127.0.0.1:{standby.Port}", StringComparison.Ordinal);
        await using var server = await TestServer.StartAsync($"Database:Url={url}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        var written = await AskAsync(database, "SELECT pg_current_wal_lsn()::text");
        await Until.TrueAsync(async () => await AskAsync(standby.Of(database), $"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn") is true, "the standby has followed");
        // Another server that knows the standby alone waits for it to take writes, as for one that is starting.
        await using var waiting = ServerProcess.Launch(new ServerStart { Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(standby.Of(database)) } });
        await Until.TrueAsync(() => waiting.Output.Contains("it is a standby", StringComparison.Ordinal), "it says what it waits for");

        await primary.KillAsync();
        using (var away = await client.RefreshAsync(token))
        {
            Assert.That(away.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "a standby takes no writes");
            Assert.That(away.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
        }

        await standby.PromoteAsync();
        var clock = Stopwatch.StartNew();
        await Until.TrueAsync(async () =>
        {
            using var answer = await client.RefreshAsync(token);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
            return answer.StatusCode == HttpStatusCode.OK;
        }, "the new primary is found");
        await TestContext.Out.WriteLineAsync($"{clock.Elapsed.TotalSeconds:N1} s after the promotion");
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)), "Npgsql itself looks again after ten");
        await client.ConnectAsync(alice);
        await waiting.WaitUntilReadyAsync();
    }

    private static async Task<object?> AskAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
