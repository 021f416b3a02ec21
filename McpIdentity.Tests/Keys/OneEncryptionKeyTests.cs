using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Keys;

/// <summary>Servers on one database read each other's encryption key, or the second does not start: docs/sessions.md, "Changing the encryption key".</summary>
[Category("B-07"), Category("Postgres"), Category("Slow")]
[Parallelizable(ParallelScope.Self)]
internal sealed class OneEncryptionKeyTests
{
    private const string Key = "the first key of more than thirty-two characters";
    private const string Other = "the second key of more than thirty-two characters";

    [Test]
    public async Task A_server_with_another_key_does_not_start_beside_one_that_serves_and_a_change_in_two_steps_does()
    {
        var database = PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        var port = Ports.Next(); // the resource that is granted is of this address
        await using var first = await ServerProcess.StartAsync(Start(Key, port: port));
        var client = await OAuthClient.RegisterPublicAsync(first.Http);
        using var alice = new Person(first.BaseUrl);
        var tokens = await client.ConnectAsync(alice);

        // Neither one that reads nothing of what is stored, nor one whose writing the first could not read.
        await using var stranger = ServerProcess.Launch(Start(Other));
        await using var early = ServerProcess.Launch(Start(Other, previous: Key));
        foreach (var refused in (ServerProcess[])[stranger, early])
        {
            Assert.That(await refused.WaitForExitAsync(), Is.EqualTo(1));
            Assert.That(refused.Output, Does.Contain("another encryption key").And.Contain("OAuth:PreviousEncryptionKeys").And.Not.Contain(Key).And.Not.Contain(Other));
        }

        using (var ready = await first.Http.GetAsync("/health/ready"))
        {
            Assert.That(ready.IsSuccessStatusCode, Is.True, "whoever was there first goes on");
        }

        // The documented way: all read the new key, then one after the other writes under it.
        await using var both = await ServerProcess.StartAsync(Start(Key, previous: Other));
        await first.StopAsync();
        await using var swapped = await ServerProcess.StartAsync(Start(Other, previous: Key, port: port));
        using var refresh = await client.At(swapped.Http).RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refresh.IsSuccessStatusCode, Is.True, await refresh.Content.ReadAsStringAsync());

        // What was killed is no server: the next one waits until it is known to be gone.
        await both.KillAsync();
        await using var alone = await ServerProcess.StartAsync(Start(Other));
        using var ready2 = await alone.Http.GetAsync("/health/ready");
        Assert.That(ready2.IsSuccessStatusCode, Is.True);

        ServerStart Start(string key, string? previous = null, int? port = null) => new()
        {
            Port = port,
            Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = database, ["ENCRYPTION_KEY"] = key, ["OAuth__PreviousEncryptionKeys__0"] = previous },
        };
    }
}
