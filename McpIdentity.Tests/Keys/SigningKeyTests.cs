using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Keys;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Keys;

/// <summary>Signing keys that are published before they sign, rotate while serving, and outlive their tokens: SEED-047; docs/operations.md, "Signing keys".</summary>
[Parallelizable(ParallelScope.All)]
[Category("SEED-047")]
internal sealed class SigningKeyTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Test]
    public async Task A_new_key_is_published_first_signs_later_and_the_old_one_stays_until_its_tokens_have_expired()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        var old = await TokenAsync(service);

        var added = await RotateAsync(server, SigningKeyStore.Lead);
        await UntilAsync(server, async () => (await PublishedAsync(server)).Contains(added));
        Assert.That(await SignerAsync(service), Is.EqualTo(KeyOf(old)), "the next key does not sign yet");
        Assert.That(await PublishedAsync(server), Is.EquivalentTo(new[] { KeyOf(old), added }));

        server.Clock.Advance(SigningKeyStore.Lead);
        await UntilAsync(server, async () => await SignerAsync(service) == added);
        Assert.That(await CallAsync(server, old), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await CallAsync(server, await TokenAsync(service)), Is.EqualTo(HttpStatusCode.OK));

        // The last token that the old key signed expires an hour after the new key began.
        var last = TimeSpan.FromHours(1) + TimeSpan.FromMinutes(5);
        server.Clock.Advance(last);
        Assert.That(await PublishedAsync(server), Does.Contain(KeyOf(old)));
        await UntilAsync(server, async () => !(await PublishedAsync(server)).Contains(KeyOf(old)));
        Assert.That(await PublishedAsync(server), Is.EqualTo(new[] { added }));
    }

    [Test]
    public async Task A_published_key_verifies_what_it_signed_without_asking_the_server()
    {
        await using var server = await TestServer.StartAsync("OAuth:SigningAlgorithm=RS256");
        var service = await OAuthClient.RegisterServiceAsync(server);
        var token = await TokenAsync(service);
        var keys = new JsonWebKeySet(await server.Http.GetStringAsync("/.well-known/jwks.json"));

        var result = await new JsonWebTokenHandler().ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKeys = keys.GetSigningKeys(),
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
            ValidIssuer = server.BaseUrl,
            ValidAudience = server.McpUrl,
        });

        Assert.That(result.IsValid, Is.True, result.Exception?.Message);
        Assert.That(keys.Keys.Select(key => (key.Kty, key.Alg, key.HasPrivateKey)), Is.EqualTo(new[] { ("RSA", "RS256", false) }));
        Assert.That(await CallAsync(server, token), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_change_of_algorithm_brings_a_key_and_keeps_the_tokens_of_the_old_one()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-keys-");
        try
        {
            string[] shared = [$"Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "shared.db")}"];
            await using var first = await TestServer.StartAsync(shared);
            var service = await OAuthClient.RegisterServiceAsync(first);
            var old = await TokenAsync(service);

            await using var second = await TestServer.StartAsync([.. shared, "OAuth:SigningAlgorithm=RS256", $"Server:PublicBaseUrl={first.BaseUrl}"]);

            Assert.That((await PublishedKeysAsync(second, first.BaseUrl)).Select(key => key.Alg), Is.EqualTo(new[] { "ES256", "RS256" }));
            Assert.That(await CallAsync(second, old, first.BaseUrl), Is.EqualTo(HttpStatusCode.OK));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task The_schedule_rotates_by_itself_and_in_time()
    {
        await using var server = await TestServer.StartAsync("OAuth:SigningKeyRotation=30.00:00:00");
        var service = await OAuthClient.RegisterServiceAsync(server);
        var first = await SignerAsync(service);
        // Within seconds by itself, which this clock leaps over: a client that was never used is forgotten.
        await server.Services.GetRequiredService<ClientUse>().WriteAsync(CancellationToken.None);

        server.Clock.Advance(TimeSpan.FromDays(30) - SigningKeyStore.Lead - TimeSpan.FromSeconds(10));
        Assert.That(await PublishedAsync(server), Is.EqualTo(new[] { first }));
        server.Clock.Advance(TimeSpan.FromSeconds(6));
        await UntilAsync(server, async () => (await PublishedAsync(server)).Count == 2);
        Assert.That(await SignerAsync(service), Is.EqualTo(first));

        server.Clock.Advance(SigningKeyStore.Lead);
        await UntilAsync(server, async () => await SignerAsync(service) != first);
    }

    [Test]
    public async Task Leaked_keys_end_with_every_token_that_they_signed()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        var stolen = await TokenAsync(service);
        Assert.That(await CallAsync(server, stolen), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await IsActiveAsync(service, stolen), Is.True);

        var added = await RotateAsync(server, SigningKeyStore.ShortestLead, endOthers: true);
        server.Clock.Advance(SigningKeyStore.ShortestLead);
        await UntilAsync(server, async () => await SignerAsync(service) == added);

        Assert.That(await PublishedAsync(server), Is.EqualTo(new[] { added }));
        Assert.That(await CallAsync(server, stolen), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await IsActiveAsync(service, stolen), Is.False);
        Assert.That(await CallAsync(server, await TokenAsync(service)), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Rotation_under_load_fails_no_request()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var refreshToken = (await client.ConnectAsync(alice, ("scope", "openid"))).Text("refresh_token")!;
        using var over = new CancellationTokenSource();
        var signers = new HashSet<string>();
        var load = Enumerable.Range(0, 4).Select(_ => Task.Run(IssueAndCallAsync)).Append(Task.Run(RefreshAsync)).ToArray();

        for (var rotation = 0; rotation < 5; rotation++)
        {
            var added = await RotateAsync(server, SigningKeyStore.ShortestLead);
            await UntilAsync(server, async () => (await PublishedAsync(server)).Contains(added));
            server.Clock.Advance(SigningKeyStore.ShortestLead);
            await UntilAsync(server, async () => await SignerAsync(service) == added);
            await Until.TrueAsync(() => HasSigned(added) || Array.Exists(load, lane => lane.IsCompleted), "the load has met each key");
        }

        await over.CancelAsync();
        await Task.WhenAll(load);
        Assert.That(signers, Has.Count.GreaterThanOrEqualTo(5));

        bool HasSigned(string key)
        {
            lock (signers)
            {
                return signers.Contains(key);
            }
        }

        async Task IssueAndCallAsync()
        {
            while (!over.IsCancellationRequested)
            {
                var token = await TokenAsync(service);
                lock (signers)
                {
                    signers.Add(KeyOf(token));
                }

                Assert.That(await CallAsync(server, token), Is.EqualTo(HttpStatusCode.OK));
                Assert.That(await PublishedAsync(server), Does.Contain(KeyOf(token)));
                Assert.That(await IsActiveAsync(service, token), Is.True);
            }
        }

        async Task RefreshAsync()
        {
            while (!over.IsCancellationRequested)
            {
                using var response = await client.RefreshAsync(refreshToken);
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                refreshToken = (await response.JsonAsync()).Text("refresh_token")!;
            }
        }
    }

    [Test]
    [Category("Slow")]
    public async Task The_command_line_lists_and_rotates_while_the_server_serves()
    {
        await using var server = await ServerProcess.StartAsync();
        var list = await KeysAsync("list");
        Assert.That(list, Does.Contain("ES256").And.Contain("current"));
        Assert.That(list, Does.Not.Contain("next"));

        Assert.That(await KeysAsync("rotate"), Does.Contain("next").And.Contain("current"));

        using var deadline = new CancellationTokenSource(Deadline);
        while (new JsonWebKeySet(await server.Http.GetStringAsync("/.well-known/jwks.json", deadline.Token)).Keys.Count != 2)
        {
        }

        async Task<string> KeysAsync(string verb)
        {
            var database = $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}";
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["keys", verb, database] });
            Assert.That(exitCode, Is.Zero, output);
            return output;
        }
    }

    [Test]
    public void Of_keys_that_begin_at_once_every_node_chooses_the_same()
    {
        var now = DateTimeOffset.UnixEpoch;
        SigningKey[] keys = [Key("b"), Key("a"), Key("c")];

        Assert.That(SigningKeyState.InForce(keys, now).Select(key => key.Id), Is.EqualTo(SigningKeyState.InForce(keys.Reverse(), now).Select(key => key.Id)));

        SigningKey Key(string id) => new() { Id = id, Algorithm = "ES256", ProtectedKey = "", ActivatesAt = now };
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    [Category("Slow")]
    public async Task Of_servers_that_start_at_once_on_an_empty_database_one_makes_the_first_key(string provider)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-keys-");
        var nodes = new List<ServerProcess>();
        try
        {
            var database = provider == "SQLite"
                ? $"--Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "shared.db")}"
                : $"--Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}";
            // Their encryption key is made once too, in the folder that they share.
            nodes.AddRange(Enumerable.Range(0, 2).Select(_ => ServerProcess.Launch(new ServerStart { Folder = folder.FullName, Arguments = [database] })));
            await Task.WhenAll(nodes.Select(node => node.WaitUntilReadyAsync()));

            var published = await Task.WhenAll(nodes.Select(node => node.Http.GetStringAsync("/.well-known/jwks.json")));

            Assert.That(published.Distinct().Count(), Is.EqualTo(1));
            Assert.That(new JsonWebKeySet(published[0]).Keys, Has.Count.EqualTo(1));
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }

            folder.Delete(recursive: true);
        }
    }

    private static async Task<string> RotateAsync(TestServer server, TimeSpan lead, bool endOthers = false)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var stored = await scope.ServiceProvider.GetRequiredService<SigningKeyStore>().RotateAsync(lead, endOthers, CancellationToken.None);
        return stored.MaxBy(key => key.ActivatesAt)!.Id;
    }

    private static async Task<bool> IsActiveAsync(OAuthClient service, string token)
    {
        using var response = await service.PostAsync("/oauth/introspect", ("token", token));
        return (await response.JsonAsync()).GetProperty("active").GetBoolean();
    }

    private static async Task UntilAsync(TestServer server, Func<Task<bool>> isTrue)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await isTrue())
        {
            deadline.Token.ThrowIfCancellationRequested();
            server.Clock.Advance(SigningKeyRotation.Interval);
        }
    }

    private static async Task<string> TokenAsync(OAuthClient service)
    {
        using var response = await service.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return (await response.JsonAsync()).Text("access_token")!;
    }

    private static async Task<string> SignerAsync(OAuthClient service) => KeyOf(await TokenAsync(service));

    private static string KeyOf(string token) => new JsonWebToken(token).Kid;

    private static async Task<IReadOnlyList<string>> PublishedAsync(TestServer server) =>
        [.. (await PublishedKeysAsync(server, server.BaseUrl)).Select(key => key.Kid)];

    private static async Task<IList<JsonWebKey>> PublishedKeysAsync(TestServer server, string publicUrl)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/jwks.json");
        request.Headers.Host = new Uri(publicUrl).Authority;
        using var response = await server.Http.SendAsync(request);
        return new JsonWebKeySet(await response.Content.ReadAsStringAsync()).Keys;
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
}
