using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>The operator's way to people's own accounts at servers behind this one, beside a server that serves.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ConnectionVerbTests
{
    [Test]
    public async Task Operators_list_and_end_what_people_have_connected()
    {
        await using var server = await TestServer.StartAsync(ConnectionScene.Settings);
        await using var notes = await ConnectionScene.AddAsync(server);
        using var alice = new Person(server);
        using var bob = new Person(server, "bob");
        await notes.TokenForAsync(alice);
        await notes.TokenForAsync(bob);

        await notes.ConnectAsync(alice);
        await notes.ConnectAsync(bob);
        Assert.That(await Verbs.DoAsync(server, "connections", "list", "--user", "alice@example.com"), Does.Contain(notes.Name).And.Contain("read write").And.Not.Contain("bob"));
        Assert.That(await Verbs.DoAsync(server, "connections", "remove", "alice@example.com", notes.Name), Does.Contain("removed"));
        Assert.That((await notes.CountAsync(), notes.Authority.Revoked.Count), Is.EqualTo((1, 1)));

        await Verbs.DoAsync(server, "users", "remove", "bob@example.com", "--yes");
        Assert.That((await notes.CountAsync(), notes.Authority.Revoked.Count), Is.EqualTo((0, 2)));

        await notes.ConnectAsync(alice);
        await Verbs.DoAsync(server, "users", "disable", "alice@example.com");
        Assert.That((await notes.CountAsync(), notes.Authority.Revoked.Count), Is.EqualTo((0, 3)));
    }
}
