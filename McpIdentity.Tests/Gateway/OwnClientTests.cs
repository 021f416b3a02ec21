using System.Net;
using System.Text.Json.Nodes;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Tests.Gateway;

/// <summary>How this server registers itself where people have their own accounts, and does so anew (RFC 7591).</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.Self)] // one clock, which they move
internal sealed class OwnClientTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync([.. ConnectionScene.Settings, "Policy:Rules:0:Servers=notes*"]);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    // RFC 6749 §4.1.2.1: who is not known there is sent back to nobody, and we hear nothing of it.
    [Test]
    public async Task A_registration_that_nobody_has_used_for_a_day_is_made_anew()
    {
        await using var notes = await AddAsync();
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        var first = ClientAt(await PressAsync(alice, notes));
        notes.Authority.ForgetClients();

        _server.Clock.Advance(TimeSpan.FromHours(25));
        await notes.TokenForAsync(alice);
        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));

        _server.Clock.Advance(TimeSpan.FromHours(25));
        using var bob = new Person(_server, "bob");
        await notes.TokenForAsync(bob);
        Assert.That((first, notes.Authority.Authorizations.Single()["client_id"]), Is.EqualTo(("dynamic-1", "dynamic-2")));
        Assert.That(ClientAt(await PressAsync(bob, notes)), Is.EqualTo("dynamic-2"), "one that is used stays");
    }

    [Test]
    public async Task A_secret_that_has_expired_is_not_shown()
    {
        await using var notes = await AddAsync();
        notes.Authority.Metadata["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic");
        notes.Authority.Registers = new JsonObject { ["client_secret"] = "for an hour", ["client_secret_expires_at"] = _server.Clock.GetUtcNow().AddHours(1).ToUnixTimeSeconds() };
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        Assert.That((await notes.ConnectAsync(alice)).Text(), Does.Contain("is connected"));
        Assert.That(notes.Authority.TokenRequests.Single()["authorization"], Does.StartWith("Basic "));

        notes.Authority.Registers = new JsonObject { ["client_secret"] = "for ever", ["client_secret_expires_at"] = 0 };
        _server.Clock.Advance(TimeSpan.FromHours(2));
        using var bob = new Person(_server, "bob");
        await notes.TokenForAsync(bob);
        await PressAsync(bob, notes);
        Assert.That((ClientAt(await PressAsync(bob, notes)), notes.Authority.Registrations.Count), Is.EqualTo(("dynamic-2", 2)));
    }

    [Test]
    public async Task Whoever_comes_at_once_waits_for_one_registration()
    {
        await using var notes = await AddAsync();
        var gate = new TaskCompletionSource();
        notes.Authority.RegistrationGate = gate.Task;
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        using var bob = new Person(_server, "bob");
        await notes.TokenForAsync(bob);

        var (first, second) = (PressAsync(alice, notes), PressAsync(bob, notes));
        await Until.TrueAsync(() => !notes.Authority.Registrations.IsEmpty, "a registration");
        gate.SetResult();
        await Task.WhenAll(first, second);

        Assert.That(notes.Authority.Registrations, Has.Count.EqualTo(1));
        Assert.That((ClientAt(await first), ClientAt(await second)), Is.EqualTo(("dynamic-1", "dynamic-1")));
    }

    [TestCase("refused"), TestCase("too long")]
    public async Task What_was_refused_is_not_asked_for_with_each_press(string what)
    {
        await using var notes = await AddAsync();
        notes.Authority.Registers = what == "refused" ? null : new JsonObject { ["client_id"] = new string('x', 2_049) };
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);

        for (var i = 0; i < 3; i++)
        {
            Assert.That((await PressAsync(alice, notes)).Status, Is.EqualTo(HttpStatusCode.BadGateway));
        }

        Assert.That(notes.Authority.Registrations, Has.Count.EqualTo(1));
        notes.Authority.Registers = [];
        _server.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.That((await PressAsync(alice, notes)).IsOutside, Is.True);
    }

    [Test]
    public async Task Operators_see_a_registration_and_have_it_made_anew()
    {
        await using var notes = await AddAsync();
        using var alice = new Person(_server);
        await notes.TokenForAsync(alice);
        await PressAsync(alice, notes);

        Assert.That(await Verbs.DoAsync(_server, "servers", "show", notes.Name), Does.Contain($"dynamic-1 at {notes.Authority.Issuer}"));
        Assert.That((await Verbs.RunAsync(_server, "doctor")).Output, Does.Contain($"PASS  servers.accounts ({notes.Name}): people connect their accounts at {notes.Authority.Issuer}"));
        notes.Authority.Metadata["issuer"] = "https://other.example";
        Assert.That((await Verbs.RunAsync(_server, "doctor")).Output, Does.Match($"FAIL  servers.accounts \\({notes.Name}\\): .*says that it is https://other.example"));
        notes.Authority.Metadata.Remove("issuer");
        Assert.That(await Verbs.DoAsync(_server, "connections", "forget-client", notes.Name), Does.Contain("forgotten"));
        Assert.That((await Verbs.RunAsync(_server, "connections", "forget-client", notes.Name)).ExitCode, Is.EqualTo(ExitCode.NotFound));
        await notes.ConnectAsync(alice);
        Assert.That(notes.Authority.Authorizations.Last()["client_id"], Is.EqualTo("dynamic-2"));

        await Verbs.DoAsync(_server, "servers", "remove", notes.Name, "--yes");
        Assert.That(await _server.DatabaseAsync(db => db.UpstreamRegistrations.AnyAsync(row => row.Server == notes.Name)), Is.False);
    }

    private async Task<ConnectionScene> AddAsync()
    {
        var notes = await ConnectionScene.AddAsync(_server);
        notes.Authority.Metadata["client_id_metadata_document_supported"] = null;
        notes.Authority.Metadata["registration_endpoint"] = notes.Authority.Issuer + "/register";
        return notes;
    }

    private static async Task<BrowserPage> PressAsync(Person person, ConnectionScene notes) => await person.Browser.SubmitAsync(await person.Browser.GetAsync(notes.Page), button: "connect");

    private static string ClientAt(BrowserPage left) => QueryHelpers.ParseQuery(left.Address.Query)["client_id"].ToString();
}
