using System.Net;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Sessions;

/// <summary>The server with its sessions in Redis, as it is started and while Redis comes and goes: SEED-029, SEED-030, SEED-031, SEED-071, B-09.</summary>
[Category("SEED-029")]
[Category("B-09")]
[Parallelizable(ParallelScope.All)]
internal sealed class RedisSessionTests
{
    [Test]
    [Category("Redis")]
    public async Task A_wrong_password_stops_the_start()
    {
        await using var redis = await RedisServer.StartAsync(password: "the right one");
        await using var server = ServerProcess.Launch(Start(redis.Port, ("REDIS_PASSWORD", "a wrong one")));

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("Redis").And.Contain("WRONGPASS").And.Not.Contain("a wrong one"));
    }

    [Test]
    [Category("SEED-030")]
    [Category("SEED-071")]
    [Category("Redis")]
    public async Task Tls_works_with_a_trusted_certificate_and_stops_the_start_otherwise()
    {
        using var certificate = new TlsCertificate();
        await using var redis = await RedisServer.StartAsync("secret", certificate);
        await using (var good = await ServerProcess.StartAsync(Start(
            redis.TlsPort, ("REDIS_HOST", "localhost"), ("REDIS_TLS", "true"), ("REDIS_PASSWORD", "secret"), ("REDIS_DB", "3"), ("SSL_CERT_FILE", certificate.CertificateFile))))
        {
            using var alice = new Person(good.BaseUrl);
            var tokens = await (await OAuthClient.RegisterPublicAsync(good.Http)).ConnectAsync(alice);
            Assert.That((await good.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await redis.AskAsync("INFO keyspace"), Does.Contain("db3:keys=").And.Not.Contain("db0:"), "REDIS_DB");
        }

        await using var untrusted = ServerProcess.Launch(Start(redis.TlsPort, ("REDIS_HOST", "localhost"), ("REDIS_TLS", "true"), ("REDIS_PASSWORD", "secret")));
        await using var plain = ServerProcess.Launch(Start(redis.TlsPort, ("REDIS_HOST", "localhost"), ("REDIS_PASSWORD", "secret")));
        await using var tls = ServerProcess.Launch(Start(redis.Port, ("REDIS_HOST", "localhost"), ("REDIS_TLS", "true"), ("REDIS_PASSWORD", "secret")));
        Assert.That(await untrusted.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(untrusted.Output, Does.Contain("Redis localhost").And.Contain("certificate"));
        Assert.That(await plain.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(plain.Output, Does.Contain("Is REDIS_TLS right?"));
        Assert.That(await tls.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(tls.Output, Does.Contain("Is REDIS_TLS right?"));
    }

    [Test]
    [Category("SEED-031")]
    public async Task A_port_that_is_no_number_stops_the_start()
    {
        await using var server = ServerProcess.Launch(new ServerStart { Environment = new Dictionary<string, string?> { ["SESSION_STORAGE"] = "redis", ["REDIS_PORT"] = "redis" } });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("Redis:Port"));
    }

    [Test]
    [Category("SEED-090")]
    [Category("Redis")]
    public async Task Redis_may_be_away_at_the_start_and_later_and_comes_back_by_itself()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.StopAsync();
        await using var server = await TestServer.StartAsync($"OAuth:SessionStorage:Type=Redis", "OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={redis.Port}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var signIn = await alice.Browser.GetAsync(client.AuthorizeUrl());
        var away = await alice.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(away.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), away.Body);
        Assert.That(away.Body, Does.Contain("temporarily_unavailable"));

        await redis.StartAgainAsync();
        await ComesBackAsync(server);
        var seen = await client.ConnectAsync(alice);
        var unseen = await client.ConnectAsync(alice);
        Assert.That((await server.Http.CallToolAsync(seen.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        await redis.KillAsync();
        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "the cookie's session cannot be read");
        Assert.That((await server.Http.CallToolAsync(seen.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), "validation goes on");
        Forget(server);
        Assert.That((await server.Http.CallToolAsync(seen.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), "this node knows nothing of the session");
        using var refresh = await client.RefreshAsync(unseen.Text("refresh_token")!);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(refresh.Headers.RetryAfter, Is.Not.Null);
        using var discovery = await server.Http.GetAsync("/.well-known/oauth-authorization-server");
        Assert.That(discovery.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        await redis.StartAgainAsync();
        await ComesBackAsync(server);
        using var afterwards = await client.RefreshAsync(unseen.Text("refresh_token")!);
        Assert.That(afterwards.StatusCode, Is.EqualTo(HttpStatusCode.OK), "the refusal has not spent it");
    }

    // What a restart does to the node's memory.
    private static void Forget(TestServer server) =>
        server.Services.GetRequiredService<SignInSessions>().ForgetAll();

    private static Task ComesBackAsync(TestServer server) => Until.TrueAsync(async () =>
    {
        try
        {
            await server.Services.GetRequiredService<ISessionStorage>().CheckAsync(default);
            return true;
        }
        catch (StorageUnavailableException)
        {
            return false;
        }
    }, "Redis is used again");

    private static ServerStart Start(int port, params (string Name, string Value)[] environment) => new()
    {
        Environment = new Dictionary<string, string?>(environment.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value)))
        {
            ["SESSION_STORAGE"] = "redis",
            ["REDIS_PORT"] = $"{port}",
        },
    };
}
