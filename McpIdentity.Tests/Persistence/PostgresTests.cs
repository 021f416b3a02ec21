using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Persistence;

/// <summary>The same server on PostgreSQL, and the migrations of both providers.</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class PostgresTests
{
    [Test]
    [Category("Postgres")]
    public async Task Sign_in_consent_tokens_refresh_and_revocation_work_on_postgresql()
    {
        var postgres = await PostgresServer.SharedAsync();
        await using var server = await TestServer.StartAsync($"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var tokens = await client.ConnectAsync(alice);
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
        using var again = await client.RefreshAsync(tokens.Text("refresh_token")!);
        var latest = await again.JsonAsync();
        Assert.That(latest.Text("refresh_token"), Is.EqualTo((await refresh.JsonAsync()).Text("refresh_token")), "within the grace");
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.Empty, "session and consent are stored");

        Assert.That((await server.Http.CallToolAsync(latest.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        using var revocation = await client.PostAsync("/oauth/revoke", ("token", latest.Text("refresh_token")));
        Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK), await revocation.Content.ReadAsStringAsync());
        using var refused = await client.RefreshAsync(latest.Text("refresh_token")!);
        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That((await server.Http.CallToolAsync(latest.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized), "the grant has ended, RFC 7009 §2.1");
    }

    [Test]
    [Category("Postgres")]
    public async Task Races_on_postgresql_have_one_winner()   // docs/decisions/0002
    {
        var postgres = await PostgresServer.SharedAsync();
        await using var server = await TestServer.StartAsync(
            $"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}", "OAuth:RefreshTokenReuseGraceSeconds=0");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        for (var round = 0; round < 10; round++)
        {
            var code = await client.AuthorizeAsync(alice);
            var redemptions = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RedeemAsync(code)));
            Assert.That(redemptions.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1), $"code, round {round}");

            var tokens = await client.ConnectAsync(alice);
            var refreshes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(tokens.Text("refresh_token")!)));
            Assert.That(refreshes.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1), $"refresh, round {round}");
        }
    }

    [Test]
    public async Task Sqlite_runs_in_wal_with_a_busy_timeout_and_full_durability()
    {
        await using var server = await TestServer.StartAsync();
        await using var scope = server.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database;
        await database.OpenConnectionAsync();

        Assert.That(await PragmaAsync("journal_mode"), Is.EqualTo("wal"));
        Assert.That(await PragmaAsync("busy_timeout"), Is.EqualTo("2000"));
        Assert.That(await PragmaAsync("synchronous"), Is.EqualTo("2"), "FULL");

        async Task<string?> PragmaAsync(string name)
        {
            await using var command = database.GetDbConnection().CreateCommand();
            command.CommandText = $"PRAGMA {name}";
            return (await command.ExecuteScalarAsync())?.ToString();
        }
    }

    [Test]
    public async Task Where_the_start_may_not_migrate_it_says_so_and_ends()
    {
        await using var server = ServerProcess.Launch(new ServerStart { Arguments = ["--Database:MigrateOnStart=false"] });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("migrate").And.Contain("Initial"));
    }

    [Test]
    [Category("Postgres")]
    public async Task A_database_that_refuses_us_is_named_with_its_reason_and_without_a_stack()
    {
        var postgres = await PostgresServer.SharedAsync();
        var address = PostgresServer.UrlOf(await postgres.CreateDatabaseAsync()).Split('@')[1];

        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["users", "list", $"--Database:Url=postgres://nobody:the-password@{address}"] });

        Assert.That(exitCode, Is.Not.Zero);
        Assert.That(output, Does.Contain("PostgreSQL 127.0.0.1:").And.Contain("cannot be used").And.Contain("nobody").And.Contain("DATABASE_URL"));
        Assert.That(output, Does.Not.Contain("   at ").And.Not.Contain("the-password"));
    }
}
