using McpIdentity.Tests.Coverage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using static McpIdentity.Tests.Mcp.SessionCalls;

namespace McpIdentity.Tests.Mcp;

/// <summary>
/// Sessions, where <c>Mcp:SessionMode</c> is Stateful: whose they are, who is given one, and that each message is decided by its own
/// token (MCP 2025-11-25, transports, "Session Management"; security best practices, "Session Hijacking").
/// </summary>
[Category("MCP authorization")]
[Parallelizable(ParallelScope.All)]
internal sealed class StatefulSessionTests
{
    private const string Unknown = "0197a5a6-0000-7000-8000-000000000000";

    private McpHost _host = null!;
    private string _alice = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await SessionHosts.StartAsync();
        _alice = TestTokens.Own(_host.Keys.Key);
        _host.Sessions.Ended.Add("ended");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _host.DisposeAsync();

    /// <summary>A session identifier that leaked is worth nothing, and tells nothing: it is answered like one that was never given.</summary>
    [TestCase("another person", 404, 404), TestCase("another client of the same person", 404, 404), TestCase("a person of that name elsewhere", 404, 404)]
    [TestCase("nobody", 401, 404)]
    [TestCase("an expired token", 401, 401), TestCase("a revoked token", 401, 401), TestCase("a token for another server", 401, 401)]
    [Requirement("MCP-39")]
    public async Task A_session_is_its_opener_s_alone(string who, int ofProtected, int ofPublic)
    {
        var session = await _host.Client.OpenSessionAsync(_alice);
        var token = who switch
        {
            "another person" => TestTokens.Own(_host.Keys.Key, changes: ("sub", "mallory")),
            "another client of the same person" => TestTokens.Own(_host.Keys.Key, changes: ("client_id", "client-2")),
            "a person of that name elsewhere" => TestTokens.Foreign(("sub", "alice"), ("client_id", "client-1")),
            "an expired token" => TestTokens.Own(_host.Keys.Key, changes: ("exp", TestTokens.Now.AddHours(-1).ToUnixTimeSeconds())),
            "a revoked token" => TestTokens.Own(_host.Keys.Key, changes: ("sid", "ended")),
            "a token for another server" => TestTokens.Own(_host.Keys.Key, changes: ("aud", "https://other.example/mcp")),
            _ => null,
        };

        (string Method, string? Body, int Expected)[] requests =
            [("POST", Echo, ofProtected), ("POST", Ping, ofPublic), ("GET", null, ofProtected), ("POST", Answer, ofProtected), ("DELETE", null, ofProtected)];
        foreach (var (method, body, expected) in requests)
        {
            var answer = await _host.Client.ExchangeAsync(method, session, token, body);
            Assert.That(answer.Status, Is.EqualTo(expected), $"{method} {body} {answer.Body}");
            Assert.That(answer, Is.EqualTo(await _host.Client.ExchangeAsync(method, Unknown, token, body)), "as for a session that nobody gave");
        }

        var later = TestTokens.Own(_host.Keys.Key, changes: [("jti", "token-2"), ("oi_au_id", "grant-2"), ("sid", "session-2")]);
        Assert.That(await _host.Client.ExchangeAsync("POST", session, later, Echo), Is.EqualTo((200, """{"result":{"content":[{"type":"text","text":"heard"}]},"id":3,"jsonrpc":"2.0"}""")), "it lives, for a refreshed token too");
    }

    [Test]
    [Requirement("MCP-57")]
    public async Task Its_opener_ends_a_session_and_then_it_is_404()
    {
        var (session, other) = (await _host.Client.OpenSessionAsync(_alice), await _host.Client.OpenSessionAsync(_alice));

        Assert.That((await _host.Client.ExchangeAsync("DELETE", session, _alice)).Status, Is.EqualTo(200));
        Assert.That(await _host.Client.ExchangeAsync("POST", session, _alice, Echo), Is.EqualTo((404, """{"jsonrpc":"2.0","id":3,"error":{"code":-32001,"message":"Session not found"}}""")));
        Assert.That((await _host.Client.ExchangeAsync("POST", other, _alice, Echo)).Status, Is.EqualTo(200), "another of the same person remains");
    }

