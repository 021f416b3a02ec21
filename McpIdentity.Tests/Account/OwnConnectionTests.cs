using System.Net;
using McpIdentity.Server.Gateway;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Account;

/// <summary>A person's own accounts at servers behind this one, as they find them under their account: docs/account.md.</summary>
[Parallelizable(ParallelScope.Self)] // what one connects stands in the list of another
internal sealed class OwnConnectionTests
{
    private TestServer _server = null!;
    private ConnectionScene _notes = null!;
    private Person _alice = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        [.. ConnectionScene.Settings, "Policy:Rules:0:Servers=notes*", "Gateway:Servers:closed:Url=http://localhost:1/mcp", "Gateway:Servers:closed:Upstream:Auth=OAuth", "Gateway:Servers:closed:DisplayName=Closed"]);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public async Task SignInAsync()
    {
        _notes = await ConnectionScene.AddAsync(_server);
        _alice = new Person(_server);
        await _notes.TokenForAsync(_alice);
    }

    [TearDown]
    public async Task SignOutAsync()
    {
        _alice.Dispose();
        await RemoveAsync();
        await _notes.DisposeAsync();
    }

    [Test]
    public async Task A_person_sees_what_they_have_connected_and_what_they_could_and_disconnects_it()
    {
        var list = await _alice.Browser.GetAsync(Paths.OwnConnections);
        Assert.That(list.Names(), Is.EqualTo(new[] { "Notes" }), "and not what the policy keeps from them");
        Assert.That(list.Document!.QuerySelector("nav [aria-current]")!.TextContent, Is.EqualTo("Accounts elsewhere"));
        Assert.That(list.Text(), Does.Contain("Where it is 127.0.0.1").And.Contain("Connected not connected"));
        await _notes.ConnectAsync(_alice, (await _alice.Browser.FollowAsync(list, "Connect Notes")).Address.AbsoluteUri);

        list = await _alice.Browser.GetAsync(Paths.OwnConnections);
        Assert.That(list.Text(), Does.Contain("What was allowed there read write").And.Not.Contain("not connected"));
        var asked = await _alice.Browser.FollowAsync(list, "Disconnect Notes");
        Assert.That(asked.Text(), Does.Contain("Disconnect Notes?").And.Contain("apps get nothing from Notes any more"));
        Assert.That(await _notes.CountAsync(), Is.EqualTo(1), "nothing happens until the button is pressed");

        var old = await _alice.Browser.SubmitAsync(asked, new Dictionary<string, string> { ["__RequestVerificationToken"] = "of an hour ago" });
        Assert.That((old.Status, old.Text().Contains("out of date, and nothing was done", StringComparison.Ordinal), await _notes.CountAsync()), Is.EqualTo((HttpStatusCode.BadRequest, true, 1)));

        var done = await _alice.Browser.SubmitAsync(old);
        Assert.That(done.Status(), Is.EqualTo("Your account at Notes was disconnected. Apps get nothing from there any more."));
        Assert.That((await _notes.CountAsync(), _notes.Authority.Revoked.Count), Is.EqualTo((0, 1)));
        Assert.That(done.Text(), Does.Contain("Connected not connected"));
        Assert.That((await _alice.Browser.SubmitAsync(asked)).Status(), Is.EqualTo("That account is not connected any more. Nothing was changed."));
    }

    [Test]
    public async Task What_is_another_s_is_as_if_it_were_not_there()
    {
        using var bob = new Person(_server, "bob");
        await _notes.TokenForAsync(bob);
        await _notes.ConnectAsync(bob);
        await _notes.ConnectAsync(_alice);
        var asked = await _alice.Browser.GetAsync($"{Paths.DisconnectConnection}?server={_notes.Name}");

        Assert.That((await bob.Browser.SubmitAsync(await bob.Browser.GetAsync($"{Paths.DisconnectConnection}?server={_notes.Name}"))).Status(), Does.StartWith("Your account at Notes was disconnected"));
        Assert.That(await _notes.CountAsync(), Is.EqualTo(1), "hers is there still");
        Assert.That((await bob.Browser.GetAsync($"{Paths.DisconnectConnection}?server={_notes.Name}")).Status(), Does.StartWith("That account is not connected any more"));
        Assert.That((await _alice.Browser.SubmitAsync(asked)).Status(), Does.StartWith("Your account at Notes was disconnected"));
    }

    [Test]
    public async Task An_account_at_a_server_that_is_gone_can_be_disconnected_too()
    {
        await _notes.ConnectAsync(_alice);
        await RemoveAsync();

        var list = await _alice.Browser.GetAsync(Paths.OwnConnections);
        Assert.That(list.Text(), Does.Contain("not served here any more"));
        var done = await _alice.Browser.SubmitAsync(await _alice.Browser.FollowAsync(list, $"Disconnect {_notes.Name}"));

        Assert.That((done.Status(), done.Text().Contains("There is no server here that needs an account of yours.", StringComparison.Ordinal), await _notes.CountAsync()),
            Is.EqualTo(($"Your account at {_notes.Name} was disconnected. Apps get nothing from there any more.", true, 0)));
    }

    [Test]
    public async Task Disconnect_all_ends_the_accounts_too()
    {
        await _notes.ConnectAsync(_alice);

        var asked = await _alice.Browser.GetAsync(Paths.DisconnectApps);
        Assert.That(asked.Text(), Does.Contain("Your accounts at other servers are disconnected too").And.Contain("Accounts elsewhere 1"));
        var done = await _alice.Browser.SubmitAsync(asked);

        Assert.That(done.Status(), Does.StartWith("All apps were disconnected"));
        Assert.That((await _notes.CountAsync(), _notes.Authority.Revoked.Count), Is.EqualTo((0, 1)));
        Assert.That((await _alice.Browser.GetAsync(Paths.DisconnectApps)).Text(), Does.Not.Contain("Accounts elsewhere 1"));
        _server.Clock.Advance(TimeSpan.FromSeconds(4)); // beyond what that ends of the next test
    }

    private async Task RemoveAsync()
    {
        await _server.DatabaseAsync(db => _server.Services.GetRequiredService<StoredServers>().RemoveAsync(db, _notes.Name, default));
        await _server.Services.GetRequiredService<ServersFeed>().LoadAsync(default);
    }
}
