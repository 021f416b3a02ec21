namespace McpIdentity.Tests.Mcp;

/// <summary>A verified token is remembered, and still dies at once when it must. One host a test: each moves its clock.</summary>
[Category("RFC 9068")]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class VerifiedTokenTests
{
    private McpHost _host = null!;

    [SetUp]
    public async Task StartAsync() => _host = await McpHost.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    // SEED-010, SEED-027: asked on every request, also when the token is remembered.
    [Test]
    [Category("SEED-010"), Category("SEED-027")]
    public async Task A_session_that_ends_takes_a_remembered_token_along()
    {
        var token = TestTokens.Own(_host.Keys.Key);
        var before = await _host.CallToolAsync("whoami", token);
        var again = await _host.CallToolAsync("whoami", token);
        var asked = _host.Sessions.Asked;
        _host.Sessions.Ended.Add("session-1");
        var after = await _host.CallToolAsync("whoami", token);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((before.Status, again.Status, asked), Is.EqualTo((200, 200, 2)));
            Assert.That(after.Status, Is.EqualTo(401));
            Assert.That(after.Challenge, Does.Contain("Session not found"));
        }
    }

    // SEED-034.
    [Test]
    [Category("SEED-034")]
    public async Task A_remembered_token_expires_on_time()
    {
        var token = TestTokens.Own(_host.Keys.Key, changes: ("exp", TestTokens.Now.AddMinutes(2).ToUnixTimeSeconds()));
        var before = await _host.CallToolAsync("whoami", token);
        _host.Time.Advance(TimeSpan.FromSeconds(149));
        var withinSkew = await _host.CallToolAsync("whoami", token);
        _host.Time.Advance(TimeSpan.FromSeconds(1));
        var after = await _host.CallToolAsync("whoami", token);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((before.Status, withinSkew.Status, after.Status), Is.EqualTo((200, 200, 401)));
            Assert.That(after.Challenge, Does.Contain("Token has expired"));
        }
    }

    [Test]
    public async Task A_key_that_is_withdrawn_takes_its_remembered_tokens_along()
    {
        var token = TestTokens.Own(_host.Keys.Key);
        var before = await _host.CallToolAsync("whoami", token);
        _host.Keys.Replace();
        var after = await _host.CallToolAsync("whoami", token);
        var fresh = await _host.CallToolAsync("whoami", TestTokens.Own(_host.Keys.Key));

        Assert.That((before.Status, after.Status, fresh.Status), Is.EqualTo((200, 401, 200)));
    }

    [Test]
    public async Task Many_calls_at_once_get_their_own_caller()
    {
        var names = await Task.WhenAll(Enumerable.Range(0, 200).Select(async number =>
        {
            var name = $"user{number % 20}";
            var answer = await _host.CallToolAsync("greeting", TestTokens.Own(_host.Keys.Key, changes: ("name", name)));
            return (Expected: $"Hello, {name}!", answer.Text);
        }));

        Assert.That(names.Where(pair => pair.Expected != pair.Text), Is.Empty);
    }
}
