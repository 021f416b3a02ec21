using System.Net;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>More requests at once than PostgreSQL has connections: docs/operations.md, "Connections to PostgreSQL".</summary>
[Category("Storage"), Category("Postgres")]
[Parallelizable(ParallelScope.Self)]
internal sealed class CrowdTests
{
    private const int Requests = 240;

    /// <summary>The pools of two servers fit into it; those of three, or of pools that are too large, wait for each other.</summary>
    [TestCase("", TestName = "Two_servers_wait_for_connections_and_refuse_nobody"), TestCase(";Maximum Pool Size=50", TestName = "Servers_whose_pools_do_not_fit_wait_and_refuse_nobody")]
    public async Task Crowd(string settings)
    {
        await using var postgres = await PostgresServer.StartAsync("max_connections=30");
        var database = await postgres.CreateDatabaseAsync();
        // Another name is another pool, as another process has.
        await using var first = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database};Application Name=first{settings}");
        await using var second = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database};Application Name=second{settings}");
        var client = await OAuthClient.RegisterPublicAsync(first);
        using var alice = new Person(first);
        var tokens = new string[12];
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        }

        // Those that refresh and those that register: prepared statements and EF Core's. A quick machine may serve a crowd by fewer connections than
        // there are: where PostgreSQL is to run out of them, another comes until it has.
        for (var crowd = 0; crowd == 0 || (settings.Length > 0 && crowd < 10 && !HasRunOut()); crowd++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, settings.Length > 0 ? Requests / 3 : Requests).Select(i => (i % 4) switch
            {
                0 => client.RefreshAsync(tokens[i % tokens.Length]),
                1 => RegisterAsync(first),
                _ => RegisterAsync(second),
            }));
            Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Created));
        }

        Assert.That(HasRunOut(), Is.EqualTo(settings.Length > 0));

        bool HasRunOut() => postgres.Output.Contains("too many clients", StringComparison.Ordinal);
    }

    [Test]
    public async Task A_server_that_takes_no_writes_any_more_is_503_and_left_as_soon_as_another_answers()
    {
        var postgres = await PostgresServer.SharedAsync();
        var database = await postgres.CreateDatabaseAsync();
        await using var server = await TestServer.StartAsync($"Database:Url={PostgresServer.UrlOf(database)}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        // What a demoted primary answers (25006), on the connections that are open already.
        await ExecuteAsync(database, $"ALTER DATABASE {new NpgsqlConnectionStringBuilder(database).Database} SET default_transaction_read_only = on");
        await ExecuteAsync(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");

        foreach (var request in (Func<Task<HttpResponseMessage>>[])[() => client.RefreshAsync(token), () => RegisterAsync(server), () => client.PostAsync("/oauth/revoke", ("token", token))])
        {
            using var answer = await request();
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
            Assert.That(answer.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
        }

        // From here on new connections may write; those of the pool could not.
        await ExecuteAsync(database, $"ALTER DATABASE {new NpgsqlConnectionStringBuilder(database).Database} RESET default_transaction_read_only");
        using (await RegisterAsync(server))
        {
            // May be the one that finds out.
        }

        using var refreshed = await client.RefreshAsync(token);
        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refreshed.Content.ReadAsStringAsync());
    }

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database + ";Pooling=false;Options=-c default_transaction_read_only=off");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static Task<HttpResponseMessage> RegisterAsync(TestServer server) => server.Http.PostAsync("/register", new StringContent(
        """{"redirect_uris":["http://127.0.0.1:1/callback"],"token_endpoint_auth_method":"none"}""", null, "application/json"));
}
