using System.Diagnostics;
using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace McpIdentity.Tests.Operations;

/// <summary>Readiness is red exactly while requests that write would fail: docs/operations.md, "Health".</summary>
[Category("Operations"), Category("SEED-090")]
[Parallelizable(ParallelScope.All)]
internal sealed class ReadinessTests
{
    [Test]
    public async Task A_locked_full_or_damaged_sqlite_is_not_ready_and_says_so_once()
    {
        var disk = Directory.CreateTempSubdirectory("mcpidentity-disk-");
        var isMounted = await TryMountAsync("-t", "tmpfs", "-o", "size=6m", "tmpfs", disk.FullName);
        try
        {
            var log = new RecordedLog();
            var file = Path.Combine(disk.FullName, "test.db");
            await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), $"Database:ConnectionString=Data Source={file}");
            await AssertReadyAsync(server);

            await using (var other = new SqliteConnection($"Data Source={file};Pooling=False"))
            {
                await other.OpenAsync();
                await using var transaction = await other.BeginTransactionAsync();
                for (var i = 0; i < 3; i++)
                {
                    await AssertNotReadyAsync(server, "database");
                }
            }

            await AssertReadyAsync(server);
            var health = log.Lines.Where(line => line.Contains("Health", StringComparison.OrdinalIgnoreCase)).ToList();
            Assert.That(health, Has.Count.EqualTo(2), "it fails, it works again: " + string.Join('\n', health));

            if (isMounted)
            {
                Fill(Path.Combine(disk.FullName, "filler"));
                await AssertNotReadyAsync(server, "database");
                File.Delete(Path.Combine(disk.FullName, "filler"));
                await AssertReadyAsync(server);
            }

            Damage(file);
            await AssertNotReadyAsync(server, "database");
            using var registration = await server.Http.PostAsync("/register", new StringContent(
                """{"redirect_uris":["http://127.0.0.1:1/callback"],"token_endpoint_auth_method":"none"}""", null, "application/json"));
            Assert.That(registration.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "the file is to blame, not the caller");
            Assert.That(registration.Headers.RetryAfter, Is.Not.Null);
        }
        finally
        {
            if (isMounted)
            {
                await RunAsync("umount", "--lazy", disk.FullName);
            }

            disk.Delete(recursive: true);
        }
    }

    [Test]
    [Category("Postgres")]
    public async Task A_postgresql_that_takes_no_writes_is_not_ready()
    {
        var postgres = await PostgresServer.SharedAsync();
        var database = await postgres.CreateDatabaseAsync();
        await using var server = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database}");
        await AssertReadyAsync(server);

        await SetReadOnlyAsync("on");
        await AssertNotReadyAsync(server, "database");

        await SetReadOnlyAsync("off");
        await Until.TrueAsync(async () => await AskAsync(server) == HttpStatusCode.OK, "writes are taken again");

        async Task SetReadOnlyAsync(string value)
        {
            var settings = new NpgsqlConnectionStringBuilder(database) { Pooling = false };
            var name = settings.Database;
            settings.Database = "postgres"; // where one may still write
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(
                $"ALTER DATABASE {name} SET default_transaction_read_only = {value}; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Test]
    [Category("Postgres"), Category("Slow")]
    public async Task While_the_database_hangs_the_question_is_answered_in_bounded_time_however_often_it_is_asked()
    {
        var database = new NpgsqlConnectionStringBuilder(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        await using var proxy = new FaultyProxy(database.Port);
        database.Port = proxy.Port;
        await using var server = await TestServer.StartAsync("Database:Provider=Postgres", $"Database:ConnectionString={database.ConnectionString}");
        await AssertReadyAsync(server);
        proxy.Freeze();
        for (var round = 0; round < 2; round++)
        {
            server.Clock.Advance(TimeSpan.FromSeconds(2));
            var before = proxy.Sent;
            var clock = Stopwatch.StartNew();
            var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => server.Http.GetAsync("/health/ready")));

            Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), "generous: it is three");
            // The revocations are read meanwhile; a hundred attempts would be a hundred connections or statements.
            Assert.That(proxy.Sent - before, Is.LessThan(10_000), "one attempt, not a hundred");
            using var live = await server.Http.GetAsync("/health/live");
            Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        proxy.Thaw();
        await Until.TrueAsync(async () => await AskAsync(server) == HttpStatusCode.OK, "it goes on by itself");
    }

    [Test]
    public async Task A_server_that_is_about_to_stop_is_not_ready_while_it_still_answers()
    {
        await using var server = await TestServer.StartAsync();
        await AssertReadyAsync(server);

        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        using var ready = await server.Http.GetAsync("/health/ready");
        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(ready.Headers.RetryAfter, Is.Not.Null);
        Assert.That((await ready.JsonAsync()).Text("status"), Is.EqualTo("draining"));
        using var live = await server.Http.GetAsync("/health/live");
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Asking_often_writes_once_a_second()
    {
        await using var server = await TestServer.StartAsync();
        await AssertReadyAsync(server);
        var asked = server.Clock.GetUtcNow();
        server.Clock.Advance(TimeSpan.FromMilliseconds(900));
        for (var i = 0; i < 20; i++)
        {
            Assert.That(await server.Http.GetStringAsync("/health"), Does.Contain("\"database\":\"ok\""));
        }

        Assert.That(await SeenAtAsync(), Is.EqualTo(asked));
        await AssertReadyAsync(server);
        Assert.That(await SeenAtAsync(), Is.GreaterThan(asked));

        async Task<DateTimeOffset> SeenAtAsync()
        {
            await using var scope = server.Services.CreateAsyncScope();
            return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Nodes.Select(node => node.SeenAt).SingleAsync();
        }
    }

    private static async Task<HttpStatusCode> AskAsync(TestServer server)
    {
        server.Clock.Advance(TimeSpan.FromSeconds(2)); // an answer is good for one
        using var response = await server.Http.GetAsync("/health/ready");
        return response.StatusCode;
    }

    private static async Task AssertReadyAsync(TestServer server) => Assert.That(await AskAsync(server), Is.EqualTo(HttpStatusCode.OK));

    private static async Task AssertNotReadyAsync(TestServer server, string component)
    {
        server.Clock.Advance(TimeSpan.FromSeconds(2));
        using var response = await server.Http.GetAsync("/health/ready");
        var body = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), body);
        Assert.That(body, Does.Contain($"\"{component}\":\"failed\""));
        Assert.That(response.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
        using var live = await server.Http.GetAsync("/health/live");
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK), "a restart would not help");
    }

    private static Task RunAsync(string program, params string[] arguments) => ChildProcess.RunAsync(program, arguments, "/");

    // Only root may mount the small disk: others test what goes without.
    private static async Task<bool> TryMountAsync(params string[] arguments)
    {
        try
        {
            await RunAsync("mount", arguments);
            return true;
        }
        catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    // The file, what it was going to get, and the memory that says what is in which: nothing of it stays in a cache.
    private static void Damage(string path)
    {
        foreach (var suffix in (string[])["", "-wal", "-shm"])
        {
            using var file = new FileStream(path + suffix, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            if (suffix == "-wal")
            {
                file.SetLength(0);
            }
            else
            {
                file.Write([.. Enumerable.Range(0, 4096).Select(i => (byte)i)]);
            }
        }
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
            {
                file.Write(new byte[1024]);
            }
        }
        catch (IOException)
        {
            // Full: that was the aim.
        }
    }
}
