using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// Rows of grants, and of clients that register themselves, have keys that begin with their moment (RFC 9562 §5.7), so that new ones stand together in the index, however full the table is
/// (docs/benchmarks.md, "A full store").
/// </summary>
[Category("Storage")]
[Parallelizable(ParallelScope.All)]
internal sealed class OrderedKeyTests
{
    [Test]
    public async Task What_is_registered_and_allowed_later_stands_behind_what_was_before()
    {
        await using var server = await TestServer.StartAsync();
        using var alice = new Person(server);
        List<string> clients = [], grants = [];
        for (var round = 0; round < 3; round++)
        {
            var client = await OAuthClient.RegisterPublicAsync(server);
            await client.ConnectAsync(alice);
            await using var scope = server.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            clients.Add((await db.Clients.SingleAsync(row => row.ClientId == client.ClientId)).Id!);
            grants.Add(Convert.ToHexString((await db.Grants.SingleAsync(row => row.ClientId == client.ClientId)).Id));
            server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.That(clients, Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal), "clients");
        Assert.That(grants, Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal), "grants");
        Assert.That(clients.Concat(grants).Select(id => Guid.Parse(id).Version), Is.All.EqualTo(7));
    }
}