    /// <summary>
    /// A client may begin without a token and sign in when it is told to. Were it given a session before, it would go on in it as
    /// another caller: whoever opened it could read along. So it is given none, and goes on without (docs/stateful-sessions.md).
    /// </summary>
    [Test]
    [Requirement("MCP-39")]
    public async Task Who_shows_no_token_is_served_without_a_session_and_can_sign_in_and_go_on()
    {
        Assert.That(await _host.Client.OpenSessionAsync(bearer: null), Is.Null);
        using var stream = await _host.Client.SendAsync("GET", session: null, bearer: null);
        Assert.That(((int)stream.StatusCode, stream.Content.Headers.Allow), Is.EqualTo((405, new[] { "POST" })), "no challenge: the client would ask the person to sign in");

        Assert.That((await _host.Client.ExchangeAsync("POST", null, null, """{"jsonrpc":"2.0","method":"notifications/initialized"}""")).Status, Is.EqualTo(202));
        Assert.That((await _host.Client.ExchangeAsync("POST", null, null, Echo)).Status, Is.EqualTo(401));
        Assert.That((await _host.Client.ExchangeAsync("POST", null, _alice, Echo)).Body, Does.Contain("heard"));
    }

    [TestCase("application/json", TestName = "Who_reads_no_event_stream_is_given_no_session")]
    public async Task Without_event_streams(string accept)
    {
        var answer = await _host.PostAsync(Initialize, _alice, request => request.Headers.Accept.ParseAdd(accept));

        Assert.That((answer.Status, answer.ContentType), Is.EqualTo((200, "application/json")));
        Assert.That(answer.Json.GetProperty("result").GetProperty("protocolVersion").GetString(), Is.EqualTo("2025-11-25"));
    }

    [Test]
    [Requirement("MCP-51")]
    public async Task The_revision_without_sessions_is_served_at_the_same_address()
    {
        const string List = """{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(List, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Add("Mcp-Method", "tools/list");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Session-Id", Unknown);
        using var response = await _host.Client.SendAsync(request);
        using var stream = await _host.Client.SendAsync("GET", Unknown, _alice, version: "2026-07-28");
        using var end = await _host.Client.SendAsync("DELETE", Unknown, _alice, version: "2026-07-28");

        Assert.That((int)response.StatusCode, Is.EqualTo(200), await response.Content.ReadAsStringAsync());
        Assert.That(response.Headers.Contains("Mcp-Session-Id"), Is.False);
        Assert.That(((int)stream.StatusCode, (int)end.StatusCode), Is.EqualTo((405, 405)));
    }

    /// <summary>Clients of hosted assistants replay what another server gave them (docs/interoperability.md, "Sessions that we never gave").</summary>
    [Test]
    [Requirement("MCP-57")]
    public async Task An_initialize_with_an_old_session_opens_a_new_one()
    {
        using var response = await _host.Client.SendAsync("POST", Unknown, _alice, Initialize);

        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        Assert.That(response.Headers.GetValues("Mcp-Session-Id").Single(), Is.Not.EqualTo(Unknown));
    }

    [Test]
    public async Task An_initialize_with_wrong_parameters_leaves_no_session()
    {
        using var response = await _host.Client.SendAsync("POST", null, _alice, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""");

