using System.Text;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using StackExchange.Redis;

namespace McpIdentity.Tests.Sessions;

/// <summary>What is stored gives nothing away: the provider's tokens, ours, and the cookie's secret are looked for in every store. B-07, B-09.</summary>
[Category("B-07")]
[Category("B-09")]
[Parallelizable(ParallelScope.All)]
internal sealed class SecretsAtRestTests
{
    [TestCase("Database")]
    [TestCase("File")]
    [TestCase("Redis")]
    [Category("SEED-028")]
    [Category("SEED-029")]
    [Category("Redis")]
    public async Task No_secret_can_be_read_where_sessions_are_stored(string type)
    {
        using var folder = new TemporaryFolder();
        var redis = await RedisServer.SharedAsync();
        var database = redis.NextDatabase();
        await using var google = await StandInGoogle.StartAsync();
        await using var server = await TestServer.StartAsync(
        [
            $"Database:ConnectionString=Data Source={folder.File("identity.db")}",
            $"OAuth:SessionStorage:Type={type}",
            $"OAuth:SessionStorage:FilePath={folder.File("sessions.db")}",
            "OAuth:SessionStorage:Redis:Host=127.0.0.1",
            $"OAuth:SessionStorage:Redis:Port={redis.Port}",
            $"OAuth:SessionStorage:Redis:Db={database}",
            "OAuth:KeepGoogleTokens=true",
            .. google.Settings,
        ]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server, "alice@example.com", google.Origin);
        var tokens = await client.ConnectAsync(alice);
        var sessionId = new JsonWebToken(tokens.Text("access_token")).GetClaim("sid").Value;

        var upstream = await server.Services.GetRequiredService<SignInSessions>().FindUpstreamTokensAsync(sessionId, default);
        Assert.That(upstream?.AccessToken, Does.StartWith("ya29."), "Google's tokens are kept");
        Assert.That(upstream!.RefreshToken, Is.Not.Empty);
        var cookie = alice.Cookies.GetCookies(new Uri(server.BaseUrl))["mcpidentity"]!.Value;
        string[] planted =
        [
            upstream.AccessToken!, upstream.RefreshToken!, cookie, tokens.Text("access_token")!, tokens.Text("refresh_token")!, StandInGoogle.ClientSecret,
        ];

        var stored = await StoredAsync(folder, redis, database, isRedis: type == "Redis");
        Assert.That(stored, Has.Length.GreaterThan(1000));
        Assert.Multiple(() =>
        {
            foreach (var secret in planted)
            {
                Assert.That(stored.Contains(secret, StringComparison.Ordinal), Is.False, secret);
            }
        });
    }

    // Every file of the server, and every key and value of its Redis, as text.
    private static async Task<string> StoredAsync(TemporaryFolder folder, RedisServer redis, int database, bool isRedis)
    {
        var stored = new StringBuilder();
        foreach (var file in Directory.GetFiles(folder.Path).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            stored.Append(await reader.ReadToEndAsync());
        }

        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString(database));
        var keys = await connection.GetServers()[0].KeysAsync(database).ToListAsync();
        Assert.That(keys.Exists(key => key.ToString().StartsWith("oauth:session:s:", StringComparison.Ordinal)), Is.EqualTo(isRedis));
        foreach (var key in keys)
        {
            Assert.That(key.ToString(), Does.StartWith("oauth:session:"), "the prefix");
            stored.Append(key).Append(Encoding.Latin1.GetString(await connection.GetDatabase().KeyDumpAsync(key) ?? []));
        }

        return stored.ToString();
    }
}
