using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Persistence;

/// <summary>What was answered outlives <c>kill -9</c>, and SIGTERM breaks nothing. <c>bench -- kill --rounds 50</c> runs the fifty rounds.</summary>
[Category("Durability"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class DurabilityTests
{
    private const int Rounds = 2;
    private const int Chains = 6;
    private const int RefreshesBeforeKill = 30;

    [TestCase(false), TestCase(true, Category = "Postgres")]
    public async Task Nothing_that_was_answered_is_lost_by_a_kill(bool postgres)
    {
        var database = postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : null;
        var folder = Directory.CreateTempSubdirectory("mcpidentity-kill-");
        ServerProcess? server = null;
        try
        {
            var start = new ServerStart
            {
                Folder = folder.FullName,
                Port = Ports.Next(),
                // How soon it is back is the machine's to say: the longest grace, and codes that wait for it.
                Arguments = ["--OAuth:RefreshTokenReuseGraceSeconds=300", "--OAuth:AuthorizationCodeLifetime=00:10:00"],
                Environment = database is null ? new Dictionary<string, string?>() : new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) },
            };
            server = await ServerProcess.StartAsync(start);
            var client = await OAuthClient.RegisterPublicAsync(server.Http);
            using var alice = new Person(server.BaseUrl);
            var answered = new string[Chains];
            for (var chain = 0; chain < Chains; chain++)
            {
                answered[chain] = (await client.ConnectAsync(alice)).Text("refresh_token")!;
            }

            for (var round = 0; round < Rounds; round++)
            {
                var (codes, clients, revoked) = await RunUntilKilledAsync(server, client, alice, answered);
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(start);
                client = client.At(server.Http);
                for (var chain = 0; chain < Chains; chain++)
                {
                    // The successor may be spent without its answer having arrived: the grace is for that.
                    using var refresh = await client.RefreshAsync(answered[chain]);
                    Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"round {round}: {await refresh.Content.ReadAsStringAsync()}");
                    answered[chain] = (await refresh.JsonAsync()).Text("refresh_token")!;
                }

                foreach (var code in codes)
                {
                    using var redeemed = await client.RedeemAsync(code);
                    Assert.That(redeemed.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"a code of round {round}");
                }

                foreach (var registered in clients)
                {
                    using var known = await registered.At(server.Http).RedeemAsync("no code");
                    Assert.That(await known.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), $"a registration of round {round}: it would be invalid_client");
                }

                foreach (var tokens in revoked)
                {
                    using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
                    Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), $"a revocation of round {round}");
                    Assert.That((await server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
                }
            }
        }
        finally
        {
            await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task Sigterm_lets_every_request_end_that_has_begun()
    {
        await using var server = await ServerProcess.StartAsync();
        using var served = new CountdownEvent(8);
        var lanes = Enumerable.Range(0, served.InitialCount).Select(_ => Task.Run(() => UntilSentAwayAsync(server, served))).ToList();
        using var idle = new TcpClient();
        await idle.ConnectAsync(IPAddress.Loopback, server.Port);
        using var slow = new TcpClient();
        await slow.ConnectAsync(IPAddress.Loopback, server.Port);
        const string Form = "grant_type=refresh_token&refresh_token=x&client_id=x";
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /oauth/token HTTP/1.1\r\nHost: localhost:{server.Port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {Form.Length}\r\n\r\n{Form[..10]}"));
        using (var metadata = await server.Http.GetAsync("/.well-known/jwks.json"))
        {
            Assert.That(metadata.StatusCode, Is.EqualTo(HttpStatusCode.OK), "by now the half request has been read");
        }

        await Until.TrueAsync(() => served.IsSet || lanes.Any(lane => lane.IsCompleted), "every lane is at work before the signal");
        var stopped = server.StopAsync();
        // One may have slept for so long that the server took its connection for idle.
        Assert.That((await Task.WhenAll(lanes)).Count(isSentAway => !isSentAway), Is.LessThan(2), "lanes whose connection was closed under a request");
        Assert.That(await idle.GetStream().ReadAsync(new byte[1]), Is.Zero, "now it closes what is idle");
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(Form[10..]));
        using var answer = new StreamReader(slow.GetStream());
        var text = await answer.ReadToEndAsync();

        Assert.That(text, Does.StartWith("HTTP/1.1 401").And.Contain("invalid_client").And.EndsWith("}"));
        Assert.That(await stopped, Is.Zero);
    }

    // A proxy or a client with a pool: it goes elsewhere once an answer asks it to.
    private static async Task<bool> UntilSentAwayAsync(ServerProcess server, CountdownEvent served)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = server.Http.BaseAddress };
        for (var first = true; ; first = false)
        {
            try
            {
                using var response = await http.GetAsync("/.well-known/oauth-authorization-server");
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                Assert.That(await response.Content.ReadAsStringAsync(), Does.EndWith("}"));
                if (response.Headers.ConnectionClose == true)
                {
                    Assert.That(first, Is.False, "sent away before the signal");
                    return true;
                }
            }
            catch (HttpRequestException exception) when (!first && exception.HttpRequestError == HttpRequestError.ConnectionError)
            {
                return false; // Asked on a connection that was closed meanwhile, and refused on a new one.
            }

            if (first)
            {
                served.Signal();
            }
        }
    }

    /// <summary>Refreshes all chains at once, and issues codes, registers and revokes, until the server is killed in the middle.</summary>
    /// <returns>What was answered: codes that were not redeemed, registrations, and the tokens of grants that were revoked.</returns>
    private static async Task<(List<string> Codes, List<OAuthClient> Clients, List<JsonElement> Revoked)> RunUntilKilledAsync(
        ServerProcess server, OAuthClient client, Person person, string[] answered)
    {
        var done = 0;
        var kill = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (codes, clients, revoked) = (new List<string>(), new List<OAuthClient>(), new List<JsonElement>());
        using var other = new Person(server.BaseUrl, "bob");
        Func<Task>[] work =
        [
            .. Enumerable.Range(0, Chains).Select<int, Func<Task>>(chain => () => RefreshAsync(chain)),
            async () => codes.Add(await client.AuthorizeAsync(person)),
            async () => clients.Add(await OAuthClient.RegisterPublicAsync(server.Http)),
            RevokeAsync,
        ];
        var lanes = work.Select(step => Task.Run(async () =>
        {
            while (true)
            {
                await step();
            }
        })).ToList();
        await Task.WhenAny(kill.Task, Task.WhenAny(lanes));
        await server.KillAsync();
        foreach (var lane in lanes)
        {
            Assert.That(async () => await lane, Throws.InstanceOf<HttpRequestException>(), "the kill ends it, and nothing before");
        }

        return (codes, clients, revoked);

        async Task RefreshAsync(int chain)
        {
            using var refresh = await client.RefreshAsync(answered[chain]);
            Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
            answered[chain] = (await refresh.JsonAsync()).Text("refresh_token")!;
            if (Interlocked.Increment(ref done) >= RefreshesBeforeKill && clients.Count > 0 && revoked.Count > 0)
            {
                kill.TrySetResult();
            }
        }

        async Task RevokeAsync()
        {
            var tokens = await client.ConnectAsync(other);
            using var revocation = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
            Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            revoked.Add(tokens);
        }
    }
}