        Assert.That(((int)response.StatusCode, response.Headers.Contains("Mcp-Session-Id")), Is.EqualTo((400, false)));
    }

    /// <summary>Two tokens of one caller in one session at once, one of which may do less: what was decided for a message holds for it alone.</summary>
    [Test]
    [Requirement("MCP-39")]
    public async Task Each_message_of_a_session_is_decided_by_its_own_token()
    {
        var session = await _host.Client.OpenSessionAsync(_alice);
        var weak = TestTokens.Own(_host.Keys.Key, "mcp", ("jti", "token-3"), ("name", "Weak"));
        var key = Guid.NewGuid().ToString("N");
        string Call(string tool) => $$"""{"jsonrpc":"2.0","id":"{{tool}}","method":"tools/call","params":{"name":"{{tool}}","arguments":{"key":"{{key}}"} } }""";

        var held = _host.Client.ExchangeAsync("POST", session, _alice, Call("hold"));
        Assert.That((await _host.Client.ExchangeAsync("POST", session, weak, Echo)).Status, Is.EqualTo(403), "while the other one runs");
        Assert.That((await _host.Client.ExchangeAsync("POST", session, null, Echo)).Status, Is.EqualTo(401));
        Assert.That((await _host.Client.ExchangeAsync("POST", session, weak, Call("release"))).Body, Does.Contain("Weak mcp"), "a public tool");
        Assert.That((await held).Body, Does.Contain("Alice mcp mcp:call"));

        var list = """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""";
        var admin = TestTokens.Own(_host.Keys.Key, "mcp mcp:call mcp:admin", ("jti", "token-4"));
        var lists = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => _host.Client.ExchangeAsync("POST", session, i % 2 == 0 ? admin : weak, list)));
        Assert.That(lists.Select(answer => answer.Body.Contains("admin_status", StringComparison.Ordinal)), Is.EqualTo(Enumerable.Range(0, 40).Select(i => i % 2 == 0)));
    }

    /// <summary>A tool asks, and only its own caller can answer: by a token of theirs, in their session.</summary>
    [Test]
    [Requirement("MCP-39")]
    public async Task What_a_tool_asks_is_answered_by_its_caller_alone()
    {
        var (session, mallory) = (await _host.Client.OpenSessionAsync(_alice), TestTokens.Own(_host.Keys.Key, changes: ("sub", "mallory")));
        using var call = await _host.Client.SendAsync("POST", session, _alice, """{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"ask","arguments":{}}}""");
        using var stream = new StreamReader(await call.Content.ReadAsStreamAsync());
        var question = (await stream.NextAsync())!.Value;
        Assert.That(question.GetProperty("method").GetString(), Is.EqualTo("elicitation/create"));

        string Say(string word) => $$"""{"jsonrpc":"2.0","id":{{question.GetProperty("id").GetRawText()}},"result":{"action":"accept","content":{"word":"{{word}}"} } }""";
        Assert.That((await _host.Client.ExchangeAsync("POST", session, mallory, Say("stolen"))).Status, Is.EqualTo(404));
        Assert.That((await _host.Client.ExchangeAsync("POST", await _host.Client.OpenSessionAsync(mallory), mallory, Say("stolen"))).Status, Is.EqualTo(202), "in a session of their own it answers nothing");
        Assert.That((await _host.Client.ExchangeAsync("POST", session, null, Say("stolen"))).Status, Is.EqualTo(401));
        Assert.That((await _host.Client.ExchangeAsync("POST", session, _alice, Say("mine"))).Status, Is.EqualTo(202));

        Assert.That((await stream.NextAsync())!.Value.GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString(), Is.EqualTo("mine"));
    }

    [Test]
    public async Task Where_nobody_is_asked_who_they_are_everybody_is_given_a_session()
    {
        await using var host = await SessionHosts.StartAsync(("Mcp:Auth:AuthType", "none"));
        var session = await host.Client.OpenSessionAsync(bearer: null);

        Assert.That((await host.Client.ExchangeAsync("POST", session, null, Echo)).Body, Does.Contain("heard"));
        Assert.That((await host.Client.ExchangeAsync("POST", Unknown, null, Echo)).Status, Is.EqualTo(404));
        using var put = await host.Client.SendAsync("PUT", session, null);
        Assert.That((put.StatusCode, string.Join(", ", put.Content.Headers.Allow)), Is.EqualTo((System.Net.HttpStatusCode.MethodNotAllowed, "GET, POST, DELETE")));
    }

    [TestCase("stateless", true, false, "needs Stateless, by Mcp:SessionMode=Stateless"), TestCase("stateful", true, false, "needs StatefulForInitializeClients, by Mcp:SessionMode=Stateful")]
    [TestCase("stateful", false, true, "PerSessionExecutionContext")]
    public void A_host_that_sets_up_sessions_another_way_does_not_start(string mode, bool stateful, bool perSession, string problem) => Assert.That(
        async () => await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:SessionMode"] = mode }, (_, mcp) => mcp.WithHttpTransport(transport =>
        {
#pragma warning disable MCP9006 // it is what must not be set
            transport.PerSessionExecutionContext = perSession;
#pragma warning restore MCP9006
            transport.SessionMode = stateful ? ModelContextProtocol.AspNetCore.HttpServerSessionMode.Stateful : transport.SessionMode;
        })),
        Throws.InstanceOf<OptionsValidationException>().With.Message.Contains(problem));
}
