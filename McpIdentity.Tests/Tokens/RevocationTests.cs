using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Tokens;

/// <summary>Revocation of a token, grant, session, client and user, on this node at once and on the other within a second: docs/decisions/0002.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RevocationTests
{
    private static readonly string[] Kinds = ["token", "grant", "session", "client", "user"];

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCaseSource(nameof(Kinds))]
    public async Task What_is_revoked_is_refused_at_once_and_everywhere(string kind)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var person = new Person(_server, kind == "user" ? "bob" : "alice");
        var (revoked, other) = (await client.ConnectAsync(person), await client.ConnectAsync(person));
        Assert.That(await CallAsync(_server, revoked.Text("access_token")!), Is.EqualTo(HttpStatusCode.OK));

        await RevokeAsync(_server, kind, revoked.Text("access_token")!);

        Assert.That(await CallAsync(_server, revoked.Text("access_token")!), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await UserInfoAsync(revoked.Text("access_token")!), Is.EqualTo(HttpStatusCode.Unauthorized));
        using var refresh = await client.RefreshAsync(revoked.Text("refresh_token")!);
        Assert.That(refresh.IsSuccessStatusCode, Is.EqualTo(kind == "token"), "the grant of one token goes on");
        Assert.That(await CallAsync(_server, other.Text("access_token")!), Is.EqualTo(kind is "token" or "grant" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized),
            "another grant of the same session, client and user");
    }

    [Test]
    public async Task Whoever_comes_back_after_the_revocation_of_client_and_user_is_let_in()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var before = await client.ConnectAsync(alice);
        await RevokeAsync(server, "client", before.Text("access_token")!);
        await RevokeAsync(server, "user", before.Text("access_token")!);

        server.Clock.Advance(RevocationList.Skew + TimeSpan.FromSeconds(1));
        var after = await client.ConnectAsync(alice);

        Assert.That(await CallAsync(server, after.Text("access_token")!), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await CallAsync(server, before.Text("access_token")!), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    [Category("RFC 7009")]
    public async Task A_client_credentials_token_is_revoked_alone()   // RFC 7009 §2.1
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        var revoked = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        var other = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        Assert.That(await CallAsync(_server, revoked), Is.EqualTo(HttpStatusCode.OK));

        using var revocation = await service.PostAsync("/oauth/revoke", ("token", revoked));

        Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK), await revocation.Content.ReadAsStringAsync());
        Assert.That(await CallAsync(_server, revoked), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await CallAsync(_server, other), Is.EqualTo(HttpStatusCode.OK));
        using var introspection = await service.PostAsync("/oauth/introspect", ("token", revoked));
        Assert.That((await introspection.JsonAsync()).GetProperty("active").GetBoolean(), Is.False);
    }

    [Test]
    public async Task What_no_token_can_ask_about_any_more_is_forgotten()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await RevokeAsync(server, "grant", (await client.ConnectAsync(alice)).Text("access_token")!);
        var list = server.Services.GetRequiredService<RevocationList>();
        var feed = server.Services.GetRequiredService<RevocationFeed>();
        Assert.That(list.Count, Is.EqualTo(1));

        server.Clock.Advance(TimeSpan.FromMinutes(69));
        await feed.LoadAsync(CancellationToken.None);
        Assert.That(list.Count, Is.EqualTo(1), "by the clock of another server its tokens may be good for minutes yet");

        server.Clock.Advance(TimeSpan.FromMinutes(2));
        await feed.LoadAsync(CancellationToken.None);
        Assert.That(list.Count, Is.Zero);
    }

    [TestCase(6), TestCase(-6)]
    public async Task A_revocation_arrives_however_the_clocks_of_its_node_and_of_others_differ(int minutes)
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("access_token")!;
        // By the clock of the node that revokes, as its Revocations writes it.
        var now = server.Clock.GetUtcNow() + TimeSpan.FromMinutes(minutes);
        await InsertAsync("another grant", server.Clock.GetUtcNow());
        server.Clock.Advance(TimeSpan.FromMilliseconds(500));
        await Until.TrueAsync(() => Task.FromResult(server.Services.GetRequiredService<RevocationList>().IsRevoked(RevocationKind.Grant, "another grant")), "the first is read");

        await InsertAsync(new JsonWebToken(token).GetClaim("oi_au_id").Value, now);

        using var deadline = new CancellationTokenSource(Deadline);
        while (await CallAsync(server, token) == HttpStatusCode.OK)
        {
            deadline.Token.ThrowIfCancellationRequested();
            server.Clock.Advance(TimeSpan.FromMilliseconds(500));
        }

        server.Clock.Advance(TimeSpan.FromMinutes(59));
        await server.Services.GetRequiredService<RevocationFeed>().LoadAsync(CancellationToken.None);
        Assert.That(await CallAsync(server, token), Is.EqualTo(HttpStatusCode.Unauthorized), "until the token ends by itself");

        async Task InsertAsync(string grant, DateTimeOffset revokedAt)
        {
            await using var scope = server.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            db.Revocations.Add(new Revocation { Kind = RevocationKind.Grant, Target = grant, RevokedAt = revokedAt, ExpiresAt = revokedAt + TimeSpan.FromMinutes(70) });
            await db.SaveChangesAsync();
        }
    }

    /// <summary>A disabled client must not go on for an hour because the node that gave it its token had a clock that ran ahead.</summary>
    [Test]
    public async Task A_token_from_a_node_whose_clock_is_a_little_ahead_ends_with_its_client()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        server.Clock.Advance(RevocationList.Skew);
        var ahead = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        var later = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;

        var list = server.Services.GetRequiredService<RevocationList>();
        list.Add(RevocationKind.Client, service.ClientId, new JsonWebToken(ahead).IssuedAt - RevocationList.Skew, server.Clock.GetUtcNow().AddHours(1));

        Assert.That(await CallAsync(server, ahead), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await CallAsync(server, later), Is.EqualTo(HttpStatusCode.OK), "a client that was enabled again");
    }

    /// <summary>What <c>clients enable</c> and <c>users enable</c> wait for: nobody who is let in again falls into that allowance.</summary>
    [Test]
    public async Task Whoever_is_let_in_again_gets_tokens_that_are_good()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        var revocations = server.Services.GetRequiredService<Revocations>();
        await revocations.RevokeClientAsync(service.ClientId);

        var settled = revocations.SettleAsync(RevocationKind.Client, service.ClientId, CancellationToken.None);
        // SQLite answers without letting its thread go: by now it either waits for the clock or has ended.
        Assert.That(settled.IsCompleted, Is.False, "it is the moment of the revocation still");
        server.Clock.Advance(RevocationList.Skew + TimeSpan.FromSeconds(1));
        await settled;

        var token = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        Assert.That(await CallAsync(server, token), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(revocations.SettleAsync(RevocationKind.Client, "another", CancellationToken.None).IsCompleted, Is.True, "nobody else waits");
    }

    [TestCase("SQLite, by polling")]
    [TestCase("SQLite and Redis, by its channel", Category = "Redis")]
    [TestCase("PostgreSQL, by NOTIFY", Category = "Postgres")]
    public async Task The_other_node_hears_of_it(string means)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-nodes-");
        try
        {
            string[] shared = await SharedSettingsAsync(means, folder.FullName);
            await using var first = await TestServer.StartAsync(shared);
            await using var second = await TestServer.StartAsync([.. shared, $"Server:PublicBaseUrl={first.BaseUrl}"]);
            var client = await OAuthClient.RegisterPublicAsync(first);
            foreach (var kind in Kinds)
            {
                using var alice = new Person(first);
                var token = (await client.ConnectAsync(alice)).Text("access_token")!;
                Assert.That(await CallAsync(second, token, first.BaseUrl), Is.EqualTo(HttpStatusCode.OK), kind);

                await RevokeAsync(first, kind, token);

                // The clocks of both stand still, so that only the signal of the first wakes the second; polling needs its clock.
                using var deadline = new CancellationTokenSource(Deadline);
                while (await CallAsync(second, token, first.BaseUrl) == HttpStatusCode.OK)
                {
                    deadline.Token.ThrowIfCancellationRequested();
                    if (means.Contains("polling", StringComparison.Ordinal))
                    {
                        second.Clock.Advance(TimeSpan.FromMilliseconds(500));
                    }
                }

                first.Clock.Advance(RevocationList.Skew + TimeSpan.FromSeconds(1));
            }
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    private static async Task<string[]> SharedSettingsAsync(string means, string folder)
    {
        if (means.StartsWith("PostgreSQL", StringComparison.Ordinal))
        {
            var postgres = await PostgresServer.SharedAsync();
            return [$"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}"];
        }

        string[] sqlite = [$"Database:ConnectionString=Data Source={Path.Combine(folder, "shared.db")}"];
        if (!means.Contains("Redis", StringComparison.Ordinal))
        {
            return sqlite;
        }

        var redis = await RedisServer.SharedAsync();
        return
        [
            .. sqlite,
            "OAuth:SessionStorage:Redis:Host=127.0.0.1",
            $"OAuth:SessionStorage:Redis:Port={redis.Port}",
            $"OAuth:SessionStorage:Redis:KeyPrefix={Path.GetFileName(folder)}:",
        ];
    }

    private static async Task RevokeAsync(TestServer server, string kind, string accessToken)
    {
        var token = new JsonWebToken(accessToken);
        await using var scope = server.Services.CreateAsyncScope();
        var revocations = scope.ServiceProvider.GetRequiredService<Revocations>();
        await (kind switch
        {
            "token" => revocations.RevokeTokenAsync(token.Id, token.ValidTo),
            "grant" => revocations.RevokeGrantAsync(Grant.ParseName(token.GetClaim("oi_au_id").Value)!),
            "session" => revocations.RevokeSessionAsync(token.GetClaim("sid").Value),
            "client" => revocations.RevokeClientAsync(token.GetClaim("client_id").Value),
            _ => revocations.RevokeUserAsync(token.Subject),
        });
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Revocations.AnyAsync(), Is.True);
    }

    private static async Task<HttpStatusCode> CallAsync(TestServer server, string accessToken, string? publicUrl = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "greeting", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        request.Headers.Host = publicUrl is null ? null : new Uri(publicUrl).Authority;
        using var response = await server.Http.SendAsync(request);
        return response.StatusCode;
    }

    private async Task<HttpStatusCode> UserInfoAsync(string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        using var response = await _server.Http.SendAsync(request);
        return response.StatusCode;
    }
}
