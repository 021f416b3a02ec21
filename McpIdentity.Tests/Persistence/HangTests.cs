using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using McpIdentity.Server;
using McpIdentity.Tests.Support;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>PostgreSQL accepts and does not answer, with many requests under way: docs/operations.md, "When the database or Redis is away".</summary>
[Category("Storage"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.Self)]
internal sealed class HangTests
{
    private const int Lanes = 12;

    // Nine of ten at each address that has to be there whatever the database does: where threads are blocked, or each asks anew
    // what cannot be answered, each waits seconds. The slowest single one tells more of the machine, with other tests beside this.
    private static readonly TimeSpan Instantly = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WithoutAWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Bounded = TimeSpan.FromSeconds(7);

    private static readonly string[] WithoutDatabase =
        ["/health/live", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/mcp", "/mcp/unknown"];

    [Test]
    public async Task Requests_that_need_a_database_that_hangs_are_503_in_time_and_all_others_do_not_notice()
    {
        await using var postgres = await PostgresServer.StartAsync();
        var database = await postgres.CreateDatabaseAsync();
        await using var proxy = new FaultyProxy(postgres.Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(database) { Port = proxy.Port }.ConnectionString;
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(throughProxy), ["DOTNET_PROCESSOR_COUNT"] = "2" },
        });
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);
        using var bob = new Person(server.BaseUrl, "bob");
        var accessToken = (await client.ConnectAsync(alice)).Text("access_token")!;
        var ofSomebodyUnknown = (await client.ConnectAsync(bob)).Text("access_token")!; // whose name no tool has asked for yet
        Assert.That((await server.Http.CallToolAsync(accessToken)).Status, Is.EqualTo(HttpStatusCode.OK));
        var tokens = new string[Lanes];
        for (var lane = 0; lane < Lanes; lane++)
        {
            tokens[lane] = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        }

        await HangsAsync("stopped", postgres.HangAsync, postgres.GoOnAsync);
        await HangsAsync("a line that is cut", () => Task.Run(proxy.Freeze), () => Task.Run(proxy.Thaw));

        async Task HangsAsync(string what, Func<Task> begin, Func<Task> end)
        {
            await Task.WhenAll(tokens.Select(token => client.RefreshAsync(token)).Concat(Enumerable.Range(0, Lanes).Select(_ => RegisterAsync()))); // connections of both kinds
            await begin();
            using var hanging = new CancellationTokenSource(TimeSpan.FromSeconds(6));
            var needing = new ConcurrentBag<TimeSpan>();
            var free = WithoutDatabase.ToDictionary(path => path, _ => new ConcurrentBag<TimeSpan>());
            await Task.WhenAll(
            [
                .. Enumerable.Range(0, Lanes).Select(lane => LoopAsync(needing, () => client.RefreshAsync(tokens[lane]), HttpStatusCode.ServiceUnavailable)),
                .. Enumerable.Range(0, Lanes).Select(_ => LoopAsync(needing, RegisterAsync, HttpStatusCode.ServiceUnavailable)),
                .. WithoutDatabase.Select(path => LoopAsync(free[path], () => GetAsync(path), HttpStatusCode.OK)),
            ]);
            await end();

            await TestContext.Out.WriteLineAsync(
                $"{what}: {needing.Count} times 503, after {needing.Max().TotalSeconds:N1} s at most; {free.Values.Sum(waits => waits.Count)} others, after {free.Values.Max(waits => waits.Max()).TotalSeconds:N2} s at most");
            foreach (var (path, waits) in free)
            {
                Assert.That(waits.Order().ElementAt(waits.Count * 9 / 10), Is.LessThan(Instantly), $"{what}: {path}");
                // The one call that finds out that a name cannot be had waits for it.
                Assert.That(waits.Max(), Is.LessThan(path == "/mcp/unknown" ? Bounded : WithoutAWait), $"{what}: {path}");
            }

            Assert.That(needing.Max(), Is.LessThan(Bounded), what);
            for (var lane = 0; lane < Lanes; lane++)
            {
                await Until.TrueAsync(async () =>
                {
                    using var answer = await client.RefreshAsync(tokens[lane]);
                    if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                    {
                        return false;
                    }

                    Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
                    tokens[lane] = (await answer.JsonAsync()).Text("refresh_token")!;
                    return true;
                }, "it goes on by itself");
            }

            async Task LoopAsync(ConcurrentBag<TimeSpan> waits, Func<Task<HttpResponseMessage>> request, HttpStatusCode expected)
            {
                while (!hanging.IsCancellationRequested)
                {
                    var clock = Stopwatch.StartNew();
                    using var answer = await request();
                    waits.Add(clock.Elapsed);
                    Assert.That(answer.StatusCode, Is.EqualTo(expected), $"{answer.RequestMessage!.RequestUri} {await answer.Content.ReadAsStringAsync()}");
                    Assert.That(answer.Headers.RetryAfter is not null, Is.EqualTo(expected == HttpStatusCode.ServiceUnavailable));
                    await Task.Delay(TimeSpan.FromMilliseconds(expected == HttpStatusCode.OK ? 20 : 200)); // the load is not what is measured
                }
            }
        }

        async Task<HttpResponseMessage> GetAsync(string path)
        {
            if (!path.StartsWith("/mcp", StringComparison.Ordinal))
            {
                return await server.Http.GetAsync(path);
            }

            var (status, _) = await server.Http.CallToolAsync(path == "/mcp" ? accessToken : ofSomebodyUnknown);
            return new HttpResponseMessage(status) { RequestMessage = new HttpRequestMessage(HttpMethod.Post, "/mcp") };
        }

        Task<HttpResponseMessage> RegisterAsync() => server.Http.PostAsync("/register", new StringContent(
            """{"redirect_uris":["http://127.0.0.1:1/callback"],"token_endpoint_auth_method":"none"}""", null, "application/json"));
    }
}
