using McpIdentity.Server.Connections;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>A node that is killed while it refreshes somebody's token: docs/gateway.md, "People's own accounts". The other one has a clock that the test moves.</summary>
[Parallelizable(ParallelScope.Self)] // one clock
internal sealed class KilledNodeTests
{
    private TestServer _survivor = null!;
    private Person _alice = null!;

    // For each: its clock is ahead of the machine's afterwards, and the next node would take no token of it.
    [SetUp]
    public async Task StartAsync()
    {
        _survivor = await TestServer.StartAsync(ConnectionScene.Settings);
        _alice = new Person(_survivor);
    }

    [TearDown]
    public async Task StopAsync()
    {
        _alice.Dispose();
        await _survivor.DisposeAsync();
    }

    [Test]
    public async Task Where_it_had_not_been_answered_the_other_refreshes_when_its_time_is_over()
    {
        await using var notes = await StaleAsync();
        var token = await notes.TokenForAsync(_alice);
        notes.Authority.Gate = new TaskCompletionSource().Task;
        await KilledAsync(notes, token, () => notes.Authority.Refreshes == 1);
        notes.Authority.Gate = Task.CompletedTask;

        var waiting = notes.CallAsync(token);
        Assert.That((notes.Authority.Refreshes, waiting.IsCompleted), Is.EqualTo((1, false)), "it is still the killed node's to do");
        EndLease();

        Assert.That((await waiting).Text, Does.StartWith("Bearer theirs-"), "nobody is asked");
        Assert.That((notes.Authority.Refreshes, notes.Authority.Spent), Is.EqualTo((2, 1)));
    }

    [Test]
    public async Task Where_it_had_been_answered_and_had_written_nothing_down_the_person_is_asked_anew()
    {
        await using var notes = await StaleAsync();
        var token = await notes.TokenForAsync(_alice);
        notes.Authority.AnswerGate = new TaskCompletionSource().Task;
        await KilledAsync(notes, token, () => notes.Authority.Spent == 1);
        notes.Authority.AnswerGate = Task.CompletedTask;

        EndLease();
        var asked = await notes.CallAsync(token);

        Assert.That(asked.Body, Does.Contain($"/connections/{notes.Name}?link="));
        Assert.That((notes.Authority.Refreshes, notes.Authority.Spent, await notes.CountAsync()), Is.EqualTo((2, 1, 0)));
        await notes.ConnectAsync(_alice, ConnectionScene.LinkIn(asked.Body));
        Assert.That((await notes.CallAsync(token)).Text, Does.StartWith("Bearer theirs-"));
    }

    // The killed node's clock is the machine's.
    private void EndLease() => _survivor.Clock.SetUtcNow(DateTimeOffset.UtcNow + FreshTokens.Lease + TimeSpan.FromSeconds(15));

    // Its tokens are to be refreshed with the first call: they have less than a minute.
    private async Task<ConnectionScene> StaleAsync()
    {
        var notes = await ConnectionScene.AddAsync(_survivor);
        notes.Authority.ExpiresIn = 5;
        await notes.TokenForAsync(_alice);
        await notes.ConnectAsync(_alice);
        return notes;
    }

    // A second node over the same database is called, and killed as soon as its refresh is where it should be.
    private async Task KilledAsync(ConnectionScene notes, string token, Func<bool> isThere)
    {
        await using var node = await ServerProcess.StartAsync([.. _survivor.Settings.Where(setting => !setting.StartsWith("--Server:Port=", StringComparison.Ordinal)), $"--Server:PublicBaseUrl={_survivor.BaseUrl}"]);
        var call = new McpCaller(node.Http) { Path = $"/mcp/{notes.Name}" }.CallToolAsync("whoami", token);
        await Until.TrueAsync(isThere, "a refresh");
        await node.KillAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => call);
    }
}
