using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Revocation;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>While the database is locked, full or away: 503 with Retry-After, everything that needs none goes on, and it comes back by itself: docs/operations.md, "When the database or Redis is away".</summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class FaultTests
{
    [Test]
    [Category("Slow")]
    public async Task Sqlite_locked_by_another_process_is_503_until_it_is_free()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        await using var other = await OpenAsync(server);
        await using (var transaction = await other.BeginTransactionAsync())   // BEGIN IMMEDIATE
        {
            await AssertUnavailableAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
            await AssertUnavailableAsync(() => RegisterAsync(server));
            await AssertPageAsync(alice, client);
            await AssertGoesOnAsync(server, tokens.Text("access_token")!);
            await transaction.RollbackAsync();
        }

        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), "nothing was spent");
        using var registered = await RegisterAsync(server);
        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        await AssertAuditedAsync(server);
    }

    [Test]
    public async Task A_write_that_finds_its_row_gone_holds_up_no_other()
    {
        await using var server = await TestServer.StartAsync();
        await using (var scope = server.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            var nobody = new User { Id = "nobody", Provider = "demo", ProviderSubject = "nobody", CreatedAt = server.Clock.GetUtcNow(), LastSignInAt = server.Clock.GetUtcNow() };
            db.Users.Attach(nobody).State = EntityState.Modified;
            Assert.That(async () => await db.SaveChangesAsync(), Throws.InstanceOf<DbUpdateConcurrencyException>());
        }

        using var registered = await RegisterAsync(server);

        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.Created));
    }

    [Test]
    public async Task Sqlite_on_a_full_disk_is_503_until_there_is_room()
    {
        var disk = Directory.CreateTempSubdirectory("mcpidentity-disk-");
        try
        {
            await ChildProcess.RunAsync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk.FullName], "/");
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            disk.Delete();
            Assert.Ignore("Only root may mount the small disk that this test fills.");
        }

        try
        {
            await using var server = await TestServer.StartAsync($"Database:ConnectionString=Data Source={Path.Combine(disk.FullName, "test.db")}");
            var client = await OAuthClient.RegisterPublicAsync(server);
            using var alice = new Person(server);
            var tokens = await client.ConnectAsync(alice);
            var filler = Path.Combine(disk.FullName, "filler");
            Fill(filler);

            await AssertUnavailableAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
            await AssertUnavailableAsync(() => RegisterAsync(server));
            await AssertGoesOnAsync(server, tokens.Text("access_token")!);

            File.Delete(filler);
            using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), "nothing was spent");
            await AssertAuditedAsync(server);
        }
        finally
        {
            await ChildProcess.RunAsync("umount", ["--lazy", disk.FullName], "/");
            disk.Delete();
        }
    }

    [Test]
    [Category("Postgres")]
    public async Task Postgresql_away_is_503_until_it_is_back()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var server = await TestServer.StartAsync($"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        foreach (var isCrash in new[] { false, true })
        {
            await (isCrash ? postgres.KillAsync() : postgres.StopAsync());

            await AssertUnavailableAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
            await AssertUnavailableAsync(() => RegisterAsync(server));
            await AssertPageAsync(alice, client);
            await AssertGoesOnAsync(server, tokens.Text("access_token")!);

            await postgres.StartAgainAsync();
            tokens = await UntilAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
            await client.AuthorizeAsync(alice);
        }
    }

    [Test]
    [Category("Postgres")]
    public async Task Clients_that_are_known_go_on_for_minutes_while_postgresql_is_away()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var server = await TestServer.StartAsync($"Database:Url={PostgresServer.UrlOf(await postgres.CreateDatabaseAsync())}");
        var service = await OAuthClient.RegisterServiceAsync(server);
        var disabled = await OAuthClient.RegisterServiceAsync(server);
        var token = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token")!;
        using (var before = await disabled.TokenAsync(("grant_type", "client_credentials")))
        {
            Assert.That(before.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        await postgres.StopAsync();
        // As the feed brought it in the moment before.
        server.Services.GetRequiredService<RevocationList>().Add(RevocationKind.Client, disabled.ClientId, server.Clock.GetUtcNow(), server.Clock.GetUtcNow().AddHours(1));
        foreach (var elapsed in new[] { 0, 11, 11, 240 })
        {
            server.Clock.Advance(TimeSpan.FromSeconds(elapsed));
            using var issued = await service.TokenAsync(("grant_type", "client_credentials"));
            Assert.That(issued.StatusCode, Is.EqualTo(HttpStatusCode.OK), await issued.Content.ReadAsStringAsync());
            using var introspected = await service.PostAsync("/oauth/introspect", ("token", token));
            Assert.That((await introspected.JsonAsync()).GetProperty("active").GetBoolean(), Is.True);
            using var refused = await disabled.TokenAsync(("grant_type", "client_credentials"));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "nothing is remembered of it");
        }

        server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var late = await service.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(late.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "the bound");
    }

    [Test]
    [Category("Postgres")]
    public async Task Postgresql_that_does_not_answer_is_503_in_bounded_time()
    {
        var postgres = await PostgresServer.SharedAsync();
        var database = new NpgsqlConnectionStringBuilder(await postgres.CreateDatabaseAsync());
        await using var proxy = new FaultyProxy(database.Port);
        database.Port = proxy.Port;
        await using var server = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database.ConnectionString}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        proxy.Freeze();

        await AssertUnavailableAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
        await AssertUnavailableAsync(() => RegisterAsync(server));
        await AssertGoesOnAsync(server, tokens.Text("access_token")!);

        proxy.Thaw();
        await UntilAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[1024];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // Full: that was the aim.
        }
    }

    // More at once than the machine has cores: a fault that held threads would be seen here.
    // The events waited (docs/audit.md, "While the database does not take rows").
    private static async Task AssertAuditedAsync(TestServer server)
    {
        await AuditRows.WaitForAsync(server, "token_refreshed");
        await AuditRows.WaitForAsync(server, "mcp_auth_success");
        await Verbs.DoAsync(server, "audit", "verify");
    }

    private static async Task AssertUnavailableAsync(Func<Task<HttpResponseMessage>> request)
    {
        var clock = Stopwatch.StartNew();
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => request()));
        await TestContext.Out.WriteLineAsync($"16 answers after {clock.Elapsed.TotalSeconds:N1} s");
        foreach (var answer in answers)
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
            Assert.That(answer.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
            Assert.That(answer.Headers.CacheControl?.NoStore, Is.True);
            Assert.That((await answer.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));
        }
    }

    private static async Task AssertPageAsync(Person person, OAuthClient client)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = person.Cookies, AllowAutoRedirect = false });
        using var response = await browser.GetAsync(client.AuthorizeUrl());
        var page = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), page);
        Assert.That(response.Headers.RetryAfter, Is.Not.Null);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/html"));
        Assert.That(page, Does.Contain("nothing of yours is lost"));
    }

    private static async Task AssertGoesOnAsync(TestServer server, string accessToken)
    {
        foreach (var path in new[] { "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/.well-known/oauth-protected-resource/mcp" })
        {
            using var response = await server.Http.GetAsync(path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), path);
        }

        Assert.That(await PingAsync(server, accessToken), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await PingAsync(server, accessToken + "x"), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    private static async Task<HttpStatusCode> PingAsync(TestServer server, string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "ping", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        using var response = await server.Http.SendAsync(request);
        return response.StatusCode;
    }

    private static async Task<System.Text.Json.JsonElement> UntilAsync(Func<Task<HttpResponseMessage>> request)
    {
        var clock = Stopwatch.StartNew();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            using var answer = await request();
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                await TestContext.Out.WriteLineAsync($"back after {clock.Elapsed.TotalSeconds:N1} s");
                return await answer.JsonAsync();
            }

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
            await pause.WaitForNextTickAsync(deadline.Token);
        }
    }

    private static Task<HttpResponseMessage> RegisterAsync(TestServer server) => server.Http.PostAsync("/register", new StringContent(
        """{"redirect_uris":["http://127.0.0.1:1/callback"],"token_endpoint_auth_method":"none"}""", null, "application/json"));

    private static async Task<SqliteConnection> OpenAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var connection = new SqliteConnection(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database.GetConnectionString() + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }
}
