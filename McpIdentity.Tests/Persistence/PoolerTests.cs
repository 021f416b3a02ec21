using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>Two servers whose every transaction may run on another connection: docs/operations.md, "Connections to PostgreSQL".</summary>
[Category("Storage"), Category("Postgres"), Category("PgBouncer")]
[Parallelizable(ParallelScope.Self)]
internal sealed class PoolerTests
{
    private PgBouncer _pooler = null!;
    private TestServer _first = null!;
    private TestServer _second = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        _pooler = await PgBouncer.StartAsync(database);
        string[] settings = ["Database:Provider=Postgres", $"Database:ConnectionString={_pooler.Before(database)}"];
        _first = await TestServer.StartAsync(settings);
        _second = await TestServer.StartAsync([.. settings, $"Server:PublicBaseUrl={_first.BaseUrl}"]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _second.DisposeAsync();
        await _first.DisposeAsync();
        await _pooler.DisposeAsync();
    }

    [Test]
    public async Task Many_people_sign_in_and_refresh_at_once_through_pgbouncer_in_transaction_mode()
    {
        var client = await OAuthClient.RegisterPublicAsync(_first);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            using var alice = new Person(_first);
            var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
            for (var round = 0; round < 8; round++) // more often than a statement is sent before it is prepared
            {
                using var answer = await client.At((round % 2 == 0 ? _first : _second).Http).RefreshAsync(token);
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
                token = (await answer.JsonAsync()).Text("refresh_token")!;
            }
        }));
    }

    [Test]
    public async Task A_revocation_reaches_the_other_server_without_notifications()
    {
        var client = await OAuthClient.RegisterPublicAsync(_first);
        using var alice = new Person(_first);
        var tokens = await client.ConnectAsync(alice);
        Assert.That((await _second.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        using var revocation = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));

        Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await Until.TrueAsync(async () =>
        {
            _second.Clock.Advance(TimeSpan.FromMilliseconds(500));
            return (await _second.Http.CallToolAsync(tokens.Text("access_token"))).Status == HttpStatusCode.Unauthorized;
        }, "the poll has read it");
    }

    [Test]
    public async Task Work_that_one_server_may_do_is_done_by_one()
    {
        await using var one = _first.Services.CreateAsyncScope();
        await using var other = _second.Services.CreateAsyncScope();
        var (db, another) = (one.ServiceProvider.GetRequiredService<McpIdentityDbContext>(), other.ServiceProvider.GetRequiredService<McpIdentityDbContext>());

        await using (await db.TryBeginWorkAsync("a work", CancellationToken.None))
        {
            await db.Clients.CountAsync();
            Assert.That(await another.TryBeginWorkAsync("a work", CancellationToken.None), Is.Null);
        }

        await using var next = await another.TryBeginWorkAsync("a work", CancellationToken.None);
        Assert.That(next, Is.Not.Null);
    }

    [Test]
    public void What_a_connection_string_says_stays_also_where_it_says_the_default()
    {
        var direct = new PostgresTraits(IsPooled: false, MaxConnections: 97);

        Assert.That(Of("Host=db").MaxAutoPrepare, Is.GreaterThan(0));
        Assert.That(Of("Host=db;Max Auto Prepare=0").MaxAutoPrepare, Is.Zero);
        Assert.That(Of("Host=db;Timeout=15;CommandTimeout=30;MaxPoolSize=100"), Has.Property("Timeout").EqualTo(15).And.Property("CommandTimeout").EqualTo(30).And.Property("MaxPoolSize").EqualTo(100));
        Assert.That(Of("Host=db").MaxPoolSize, Is.EqualTo(40), "two servers fit");
        Assert.That(Of("Host=db").TargetSessionAttributes, Is.Null);
        Assert.That(Of("Host=a,b").TargetSessionAttributes, Is.EqualTo("primary"));
        Assert.That(Of(url: "postgres://me:p%40ss@a:5433,b/id?target_session_attrs=read-write"), Has.Property("Host").EqualTo("a:5433,b").And.Property("TargetSessionAttributes").EqualTo("read-write").And.Property("Database").EqualTo("id").And.Property("Password").EqualTo("p@ss"));

        NpgsqlConnectionStringBuilder Of(string connectionString = "", string? url = null) =>
            new(ConnectionStrings.Postgres(new Server.Settings.DatabaseOptions { ConnectionString = connectionString, Url = url }, direct));
    }
}
