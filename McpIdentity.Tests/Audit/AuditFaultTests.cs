using System.Net;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Audit;

/// <summary>While the database takes no row of the audit, and everything else: docs/audit.md, "While the database does not take rows".</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuditFaultTests
{
    private const string TakeAway = "ALTER TABLE \"AuditEntries\" RENAME TO \"Away\"";
    private const string PutBack = "ALTER TABLE \"Away\" RENAME TO \"AuditEntries\"";

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task Nothing_is_issued_that_cannot_be_written_down_where_the_operator_wants_it_so(string provider)
    {
        await using var server = await TestServer.StartAsync([.. await AuditRows.DatabaseAsync(provider), "Audit:WhenUnavailable=StopIssuing"]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        Assert.That((await AuditRows.ReadAsync(server)).Select(row => row.Event), Does.Contain("token_issued"), "it was answered, so it is there");
        var code = await client.AuthorizeAsync(alice);

        await AuditRows.TamperAsync(server, TakeAway);
        await AssertUnavailableAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
        await AssertUnavailableAsync(() => client.RedeemAsync(code));
        using var registration = await server.Http.PostAsync("/register", new StringContent("{\"redirect_uris\":[\"https://client.example/callback\"]}", null, "application/json"));
        Assert.That((registration.StatusCode, registration.Headers.RetryAfter is not null), Is.EqualTo((HttpStatusCode.ServiceUnavailable, true)));
        Assert.That((await server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "what issues nothing goes on");

        await AuditRows.TamperAsync(server, PutBack);
        await Until.TrueAsync(async () =>
        {
            using var redeemed = await client.RedeemAsync(code);
            return redeemed.StatusCode == HttpStatusCode.OK;
        }, "the code was not spent");
        await Verbs.DoAsync(server, "audit", "verify");
    }

    [Test]
    public async Task Otherwise_it_goes_on_is_degraded_and_writes_what_waited()
    {
        await using var server = await TestServer.StartAsync();
        await OAuthClient.RegisterPublicAsync(server);
        await AuditRows.WaitForAsync(server, "client_registered");

        await AuditRows.TamperAsync(server, TakeAway);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.ConnectAsync(alice);
        await Until.TrueAsync(async () =>
        {
            server.Clock.Advance(TimeSpan.FromSeconds(1)); // readiness looks once a second
            using var ready = await server.Http.GetAsync("/health/ready");
            var said = await ready.JsonAsync();
            return (ready.StatusCode, said.Text("status"), said.GetProperty("checks").Text("audit")) == (HttpStatusCode.OK, "degraded", "failed");
        }, "the readiness says so");

        await AuditRows.TamperAsync(server, PutBack);
        await AuditRows.WaitForAsync(server, "token_issued", condition: row => row.ClientId == client.ClientId);
        await Verbs.DoAsync(server, "audit", "verify");
        await Until.TrueAsync(async () =>
        {
            server.Clock.Advance(TimeSpan.FromSeconds(1));
            using var ready = await server.Http.GetAsync("/health/ready");
            return (await ready.JsonAsync()).Text("status") == "ok";
        }, "and that it is over");
    }

    [TestCase(false), TestCase(true, Category = "Postgres")]
    [Category("Durability"), Category("Slow")]
    public async Task What_is_written_verifies_after_a_kill(bool postgres)
    {
        var database = postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : null;
        var folder = Directory.CreateTempSubdirectory("mcpidentity-audit-kill-");
        try
        {
            var start = new ServerStart
            {
                Folder = folder.FullName,
                Port = Ports.Next(),
                Arguments = ["--Audit:Calls=Each", "--Mcp:RateLimiting:Enabled=false"],
                Environment = database is null ? new Dictionary<string, string?>() : new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) },
            };
            for (var round = 0; round < 2; round++)
            {
                await using var server = await ServerProcess.StartAsync(start);
                var client = await OAuthClient.RegisterPublicAsync(server.Http);
                using var alice = new Person(server.BaseUrl);
                var token = (await client.ConnectAsync(alice)).Text("access_token");
                var load = Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
                {
                    for (var call = 0; call < 100_000; call++)
                    {
                        try
                        {
                            await server.Http.CallToolAsync(token);
                        }
                        catch (HttpRequestException)
                        {
                            return; // it was killed
                        }
                    }
                }));
                await Task.WhenAny(load, Task.Delay(TimeSpan.FromSeconds(2)));
                await server.KillAsync();
                await load;
            }

            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
            {
                Folder = folder.FullName,
                Environment = start.Environment,
                Arguments = ["audit", "verify", "-o", "json", .. start.DefaultArguments(start.Port!.Value, folder.FullName)],
            });
            Assert.That(exitCode, Is.Zero, output);
            var report = JsonDocument.Parse(output[output.IndexOf('[', StringComparison.Ordinal)..(output.LastIndexOf(']') + 1)]).RootElement[0];
            Assert.That((report.GetProperty("entries").GetInt64() > 100, report.Text("problem")), Is.EqualTo((true, (string?)null)), output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task AssertUnavailableAsync(Func<Task<HttpResponseMessage>> send)
    {
        using var answer = await send();
        Assert.That((answer.StatusCode, answer.Headers.RetryAfter is not null), Is.EqualTo((HttpStatusCode.ServiceUnavailable, true)));
        Assert.That((await answer.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));
    }
}
