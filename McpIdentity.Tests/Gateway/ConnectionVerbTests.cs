using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Tests.Gateway;

/// <summary>The operator's way to people's own accounts at servers behind this one, beside a server that serves.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ConnectionVerbTests
{
    [Test]
    public async Task Operators_list_and_end_what_people_have_connected()
    {
        await using var authority = await StandInAuthority.StartAsync();
        await using var server = await TestServer.StartAsync(GatewayScene.Open(authority.McpUrl, "Gateway:Servers:notes:Upstream:Auth=OAuth"));
        using var alice = new Person(server);
        await server.TokenForAsync("notes", alice);

        await ConnectionTests.ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        Assert.That(await Verbs.DoAsync(server, "connections", "list", "--user", "alice@example.com"), Does.Contain("notes").And.Contain("read write"));
        Assert.That(await Verbs.DoAsync(server, "connections", "remove", "alice@example.com", "notes"), Does.Contain("removed"));
        Assert.That((await server.DatabaseAsync(db => db.UpstreamConnections.CountAsync()), authority.Revoked.Count), Is.EqualTo((0, 1)));

        await ConnectionTests.ConnectAsync(alice, $"{server.BaseUrl}/connections/notes", authority);
        await Verbs.DoAsync(server, "users", "disable", "alice@example.com");
        Assert.That((await server.DatabaseAsync(db => db.UpstreamConnections.CountAsync()), authority.Revoked.Count), Is.EqualTo((0, 2)));
    }
}
