using System.Net;
using McpIdentity.Server.Account;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Account;

/// <summary>Where a person is signed in, with each of the four stores: docs/account.md.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class OwnSessionTests
{
    [TestCase("Database"), TestCase("Memory"), TestCase("File"), TestCase("Redis", Category = "Redis")]
    public async Task A_person_signs_out_one_other_browser_and_then_all_others(string store)
    {
        using var folder = new TemporaryFolder();
        await using var server = await TestServer.StartAsync([$"OAuth:SessionStorage:Type={store}", .. store switch
        {
            "File" => (string[])[$"OAuth:SessionStorage:FilePath={folder.File("sessions")}"],
            "Redis" => ["OAuth:SessionStorage:Redis:Host=127.0.0.1", $"OAuth:SessionStorage:Redis:Port={(await RedisServer.SharedAsync()).Port}", $"OAuth:SessionStorage:Redis:KeyPrefix={folder.Path}:"],
            _ => [],
        }]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var desk = new Person(server);
        using var phone = new Person(server);
        using var bob = new Person(server, "bob");
        desk.Browser.UserAgent = AccountServer.Firefox;
        phone.Browser.UserAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        var (here, there, his) = (await client.ConnectAsync(desk), await client.ConnectAsync(phone), await client.ConnectAsync(bob));
        await server.AddSessionAsync(await server.UserIdAsync(), "tablet", server.Clock.GetUtcNow().AddDays(-1));

        var list = await desk.Browser.GetAsync(Paths.OwnSessions);
        var entries = list.Document!.QuerySelectorAll(".list > li");
        Assert.That(entries, Has.Length.EqualTo(3));
        Assert.That(entries[0].TextContent, Does.Contain("Firefox").And.Contain("Windows").And.Contain("This browser").And.Contain("Demo"));
        Assert.That(entries[0].QuerySelector("a")!.GetAttribute("href"), Is.EqualTo(Paths.SignOut));
        Assert.That(entries[1].TextContent, Does.Contain("Safari").And.Contain("iPhone").And.Not.Contain("This browser"));
        Assert.That(entries[2].TextContent, Does.Contain("says nothing of itself").And.Contain("198.51.100.0/24"));

        var asked = await desk.Browser.GetAsync(entries[1].QuerySelector("a")!.GetAttribute("href")!);
        Assert.That(asked.Text(), Does.Contain("Sign out Safari on iPhone").And.Contain("Apps connected from it 1"));
        foreach (var other in (string[])[his.Sid(), here.Sid(), "nothing"])
        {
            var answer = await desk.Browser.SubmitAsync(asked, new Dictionary<string, string> { ["session"] = other });
            Assert.That(answer.Status(), Is.EqualTo("That browser is not signed in any more. Nothing was changed."), "bob's, this one, nobody's");
        }

        var done = await desk.Browser.SubmitAsync(asked);
        Assert.That(done.Status(), Does.StartWith("That browser was signed out"));
        Assert.That(done.Document!.QuerySelectorAll(".list > li"), Has.Length.EqualTo(2));
        Assert.That((await phone.Browser.GetAsync(Paths.OwnSessions)).Address.AbsolutePath, Is.EqualTo(Paths.SignIn));
        Assert.That((await server.Http.CallToolAsync(there.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await server.Http.CallToolAsync(here.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        var others = await desk.Browser.GetAsync(Paths.SignOutOthers);
        Assert.That(others.Text(), Does.Contain("Browsers 1 Apps connected from them 0"));
        done = await desk.Browser.SubmitAsync(others);
        Assert.That(done.Status(), Does.StartWith("All other browsers were signed out"));
        Assert.That(done.Text(), Does.Contain("You are signed in with this browser alone."));
        Assert.That((await server.Http.CallToolAsync(here.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await server.Http.CallToolAsync(his.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await bob.Browser.GetAsync(Paths.OwnSessions)).Document!.QuerySelectorAll(".list > li"), Has.Length.EqualTo(1));
    }

    [TestCase("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36", "Chrome", "Linux")]
    [TestCase("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", "Edge", "Windows")]
    [TestCase("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15", "Safari", "macOS")]
    [TestCase("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet", "Android")]
    [TestCase("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0", "Opera", "Windows")]
    [TestCase(AccountServer.Firefox, "Firefox", "Windows")]
    [TestCase("curl/8.14.1", "curl/8.14.1", null)]
    [TestCase("\u202eA browser of which nobody has heard and that has much to say of itself", "\u202eA browser of which nobody has heard and that has much to sa…", null)]
    public void A_browser_is_called_as_people_call_it(string userAgent, string browser, string? system) =>
        Assert.That(BrowserNames.Of(userAgent), Is.EqualTo((browser, system)));

    [TestCase("203.0.113.77", "203.0.113.0/24"), TestCase("::ffff:203.0.113.77", "203.0.113.0/24"), TestCase("2001:db8:1:2:3::4", "2001:db8:1::/48"), TestCase("fe80::1%3", "fe80::/48")]
    [TestCase(null, null)]
    public void Of_an_address_the_network_is_kept(string? address, string? network) =>
        Assert.That(BrowserNetwork.Of(address is null ? null : IPAddress.Parse(address)), Is.EqualTo(network));
}
