using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;

namespace McpIdentity.Tests.Housekeeping;

/// <summary>What has expired goes by itself, what is in use stays: docs/operations.md, "Housekeeping".</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PruningTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Test]
    public async Task A_registration_that_nobody_has_allowed_anything_goes_after_a_day()
    {
        await using var server = await TestServer.StartAsync();
        var (unused, service, client) = (await OAuthClient.RegisterPublicAsync(server), await OAuthClient.RegisterServiceAsync(server), await OAuthClient.RegisterPublicAsync(server));
        using var alice = new Person(server);
        await client.ConnectAsync(alice);
        using (await service.TokenAsync(("grant_type", "client_credentials")))
        {
        }

        await StampAsync(server);
        server.Clock.Advance(TimeSpan.FromHours(23));
        await PruneAsync(server);
        Assert.That(await ClientIdsAsync(server), Is.EquivalentTo(new[] { service.ClientId, client.ClientId, unused.ClientId }));
        server.Clock.Advance(TimeSpan.FromHours(2));
        await PruneAsync(server);
        Assert.That(await ClientIdsAsync(server), Is.EquivalentTo(new[] { service.ClientId, client.ClientId }));
    }

    [Test]
    public async Task A_client_goes_when_it_was_idle_for_long_and_no_grant_of_it_lives()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:UnusedClientTtl=30.00:00:00", "OAuth:RefreshTokenLifetime=60.00:00:00");
        var (idle, holder) = (await OAuthClient.RegisterPublicAsync(server), await OAuthClient.RegisterPublicAsync(server));
        await AddOperatorsClientAsync(server);
        using var alice = new Person(server);
        var revoked = await idle.ConnectAsync(alice);
        await holder.ConnectAsync(alice);
        using (await idle.PostAsync("/oauth/revoke", ("token", revoked.Text("refresh_token"))))
        {
        }

        await StampAsync(server);
        server.Clock.Advance(TimeSpan.FromDays(29));
        await PruneAsync(server);
        Assert.That(await ClientIdsAsync(server), Is.EquivalentTo(new[] { idle.ClientId, holder.ClientId, "an operator's" }));
        server.Clock.Advance(TimeSpan.FromDays(2));
        await PruneAsync(server);
        Assert.That(await ClientIdsAsync(server), Is.EquivalentTo(new[] { holder.ClientId, "an operator's" }));
        Assert.That(await ConsentsAsync(server), Is.EqualTo(1), "the consent goes with the client");
        server.Clock.Advance(TimeSpan.FromDays(30));
        await PruneAsync(server);
        Assert.That(await ClientIdsAsync(server), Is.EqualTo(new[] { "an operator's" }), "the grant has expired");
    }

    [Test]
    public async Task Being_used_is_written_once_a_day_and_never_within_a_request()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        await UseAsync();
        Assert.That(await LastUsedAsync(), Is.Null, "not within the request");

        await StampAsync(server);
        var first = await LastUsedAsync();
        Assert.That(first, Is.EqualTo(server.Clock.GetUtcNow()));
        server.Clock.Advance(TimeSpan.FromHours(23));
        await UseAsync();
        await StampAsync(server);
        Assert.That(await LastUsedAsync(), Is.EqualTo(first), "to the day");

        server.Clock.Advance(TimeSpan.FromHours(2));
        await UseAsync();
        await StampAsync(server);
        Assert.That(await LastUsedAsync(), Is.EqualTo(server.Clock.GetUtcNow()));

        async Task UseAsync()
        {
            using var response = await service.TokenAsync(("grant_type", "client_credentials"));
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        async Task<DateTimeOffset?> LastUsedAsync()
        {
            await using var scope = server.Services.CreateAsyncScope();
            return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients
                .Select(client => EF.Property<DateTimeOffset?>(client, ClientColumns.LastUsedAt)).SingleAsync();
        }
    }

    [Test]
    public async Task An_update_of_a_client_keeps_what_pruning_knows_of_it()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();

        // As OpenIddict's store does it: the whole row, from a copy that was not read by this context.
        db.Update(await db.Clients.AsNoTracking().SingleAsync(client => client.ClientId == service.ClientId));
        await db.SaveChangesAsync();

        Assert.That(
            await db.Clients.Select(client => EF.Property<DateTimeOffset?>(client, ClientColumns.RegisteredAt)).SingleAsync(),
            Is.EqualTo(server.Clock.GetUtcNow()));
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task More_than_a_batch_goes_by_the_hour_while_requests_are_served(string provider)
    {
        string[] settings = provider == "SQLite"
            ? []
            : [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];
        await using var server = await TestServer.StartAsync(settings);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var refreshToken = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        await ExpiredGrants.AddAsync(server, client.ClientId, 1200);

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var deadline = new CancellationTokenSource(Deadline);
        while (await ExpiredGrants.CountAsync(server) > 1)
        {
            deadline.Token.ThrowIfCancellationRequested();
            using var response = await client.RefreshAsync(refreshToken);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            refreshToken = (await response.JsonAsync()).Text("refresh_token")!;
        }

        // The grant that lives is not touched, and the next hour finds what has expired since.
        using var after = await client.RefreshAsync(refreshToken);
        Assert.That(after.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await ExpiredGrants.AddAsync(server, client.ClientId, 3);
        while (await ExpiredGrants.CountAsync(server) > 1)
        {
            deadline.Token.ThrowIfCancellationRequested();
            server.Clock.Advance(TimeSpan.FromMinutes(10));
        }
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    public async Task One_process_at_a_time_prunes(string provider)
    {
        string[] settings = provider == "SQLite"
            ? []
            : [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];
        await using var server = await TestServer.StartAsync(settings);
        await using var scope = server.Services.CreateAsyncScope();
        await using var other = server.Services.CreateAsyncScope();
        var work = await TryBeginAsync(scope);
        Assert.That(work, Is.Not.Null);
        Assert.That(await TryBeginAsync(other), Is.Null);

        await work!.DisposeAsync();

        await using var next = await TryBeginAsync(other);
        Assert.That(next, Is.Not.Null);

        static Task<IAsyncDisposable?> TryBeginAsync(AsyncServiceScope scope) =>
            scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().TryBeginWorkAsync(PruneRegularly.LockName, CancellationToken.None);
    }

    [Test]
    public async Task Of_a_flood_of_registrations_the_oldest_go_within_seconds_and_the_file_gets_smaller()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:MaxUnusedClients=20");
        var used = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await used.ConnectAsync(alice);
        var registered = new List<string>();
        for (var i = 0; i < 30; i++)
        {
            server.Clock.Advance(TimeSpan.FromMilliseconds(1));
            registered.Add((await OAuthClient.RegisterPublicAsync(server)).ClientId);
        }

        await AddLargeUnusedClientsAsync(server, 1500);
        var (file, log) = FilesOf(server);
        var full = file.Length;

        // One tick, which the server needs its time for: the clock does not come near the hour.
        server.Clock.Advance(TimeSpan.FromSeconds(10));
        await Until.TrueAsync(async () => (await ClientIdsAsync(server)).Length == 21, "only as many as may be");
        Assert.That(await ClientIdsAsync(server), Is.EquivalentTo([used.ClientId, .. registered.TakeLast(20)]), "the oldest went; who was allowed something stays");
        await Until.TrueAsync(
            () =>
            {
                file.Refresh();
                log.Refresh();
                return file.Length < full / 2 && log.Length < full / 2;
            },
            "the disk has it back");
    }

    // Anybody makes one by pressing a provider's button, without an account.
    [Test]
    public async Task Of_a_flood_of_sign_ins_at_a_provider_what_is_over_goes_within_seconds()
    {
        await using var server = await TestServer.StartAsync();
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        var now = server.Clock.GetUtcNow();
        db.UpstreamStates.AddRange(Enumerable.Range(0, 1001).Select(i => new UpstreamState { Id = $"late{i}", State = "s", Request = "r", ExpiresAt = now - TimeSpan.FromMinutes(6) }));
        db.UpstreamStates.Add(new UpstreamState { Id = "on its way", State = "s", Request = "r", ExpiresAt = now + TimeSpan.FromMinutes(1) });
        await db.SaveChangesAsync();

        server.Clock.Advance(TimeSpan.FromSeconds(10));

        await Until.TrueAsync(async () => !await db.UpstreamStates.AnyAsync(state => state.ExpiresAt < now), "they are gone");
        Assert.That(await db.UpstreamStates.AnyAsync(state => state.Id == "on its way"), Is.True);
    }

    // Before all others, as old as the clock has never been.
    private static async Task AddLargeUnusedClientsAsync(TestServer server, int count)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
        for (var i = 0; i < count; i++)
        {
            var client = new OpenIddict.EntityFrameworkCore.Models.OpenIddictEntityFrameworkCoreApplication { ClientId = $"flood-{i}", DisplayName = new string('x', 2000) };
            db.Add(client).Property<DateTimeOffset?>(ClientColumns.RegisteredAt).CurrentValue = server.Clock.GetUtcNow() - TimeSpan.FromHours(2);
        }

        await db.SaveChangesAsync();
    }

    private static (FileInfo File, FileInfo Log) FilesOf(TestServer server)
    {
        using var scope = server.Services.CreateScope();
        var text = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database.GetConnectionString();
        var file = new Microsoft.Data.Sqlite.SqliteConnectionStringBuilder(text).DataSource;
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection(text))
        {
            connection.Open();
            using var checkpoint = connection.CreateCommand();
            checkpoint.CommandText = "PRAGMA wal_checkpoint(PASSIVE)";
            checkpoint.ExecuteNonQuery();
        }

        return (new FileInfo(file), new FileInfo(file + "-wal"));
    }

    private static Task StampAsync(TestServer server) => server.Services.GetRequiredService<ClientUse>().WriteAsync(CancellationToken.None);

    // The server prunes by itself meanwhile: what counts is what is left.
    private static async Task PruneAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, CancellationToken.None);
    }

    private static async Task<int> ConsentsAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Consents.CountAsync();
    }

    private static async Task<string[]> ClientIdsAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Select(client => client.ClientId!).ToArrayAsync();
    }

    private static async Task AddOperatorsClientAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(new OpenIddictApplicationDescriptor { ClientId = "an operator's" });
    }
}
