using System.Net;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Query;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Tokens;

/// <summary>
/// A refresh token that is newer than its row: the database was restored, or a standby that was behind was promoted
/// (docs/decisions/0002; docs/backup.md, "Backup and restore"). Here the row alone is put back.
/// </summary>
[TestFixture(false)]
[TestFixture(true, Category = "Postgres")]
[Parallelizable(ParallelScope.All)]
internal sealed class RestoredRowTests(bool postgres)
{
    private readonly List<TestServer> _all = [];
    private readonly RecordedLog _log = new();
    private TestServer _server = null!;
    private TestServer _strict = null!;
    private string? _database;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await StartAsync("OAuth:RefreshTokenReuseGraceSeconds=30");
        _strict = await StartAsync("OAuth:RefreshTokenReuseGraceSeconds=0");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var server in _all)
        {
            await server.DisposeAsync();
        }

        _log.Dispose();
    }

    [Test]
    public async Task It_goes_on_and_nobody_is_accused([Values(0, 1, 2, 3)] int knownGeneration, [Values] bool hasRestarted)
    {
        var (client, tokens) = await FourTokensAsync(_server);
        await PutBackAsync(_server, client, knownGeneration, hasRestarted);

        using var first = await client.RefreshAsync(tokens[3]);
        Assert.That(first.StatusCode, Is.EqualTo(HttpStatusCode.OK), await first.Content.ReadAsStringAsync());
        var successor = await first.JsonAsync();
        var next = successor.Text("refresh_token")!;
        using var repeated = await client.RefreshAsync(tokens[3]);
        using var second = await client.RefreshAsync(next);

        Assert.That((await repeated.JsonAsync()).Text("refresh_token"), Is.EqualTo(next), "within the grace, as ever");
        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(Warnings(successor), Is.EqualTo(1), "an operator reads of it");
    }

    // What this server remembers of the grant is older than the token then; its row is not.
    [Test]
    public async Task Of_a_token_that_another_node_has_made_nothing_is_said()
    {
        var second = await StartAsync("OAuth:RefreshTokenReuseGraceSeconds=30", $"Server:PublicBaseUrl={_server.BaseUrl}", _server.Settings.Last(setting => setting.StartsWith("--Database:ConnectionString=", StringComparison.Ordinal))[2..]);
        var (client, tokens) = await FourTokensAsync(_server);

        using var there = await client.At(second.Http).RefreshAsync(tokens[3]);
        using var here = await client.RefreshAsync((await there.JsonAsync()).Text("refresh_token")!);

        Assert.That(here.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(Warnings(await here.JsonAsync()), Is.Zero);
    }

    [Test]
    public async Task Introspection_finds_it_active_and_revocation_ends_its_grant()
    {
        var (client, tokens) = await FourTokensAsync(_server, confidential: true);
        await PutBackAsync(_server, client, 1);

        using var active = await client.PostAsync("/oauth/introspect", ("token", tokens[3]));
        using var older = await client.PostAsync("/oauth/introspect", ("token", tokens[0]));
        using var revoked = await client.PostAsync("/oauth/revoke", ("token", tokens[3]));
        using var refresh = await client.RefreshAsync(tokens[3]);

        Assert.That((await active.JsonAsync()).GetProperty("active").GetBoolean(), Is.True);
        Assert.That((await older.JsonAsync()).GetProperty("active").GetBoolean(), Is.True, "the one that the row knows");
        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    // The older one was spent in the time that is lost. Once the newer one was seen it is a reuse again, and ends the grant.
    [Test]
    public async Task Of_two_that_are_newer_the_older_is_a_reuse_as_soon_as_the_newer_was_seen()
    {
        var (client, tokens) = await FourTokensAsync(_strict);
        await PutBackAsync(_strict, client, 1);

        using var older = await client.RefreshAsync(tokens[1]);
        using var newer = await client.RefreshAsync(tokens[3]);
        var next = (await newer.JsonAsync()).Text("refresh_token")!;
        using var between = await client.RefreshAsync(tokens[2]);
        using var after = await client.RefreshAsync(next);

        Assert.That((await older.JsonAsync()).Text("refresh_token"), Is.EqualTo(tokens[2]), "tokens follow from each other: no second chain begins");
        Assert.That(newer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await between.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(await after.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "the grant has ended");
    }

    [Test]
    public async Task It_is_spent_once_however_many_send_it_at_once()
    {
        // On PostgreSQL over two servers, one of which has never seen the client.
        var second = postgres ? await StartAsync("OAuth:RefreshTokenReuseGraceSeconds=0", $"Server:PublicBaseUrl={_strict.BaseUrl}") : _strict;
        for (var round = 0; round < 4; round++)
        {
            var (client, tokens) = await FourTokensAsync(_strict);
            await PutBackAsync(_strict, client, round % 3);

            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(racer => client.At((racer % 2 == 0 ? _strict : second).Http).RefreshAsync(tokens[3])));

            Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.OK), Is.EqualTo(1), $"round {round}");
        }
    }

    [Test]
    public async Task It_gets_one_successor_within_the_grace_however_many_send_it_at_once()
    {
        var (client, tokens) = await FourTokensAsync(_server);
        await PutBackAsync(_server, client, 1);

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(tokens[3])));

        Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.OK));
        var successors = await Task.WhenAll(answers.Select(async answer => (await answer.JsonAsync()).Text("refresh_token")));
        Assert.That(successors.Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_grant_that_the_database_knows_as_revoked_stays_so()
    {
        var (client, tokens) = await FourTokensAsync(_server);
        await PutBackAsync(_server, client, 1);
        await ChangeAsync(_server, client, set => set.SetProperty(grant => grant.RevokedAt, _server.Clock.GetUtcNow()));

        using var refresh = await client.RefreshAsync(tokens[3]);

        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [Test]
    public async Task What_a_server_remembers_of_a_grant_spends_no_token_that_another_has_spent_or_ended([Values] bool isEnded)
    {
        var (client, tokens) = await FourTokensAsync(_strict);
        await ChangeAsync(_strict, client, set => _ = isEnded ? set.SetProperty(grant => grant.RevokedAt, _strict.Clock.GetUtcNow()) : set.SetProperty(grant => grant.Generation, 5), hasRestarted: false);

        using var refresh = await client.RefreshAsync(tokens[3]);

        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        await using var scope = _strict.Services.CreateAsyncScope();
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.SingleAsync(grant => grant.ClientId == client.ClientId), Has.Property("RevokedAt").Not.Null, "a reuse ends the grant");
    }

    // When it was issued is lost with the row: the database says when the grant's time is over.
    [Test]
    public async Task A_grant_whose_time_is_over_is_over_and_no_theft([Values(0, 1)] int knownGeneration)
    {
        var (client, tokens) = await FourTokensAsync(_server);
        await PutBackAsync(_server, client, knownGeneration);
        await ChangeAsync(_server, client, set => set.SetProperty(grant => grant.ExpiresAt, _server.Clock.GetUtcNow() - TimeSpan.FromSeconds(1)));

        using var refresh = await client.RefreshAsync(tokens[3]);

        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        await using var scope = _server.Services.CreateAsyncScope();
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Grants.SingleAsync(grant => grant.ClientId == client.ClientId), Has.Property("RevokedAt").Null);
    }

    private async Task<TestServer> StartAsync(params string[] settings)
    {
        _database ??= postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : "";
        var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(_log), postgres ? [.. settings, "Database:Provider=Postgres", $"Database:ConnectionString={_database}"] : settings);
        _all.Add(server);
        return server;
    }

    private int Warnings(JsonElement tokens) =>
        _log.Lines.Count(line => line.Contains("as after a restore", StringComparison.Ordinal) && line.Contains(new JsonWebToken(tokens.Text("access_token")).GetClaim("oi_au_id").Value, StringComparison.Ordinal));

    // The refresh tokens 1 to 4, of which the last is current.
    private static async Task<(OAuthClient Client, string[] Tokens)> FourTokensAsync(TestServer server, bool confidential = false)
    {
        var client = confidential
            ? await OAuthClient.RegisterAsync(server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } })
            : await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = new List<string> { (await client.ConnectAsync(alice)).Text("refresh_token")! };
        while (tokens.Count < 4)
        {
            using var refresh = await client.RefreshAsync(tokens[^1]);
            tokens.Add((await refresh.JsonAsync()).Text("refresh_token")!);
        }

        return (client, [.. tokens]);
    }

    private static Task PutBackAsync(TestServer server, OAuthClient client, int generation, bool hasRestarted = true) => ChangeAsync(server, client, set => set
        .SetProperty(grant => grant.Generation, generation).SetProperty(grant => grant.RotatedAt, server.Clock.GetUtcNow() - TimeSpan.FromMinutes(10)), hasRestarted);

    private static async Task ChangeAsync(TestServer server, OAuthClient client, Action<UpdateSettersBuilder<Grant>> set, bool hasRestarted = true)
    {
        if (hasRestarted)
        {
            server.Services.GetRequiredService<Grants>().ForgetAll();
        }

        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        Assert.That(await db.Grants.Where(grant => grant.ClientId == client.ClientId).ExecuteUpdateAsync(set), Is.EqualTo(1));
    }
}
