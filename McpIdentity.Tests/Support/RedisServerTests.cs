using System.Net.Sockets;

namespace McpIdentity.Tests.Support;

[Category("Redis")]
[Parallelizable(ParallelScope.All)]
internal sealed class RedisServerTests
{
    [Test]
    public async Task What_was_answered_survives_a_kill()
    {
        await using var redis = await RedisServer.StartAsync(password: "secret");
        Assert.That(await redis.AskAsync("SET k v"), Is.EqualTo("+OK"));

        await redis.KillAsync();
        Assert.That(() => redis.AskAsync("PING"), Throws.InstanceOf<SocketException>());
        await redis.StartAgainAsync();

        Assert.That(await redis.AskAsync("EXISTS k"), Is.EqualTo(":1"));
    }

    [Test]
    public async Task Tests_share_a_server_and_not_a_database()
    {
        var redis = await RedisServer.SharedAsync();

        int[] databases = [redis.NextDatabase(), redis.NextDatabase()];

        Assert.That(databases, Is.Unique);
        Assert.That(await redis.AskAsync("PING"), Is.EqualTo("+PONG"));
        Assert.That(await redis.AskAsync("INFO persistence"), Does.Contain("aof_enabled:0"), "a slow disk is no fault of what is tested");
    }
}
