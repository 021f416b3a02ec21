using System.Collections.Concurrent;
using System.Net;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>SIGTERM while codes and refresh tokens are being spent: each request that has begun is answered, and what was answered counts.</summary>
[Category("Durability"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class StopTests
{
    private const int Lanes = 4;
    private const int Codes = 16;

    [TestCase(false), TestCase(true, Category = "Postgres")]
    public async Task Every_request_for_tokens_is_answered_until_the_end_and_nothing_answered_is_lost(bool postgres)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-stop-");
        try
        {
            var start = await StartOf(folder, postgres);
            await using var server = await ServerProcess.StartAsync(start);
            var client = await OAuthClient.RegisterPublicAsync(server.Http);
            using var alice = new Person(server.BaseUrl);
            var codes = new ConcurrentQueue<string>();
            var held = new ConcurrentQueue<string>();
            for (var i = 0; i < Codes; i++)
            {
                codes.Enqueue(await client.AuthorizeAsync(alice));
                held.Enqueue((await client.ConnectAsync(alice)).Text("refresh_token")!);
            }

            var served = 0;
            var lanes = Enumerable.Range(0, Lanes).Select(_ => Task.Run(SpendUntilSentAwayAsync)).ToList();
            await Until.TrueAsync(() => Volatile.Read(ref served) > Codes || lanes.Exists(lane => lane.IsCompleted), "requests are being served");
            var stopped = server.StopAsync();
            await Task.WhenAll(lanes);
            Assert.That(await stopped, Is.Zero);

            await using var next = await ServerProcess.StartAsync(start);
            await AssertHeldAsync(client.At(next.Http), codes, held);

            // A lane turns codes into refresh tokens and those into the next, over one connection, as a client with a pool.
            async Task SpendUntilSentAwayAsync()
            {
                using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = server.Http.BaseAddress };
                var mine = client.At(http);
                for (var isLast = false; !isLast; Interlocked.Increment(ref served))
                {
                    isLast = await SpendAsync(codes, code => mine.RedeemAsync(code)) || await SpendAsync(held, token => mine.RefreshAsync(token));
                }
            }

            async Task<bool> SpendAsync(ConcurrentQueue<string> queue, Func<string, Task<HttpResponseMessage>> request)
            {
                if (!queue.TryDequeue(out var token))
                {
                    return false;
                }

                try
                {
                    using var answer = await request(token);
                    Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
                    held.Enqueue((await answer.JsonAsync()).Text("refresh_token")!);
                    return answer.Headers.ConnectionClose == true;
                }
                catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConnectionError)
                {
                    queue.Enqueue(token); // This lane slept while the server closed its door: nothing has begun.
                    return true;
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    [Category("Postgres")]
    public async Task Whoever_waits_for_the_database_at_that_moment_is_answered_too([Values] bool itComesBack)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-stop-");
        try
        {
            var start = await StartOf(folder, postgres: true);
            await using var server = await ServerProcess.StartAsync(start);
            var client = await OAuthClient.RegisterPublicAsync(server.Http);
            using var alice = new Person(server.BaseUrl);
            var codes = new List<string>();
            var tokens = new List<string>();
            for (var i = 0; i < Lanes; i++)
            {
                codes.Add(await client.AuthorizeAsync(alice));
                tokens.Add((await client.ConnectAsync(alice)).Text("refresh_token")!);
            }

            await using var other = new NpgsqlConnection(start.Arguments[0]["--Database:ConnectionString=".Length..]);
            await other.OpenAsync();
            var transaction = await other.BeginTransactionAsync();
            await ExecuteAsync("LOCK TABLE \"Grants\" IN EXCLUSIVE MODE");   // reads go on, spending waits
            var redemptions = codes.ConvertAll(code => client.RedeemAsync(code));
            var refreshes = tokens.ConvertAll(token => client.RefreshAsync(token));
            await Until.TrueAsync(
                async () => await ExecuteAsync("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '\"Grants\"'::regclass") is 2L * Lanes, "all of them wait");

            var stopped = server.StopAsync();
            await Until.TrueAsync(IsStoppingAsync, "the signal has arrived");
            if (itComesBack)
            {
                await transaction.RollbackAsync();
            }

            var answers = await Task.WhenAll([.. redemptions, .. refreshes]);
            Assert.That(await stopped, Is.Zero);
            await transaction.DisposeAsync();
            await using var next = await ServerProcess.StartAsync(start);
            for (var i = 0; i < answers.Length; i++)
            {
                var isIssued = answers[i].IsSuccessStatusCode;
                if (!isIssued)
                {
                    // Even where it comes back, when the machine is so slow that nobody is kept waiting any longer.
                    Assert.That(answers[i].StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answers[i].Content.ReadAsStringAsync());
                    Assert.That(answers[i].Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
                }

                if (isIssued || i >= Lanes)
                {
                    var token = isIssued ? (await answers[i].JsonAsync()).Text("refresh_token")! : tokens[i - Lanes];
                    await AssertHeldAsync(client.At(next.Http), [], [token]);
                }
            }

            async Task<bool> IsStoppingAsync()
            {
                try
                {
                    using var answer = await server.Http.GetAsync("/.well-known/jwks.json");
                    return answer.Headers.ConnectionClose == true;
                }
                catch (HttpRequestException)
                {
                    return true;
                }
            }

            async Task<object?> ExecuteAsync(string sql)
            {
                await using var command = new NpgsqlCommand(sql, other);
                return await command.ExecuteScalarAsync();
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // How soon a server is back is the machine's to say: the longest grace, and codes that wait for it.
    private static async Task<ServerStart> StartOf(DirectoryInfo folder, bool postgres) => new()
    {
        Folder = folder.FullName,
        Port = Ports.Next(),
        Arguments =
        [
            .. postgres ? [$"--Database:ConnectionString={await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()}", "--Database:Provider=Postgres"] : (string[])[],
            "--OAuth:RefreshTokenReuseGraceSeconds=300",
            "--OAuth:AuthorizationCodeLifetime=00:10:00",
        ],
    };

    private static async Task AssertHeldAsync(OAuthClient client, IEnumerable<string> codes, IEnumerable<string> refreshTokens)
    {
        foreach (var answer in await Task.WhenAll([.. codes.Select(code => client.RedeemAsync(code)), .. refreshTokens.Select(token => client.RefreshAsync(token))]))
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
            answer.Dispose();
        }
    }
}
