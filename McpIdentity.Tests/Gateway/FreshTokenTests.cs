using System.Text.Json.Nodes;
using McpIdentity.Server.Connections;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Gateway;

/// <summary>How the tokens of people's own accounts are refreshed, by two nodes over one database: docs/gateway.md, "People's own accounts".</summary>
[Category("Postgres")]
[Parallelizable(ParallelScope.Self)] // one clock, which all of them move
internal sealed class FreshTokenTests
{
    private TestServer _one = null!;
    private TestServer _two = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        string[] settings = [.. ConnectionScene.Settings, $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"];
        _one = await TestServer.StartAsync(settings);
        _two = await TestServer.StartAsync([.. settings, $"Server:PublicBaseUrl={_one.BaseUrl}"]);
        await NodeSignals.HearEachOtherAsync(_one, _two);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _two.DisposeAsync();
        await _one.DisposeAsync();
    }

    [Test]
    public async Task A_token_is_refreshed_shortly_before_it_expires_and_asked_for_anew_when_that_is_refused()
    {
        await using var notes = await ConnectionScene.AddAsync(_one);
        var authority = notes.Authority;
        using var alice = new Person(_one);
        var token = await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        var first = (await notes.CallAsync(token)).Text;

        Advance(58);
        Assert.That(((await notes.CallAsync(token)).Text, authority.Refreshes), Is.EqualTo((first, 0)), "not yet");
        Advance(1.5);
        token = await notes.TokenForAsync(alice);
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => notes.CallAsync(token)));
        Assert.That(authority.Refreshes, Is.EqualTo(1));
        Assert.That(authority.TokenRequests.Last()["resource"], Is.EqualTo(authority.McpUrl)); // RFC 8707 §2.2
        Assert.That(answers.Select(answer => answer.Text).Distinct().Single(), Is.Not.EqualTo(first).And.StartsWith("Bearer theirs-"));

        // A refusal in the middle: refreshed, and the call made again, without anybody seeing it.
        Advance(2);
        authority.ForgetAccess();
        var renewed = await notes.CallAsync(token);
        Assert.That((renewed.Status, authority.Refreshes), Is.EqualTo((200, 2)), renewed.Body);
        Assert.That(renewed.Text, Does.StartWith("Bearer theirs-"));

        // The authority is away: what there is goes on until it expires, and nothing is lost.
        Advance(59.5);
        token = await notes.TokenForAsync(alice);
        authority.Refuses = "server_error";
        Assert.That((await notes.CallAsync(token)).Text, Is.EqualTo(renewed.Text), "for the minute that it still has");
        Advance(2);
        var away = await notes.CallAsync(token);
        Assert.That((away.Status, away.Reason), Is.EqualTo((502, "upstream_credential")), away.Body);
        Assert.That(await notes.CountAsync(), Is.EqualTo(1));

        // It has ended the connection: the person is asked anew.
        authority.Refuses = "invalid_grant";
        var ended = await notes.CallAsync(token);
        Assert.That(ended.Body, Does.Contain($"/connections/{notes.Name}?link="));
        Assert.That(await notes.CountAsync(), Is.Zero);
    }

    [Test]
    public async Task Two_nodes_refresh_a_token_once()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Advance(61);
        var gate = new TaskCompletionSource();
        notes.Authority.Gate = gate.Task;

        var asked = Enumerable.Range(0, 8).Select(number => AskAsync(number % 2 == 0 ? _one : _two, notes, user)).ToArray();
        await Until.TrueAsync(() => notes.Authority.Refreshes > 0, "a refresh");
        gate.SetResult();
        var tokens = await Task.WhenAll(asked);

        Assert.That(notes.Authority.Refreshes, Is.EqualTo(1));
        Assert.That(tokens.Distinct().Single(), Does.StartWith("theirs-"));
    }

    [Test]
    public async Task What_is_disconnected_at_one_node_the_other_remembers_no_longer()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Assert.That(await AskAsync(_two, notes, user), Does.StartWith("theirs-"));

        await _one.Services.GetRequiredService<Vault>().EndAsync(user, notes.Name, _one.Services.GetRequiredService<ConnectableServers>().Find);

        await Until.TrueAsync(async () => await AskAsync(_two, notes, user) is null, "what the other node remembered is gone");
    }

    [Test]
    public async Task What_ends_while_it_is_refreshed_is_not_there_afterwards()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Advance(61);
        var gate = new TaskCompletionSource();
        notes.Authority.AnswerGate = gate.Task;
        var asked = AskAsync(_one, notes, user);
        await Until.TrueAsync(() => notes.Authority.Spent > 0, "a refresh");

        var ended = await _two.Services.GetRequiredService<Vault>().EndAsync(user, notes.Name, _two.Services.GetRequiredService<ConnectableServers>().Find);
        await ended.Revoking;
        gate.SetResult();

        Assert.That(await asked, Is.Null);
        Assert.That(await notes.CountAsync(), Is.Zero);
        Assert.That(notes.Authority.Revoked, Is.EqualTo(new[] { "refresh-2", "refresh-3" }), "what it has brought is kept by nobody");
    }

    [Test]
    public async Task What_is_connected_anew_while_it_is_refreshed_counts()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        using var alice = new Person(_one);
        await notes.TokenForAsync(alice);
        Advance(61);
        var gate = new TaskCompletionSource();
        notes.Authority.AnswerGate = gate.Task;
        var asked = AskAsync(_one, notes, user);
        await Until.TrueAsync(() => notes.Authority.Spent > 0, "a refresh");

        await notes.TokenForAsync(alice); // the session of an hour ago
        await notes.ConnectAsync(alice, await notes.LinkAsync("alice"));
        gate.SetResult();

        Assert.That(await asked, Is.EqualTo(await AskAsync(_two, notes, user)));
        Assert.That((notes.Authority.Refreshes, await notes.CountAsync()), Is.EqualTo((1, 1)));
    }

    // What is another's is not shown to it, whoever the server trusts from now on (RFC 9700 §4.4).
    [Test]
    public async Task The_tokens_of_one_authorization_server_go_to_no_other()
    {
        await using var notes = await ConnectedAsync();
        await using var other = await StandInAuthority.StartAsync();
        var user = await _one.UserIdAsync();
        notes.Authority.Trusts = other.Issuer;
        Advance(61); // and it is looked up again

        Assert.That(await AskAsync(_one, notes, user), Is.Null);
        Assert.That((other.TokenRequests.Count, notes.Authority.Refreshes), Is.EqualTo((0, 0)));

        notes.Authority.Trusts = null; // it was an error of theirs
        Advance(61);
        Assert.That(await AskAsync(_one, notes, user), Does.StartWith("theirs-"));
    }

    // GitHub says bad_refresh_token, others interaction_required.
    [Test]
    public async Task What_the_authorization_server_will_never_refresh_is_asked_for_anew()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Advance(61);
        notes.Authority.Refuses = "bad_refresh_token";

        Assert.That(await AskAsync(_one, notes, user), Is.Null);
        Assert.That(await notes.CountAsync(), Is.Zero);
    }

    // A router, a firewall, a release that has lost its route: they say error too, and nothing of anybody's account (RFC 6749 §5.2: 400, or 401).
    [TestCase("Forbidden", 403), TestCase("Not Found", 404), TestCase("invalid_grant", 429), TestCase("invalid_grant", 503)]
    public async Task What_stands_before_an_authorization_server_ends_no_connection(string error, int status)
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Advance(61);
        (notes.Authority.Refuses, notes.Authority.RefusesWith) = (error, status);

        await Assert.ThrowsAsync<AuthorityException>(() => AskAsync(_one, notes, user));
        Assert.That(await notes.CountAsync(), Is.EqualTo(1));

        (notes.Authority.Refuses, notes.Authority.RefusesWith) = (null, null);
        Assert.That(await AskAsync(_one, notes, user), Does.StartWith("theirs-"));
    }

    [Test]
    public async Task Tokens_are_refreshed_and_given_back_where_they_came_from_wherever_in_the_list_that_stands()
    {
        await using var notes = await ConnectedAsync();
        await using var other = await StandInAuthority.StartAsync();
        var user = await _one.UserIdAsync();
        (notes.Authority.Trusts, notes.Authority.TrustsToo) = (other.Issuer, notes.Authority.Issuer);
        Advance(61);

        Assert.That(await AskAsync(_one, notes, user), Does.StartWith("theirs-"));
        await (await _one.Services.GetRequiredService<Vault>().EndAsync(user, notes.Name, _one.Services.GetRequiredService<ConnectableServers>().Find)).Revoking;

        Assert.That((notes.Authority.Refreshes, notes.Authority.Revoked.Count, other.TokenRequests.Count, other.Revoked.Count), Is.EqualTo((1, 1, 0, 0)));
    }

    [Test]
    public async Task A_new_secret_of_the_configuration_counts_for_what_is_connected_and_a_wrong_one_ends_nothing()
    {
        await using var notes = await ConnectionScene.AddAsync(_one, authority => new JsonObject { ["ClientId"] = "ours", ["ClientSecret"] = "one", ["Issuer"] = authority.Issuer });
        notes.Authority.Secret = "one";
        using var alice = new Person(_one);
        await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        var user = await _one.UserIdAsync();
        notes.Authority.Secret = "two";

        Advance(61);
        var refused = await Assert.ThrowsAsync<AuthorityException>(() => AskAsync(_one, notes, user));
        Assert.That((refused!.Message.Contains("invalid_client", StringComparison.Ordinal), await notes.CountAsync()), Is.EqualTo((true, 1)));

        await notes.SaveAsync(notes.Authority.McpUrl, ("ClientSecret", "two"));
        Assert.That(await AskAsync(_one, notes, user), Does.StartWith("theirs-"));
    }

    [Test]
    public async Task Who_looks_up_the_authorization_server_holds_nobody_up()
    {
        await using var notes = await ConnectedAsync();
        var user = await _one.UserIdAsync();
        Advance(61); // what was known of it is over too
        var gate = new TaskCompletionSource();
        notes.Authority.MetadataGate = gate.Task;
        var described = notes.Authority.Described;
        var slow = AskAsync(_one, notes, user);
        await Until.TrueAsync(() => notes.Authority.Described > described, "a look at the metadata");

        Assert.That(await _one.DatabaseAsync(db => db.UpstreamConnections.Where(row => row.Server == notes.Name).Select(row => row.RefreshingUntil).SingleAsync()), Is.Null, "nothing is taken yet");
        gate.SetResult();
        Assert.That(await slow, Does.StartWith("theirs-"));
    }

    [Test]
    public async Task A_server_that_takes_no_token_has_none_made_with_each_call()
    {
        await using var notes = await ConnectedAsync();
        using var alice = new Person(_one);
        var token = await notes.TokenForAsync(alice);
        Advance(2);
        notes.Authority.RefusesCalls = true;

        for (var call = 0; call < 5; call++)
        {
            Assert.That((await notes.CallAsync(token)).Body, Does.Contain($"{notes.Page}?link="));
        }

        Assert.That(notes.Authority.Refreshes, Is.EqualTo(1));
    }

    private void Advance(double minutes)
    {
        _one.Clock.Advance(TimeSpan.FromMinutes(minutes));
        _two.Clock.Advance(TimeSpan.FromMinutes(minutes));
    }

    // By Alice, and both nodes know the server.
    private async Task<ConnectionScene> ConnectedAsync()
    {
        var notes = await ConnectionScene.AddAsync(_one);
        await notes.SeenByAsync(_two);
        using var alice = new Person(_one);
        await notes.TokenForAsync(alice);
        await notes.ConnectAsync(alice);
        return notes;
    }

    private static Task<string?> AskAsync(TestServer node, ConnectionScene notes, string userId) =>
        node.Services.GetRequiredService<FreshTokens>().ForAsync(node.Services.GetRequiredService<ConnectableServers>().Find(notes.Name)!, userId, default).AsTask();
}
