using System.Net;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Account;

/// <summary>Administrators see of each server behind this one whether it answers, and nobody else sees that there is such a page.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ServerHealthTests
{
    [Test]
    public async Task The_page_says_of_each_server_whether_it_answers_since_when_not_and_why()
    {
        await using var fine = await ScriptedServer.StartAsync(ScriptedServer.Tool("read"), ScriptedServer.Tool("write"));
        await using var down = await ScriptedServer.StartAsync();
        down.Status = 503;
        // One that only people's own accounts open is not asked by this server itself.
        await using var server = await TestServer.StartAsync(
            "Mcp:AdminUsers:0=alice@example.com", "Policy:Rules:0:Effect=allow", $"Gateway:Servers:fine:Url={fine.Url}?key=a-secret", "Gateway:Servers:fine:DisplayName=Our notes", $"Gateway:Servers:down:Url={down.Url}",
            $"Gateway:Servers:tried:Url={down.Url}", $"Gateway:Servers:theirs:Url={fine.Url}", "Gateway:Servers:theirs:Upstream:Auth=OAuth");
        using var alice = new Person(server);
        var contacts = server.Services.GetRequiredService<ServerContacts>();
        await Until.TrueAsync(() => contacts.Last("fine") is not null && contacts.Last("down") is not null && contacts.Last("tried") is not null, "each was asked");
        var tried = await server.TokenForAsync("tried", alice);
        for (var i = 0; i < 8; i++)
        {
            await server.CallerOf("tried").CallAsync("tools/list", bearer: tried);
        }

        var page = await alice.Browser.GetAsync(Paths.Servers);
        var profile = await alice.Browser.GetAsync(Paths.Profile);

        var moment = server.Clock.GetUtcNow().ToString("yyyy-MM-dd HH:mm 'UTC'", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Multiple(() =>
        {
            Assert.That(page.Names().Select(name => string.Join(' ', name.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))), Is.EqualTo(new[]
            {
                "down does not answer", "Our notes answers", "theirs not asked yet", "tried failed too often, and is left alone for a moment",
            }));
            Assert.That(page.Text(), Does.Contain($"Our notes answers Its name here fine Where it is {fine.Url} Asked last {moment} Answered last {moment} Its tools 2 Calls under way 0 of 200 Streams that wait for news 0 of 10000"));
            Assert.That(page.Text(), Does.Contain("Answered last never Its tools 0 What is wrong").And.Contain($"What calls met last it answered 503 ({moment})").And.Not.Contain("a-secret"));
            Assert.That(profile.Body, Does.Contain(Paths.Servers));
        });

        using var bob = new Person(server, "bob");
        await server.TokenForAsync("fine", bob);
        Assert.That((await bob.Browser.GetAsync(Paths.Servers)).Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await bob.Browser.GetAsync(Paths.Profile)).Body, Does.Not.Contain(Paths.Servers));
    }
}
