using McpIdentity.Mcp.Sessions;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ModelContextProtocol.Server;
using static McpIdentity.Tests.Mcp.SessionCalls;

namespace McpIdentity.Tests.Mcp;

/// <summary>How long sessions and their streams last.</summary>
[Category("MCP authorization")]
[Parallelizable(ParallelScope.All)]
internal sealed class SessionLifetimeTests
{
    /// <summary>A stream outlasts its request: it lives as long as the token that its owner showed last, and no longer than the sign-in behind it.</summary>
    [Test]
    [Requirement("MCP-35"), Requirement("MCP-39")]
    public async Task The_stream_of_a_session_ends_with_the_token_and_with_the_sign_in()
    {
        await using var host = await SessionHosts.StartAsync();
        var (first, second) = (TestTokens.Own(host.Keys.Key), TestTokens.Own(host.Keys.Key, changes: [("jti", "token-2"), ("sid", "session-2"), ("exp", TestTokens.Now.AddHours(3).ToUnixTimeSeconds())]));
        var (expiring, refreshed) = (await host.Client.OpenSessionAsync(first), await host.Client.OpenSessionAsync(first));
        using var one = await host.Client.SendAsync("GET", expiring, first);
        using var two = await host.Client.SendAsync("GET", refreshed, first);
        using var ofOne = new StreamReader(await one.Content.ReadAsStreamAsync());
        using var ofTwo = new StreamReader(await two.Content.ReadAsStreamAsync());
        Assert.That((await host.Client.ExchangeAsync("POST", refreshed, second, Echo)).Status, Is.EqualTo(200));

        host.Time.Advance(TimeSpan.FromHours(1));
        await EndsAsync(ofOne, "its token has expired");
        var asked = host.Sessions.Asked;
        host.Time.Advance(TimeSpan.FromSeconds(5));
        await Until.TrueAsync(() => host.Sessions.Asked > asked, "the other stream was looked at again");
        host.Services.GetRequiredService<IOptions<McpServerOptions>>().Value.ToolCollection!.Add(McpServerTool.Create(() => "late", new McpServerToolCreateOptions { Name = "late" }));
        Assert.That((await ofTwo.NextAsync())?.GetProperty("method").GetString(), Is.EqualTo("notifications/tools/list_changed"), "its owner has refreshed, and it goes on");

        host.Sessions.Ended.Add("session-2");
        host.Time.Advance(TimeSpan.FromSeconds(5));
        await EndsAsync(ofTwo, "the person has signed out");
        var third = TestTokens.Own(host.Keys.Key, changes: [("sid", "session-3"), ("exp", TestTokens.Now.AddHours(3).ToUnixTimeSeconds())]);
        Assert.That((await host.Client.ExchangeAsync("POST", refreshed, third, Echo)).Status, Is.EqualTo(200), "the session remains for who signs in again");
    }

    /// <summary>A store that asks over the network times out as a cancellation.</summary>
    [Test]
    public async Task A_stream_whose_sign_in_could_not_be_asked_about_is_looked_at_again([Values] bool timesOut)
    {
        await using var host = await SessionHosts.StartAsync();
        var token = TestTokens.Own(host.Keys.Key);
        var session = await host.Client.OpenSessionAsync(token);
        using var stream = await host.Client.SendAsync("GET", session, token);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());

        host.Sessions.Failure = timesOut ? new TaskCanceledException("The store did not answer in time.") : new InvalidOperationException("The store is away.");
        var asked = host.Sessions.Asked;
        host.Time.Advance(TimeSpan.FromSeconds(5));
        await Until.TrueAsync(() => host.Sessions.Asked > asked, "the store was asked, in vain");
        host.Sessions.Failure = null;
        host.Time.Advance(TimeSpan.FromHours(1));

        await EndsAsync(reader, "its token has expired");
    }

    [Test]
    [Requirement("MCP-57")]
    public async Task A_session_that_nobody_uses_ends()
    {
        await using var host = await SessionHosts.StartAsync(("Mcp:SessionIdleTimeout", "00:10:00"));
        var token = TestTokens.Own(host.Keys.Key);
        var session = await host.Client.OpenSessionAsync(token);
        host.Time.Advance(TimeSpan.FromMinutes(9));
        Assert.That((await host.Client.ExchangeAsync("POST", session, token, Echo)).Status, Is.EqualTo(200));
        host.Time.Advance(TimeSpan.FromMinutes(9));
        Assert.That((await host.Client.ExchangeAsync("POST", session, token, Echo)).Status, Is.EqualTo(200), "it was used meanwhile");

        host.Time.Advance(TimeSpan.FromMinutes(11));

        var mallory = TestTokens.Own(host.Keys.Key, changes: ("sub", "mallory"));
        await Until.TrueAsync(() => !host.Services.GetRequiredService<OpenSessions>().Ids.Contains(session!), "the session has ended");
        Assert.That((await host.Client.ExchangeAsync("POST", session, token, Echo)).Status, Is.EqualTo(404));
        Assert.That(await host.Client.OpenSessionAsync(mallory), Is.Not.Null);
    }

    [Test]
    public async Task Who_opens_too_many_sessions_loses_their_own()
    {
        await using var host = await SessionHosts.StartAsync(("Mcp:MaxSessionsPerCaller", "2"));
        var (alice, elsewhere, bob) = (TestTokens.Own(host.Keys.Key), TestTokens.Own(host.Keys.Key, changes: ("client_id", "client-2")), TestTokens.Own(host.Keys.Key, changes: ("sub", "bob")));
        var (first, ofBob, second) = (await host.Client.OpenSessionAsync(alice), await host.Client.OpenSessionAsync(bob), await host.Client.OpenSessionAsync(elsewhere));
        Assert.That((await host.Client.ExchangeAsync("POST", first, alice, Echo)).Status, Is.EqualTo(200));

        var third = await host.Client.OpenSessionAsync(alice);

        async Task<int> UseAsync(string? session, string token) => (await host.Client.ExchangeAsync("POST", session, token, Echo)).Status;
        Assert.That((await UseAsync(first, alice), await UseAsync(second, elsewhere), await UseAsync(third, alice), await UseAsync(ofBob, bob)), Is.EqualTo((200, 404, 200, 200)),
            "of those of one person, whatever the client, the one that was used least recently");
    }

    private static async Task EndsAsync(StreamReader stream, string why)
    {
        var next = stream.NextAsync();
        await Until.TrueAsync(() => next.IsCompleted, why);
        Assert.That(await next, Is.Null, why);
    }
}
