using System.Text;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>Servers that break HTTP itself, or send what is not for their caller: a call of theirs ends in JSON-RPC, and nothing of it is anybody else's.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class HostileWireTests
{
    private const string Answer = """{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"fine"}]}}""";
    private const string Another = """{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"somebody else's"}]}}""";

    // What is written, and what the caller is told.
    private static readonly Dictionary<string, (Func<Stream, CancellationToken, Task> Script, string Told)> Kinds = new()
    {
        ["no HTTP at all"] = (Bytes("SSH-2.0-OpenSSH_9.6\r\n"), "502 upstream_unreachable"),
        ["half a status line"] = (Bytes("HTTP/1.1 20"), "502 upstream_unreachable"),
        ["headers without an end"] = (Bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "502 upstream_unreachable"),
        ["more headers than there is place for"] = (Bytes($"HTTP/1.1 200 OK\r\nX-Long: {new string('a', 100_000)}\r\n\r\n"), "502 upstream_unreachable"),
        ["a length that is none"] = (Bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n" + Answer), "fine"),
        ["less than it announced"] = (Bytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{Answer}"), "cut"),
        ["more than it may announce"] = (Bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{}"), "502 upstream_answer"),
        ["a chunk that is none"] = (Bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}"), "cut"),
        ["events that break off"] = (Bytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nevent: mess"), "cut"),
        ["another protocol"] = (Bytes("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello"), "502 upstream_answer"),
        ["a status that there is not"] = (Bytes(Http("999 Whatever", Answer)), "502 upstream_answer"),
        ["a permanent redirect to this machine"] = (Bytes(Http("308 Permanent Redirect", "", "Location: http://127.0.0.1:22/")), "502 upstream_answer"),
        ["that it wants the caller's password"] = (Bytes(Http("407 Proxy Authentication Required", "{}", "Proxy-Authenticate: Basic realm=\"us\"")), "502 upstream_answer"),
        ["a script"] = (Bytes(Http("200 OK", Answer, "Content-Type: application/javascript")), "502 upstream_answer"),
        ["the right type, packed"] = (Bytes(Http("200 OK", Answer, "Content-Encoding: identity, br")), "502 upstream_answer"),
        ["a session with a name of 10,000 characters"] = (Bytes(Http("200 OK", Answer, $"Mcp-Session-Id: {new string('s', 10_000)}")), "502 upstream_answer"),
        ["two sessions"] = (Bytes(Http("200 OK", Answer, "Mcp-Session-Id: one", "Mcp-Session-Id: two")), "502 upstream_answer"),
        ["a session without a name"] = (Bytes(Http("200 OK", Answer, "Mcp-Session-Id: ")), "502 upstream_answer"),
        ["a session that no header can name"] = (Bytes(Http("200 OK", Answer, "Mcp-Session-Id: söss\u0001ion")), "502 upstream_answer"),
        ["a header that is none, among those that come back"] = (Bytes(Http("200 OK", Answer, "Retry-After: é\u0001")), "fine"),
        ["headers that are not the caller's"] = (Bytes(Http(
            "200 OK", Answer, "Set-Cookie: session=theirs; Domain=example.org", "WWW-Authenticate: Bearer resource_metadata=\"http://evil.example\"", "Location: http://evil.example/", "Server: theirs/1.0",
            "X-Powered-By: theirs", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Alt-Svc: h3=\":443\"", "Refresh: 0; url=http://evil.example/", "Strict-Transport-Security: max-age=0",
            "Content-Security-Policy: default-src *", "Content-Disposition: attachment", "Cache-Control: public, max-age=9999", "RateLimit-Remaining: 0", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "Clear-Site-Data: \"*\"", "Link: <http://evil.example>", "MCP-Protocol-Version: 2025-11-25")), "fine"),
        ["a header folded over lines"] = (Bytes(Http("200 OK", Answer, "X-Folded: a\r\n Set-Cookie: session=theirs")), "fine"),
        ["hints before its answer"] = (Bytes("HTTP/1.1 103 Early Hints\r\nSet-Cookie: session=theirs\r\n\r\n" + Http("200 OK", Answer)), "fine"),
        ["headers after its answer"] = (Bytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n{Answer.Length:x}\r\n{Answer}\r\n0\r\nSet-Cookie: session=theirs\r\n\r\n"), "fine"),
    };

    private WireServer _wire = null!;
    private TestServer _server = null!;
    private Person _alice = null!;

    private static IEnumerable<string> Names => Kinds.Keys;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _wire = new WireServer([.. Kinds.Values.Select(kind => kind.Script), TwoAnswersAsync, StallAsync, StallInBodyAsync]);
        _server = await TestServer.StartAsync(
        [
            "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", .. Enumerable.Range(0, Kinds.Count + 3).Select(i => $"Gateway:Servers:s{i}:Url={_wire.UrlOf(i)}"),
            $"Gateway:Servers:s{Kinds.Count + 2}:Timeout=00:00:01",
        ]);
        _alice = new Person(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _alice.Dispose();
        await _server.DisposeAsync();
        await _wire.DisposeAsync();
    }

    [TestCaseSource(nameof(Names))]
    public async Task A_call_of_it_has_the_answer_or_an_error_and_nothing_beside(string kind)
    {
        var (_, told) = Kinds[kind];
        var name = $"s{Kinds.Keys.ToList().IndexOf(kind)}";
        var token = await _server.TokenForAsync(name, _alice);

        using var whole = await SendAsync(name, token, "application/json");
        var answer = await McpAnswer.ReadAsync(whole);
        Assert.That(told == "fine" ? answer.Text : $"{answer.Status} {answer.Reason}", Is.EqualTo(told == "cut" ? "502 upstream_unreachable" : told).Or.EqualTo(told == "cut" ? "504 upstream_timeout" : told), answer.Body);
        AssertNothingElse(whole, answer);

        // Who reads as it comes may have half of it; then it ends in a way that cannot be taken for an end.
        try
        {
            using var stream = await SendAsync(name, token, "application/json, text/event-stream");
            answer = await McpAnswer.ReadAsync(stream);
            Assert.That(told == "fine" ? answer.Text : $"{answer.Status} {answer.Reason}", Is.EqualTo(told == "cut" ? "502 upstream_unreachable" : told), answer.Body);
            AssertNothingElse(stream, answer);
        }
        catch (HttpRequestException) when (told == "cut")
        {
        }
    }

    // Two answers to one request: the second would be the next caller's, if its connection were used again.
    [Test]
    public async Task What_comes_after_an_answer_is_nobodys()
    {
        var name = $"s{Kinds.Count}";
        using var bob = new Person(_server, "bob");
        var (alices, bobs) = (await _server.TokenForAsync(name, _alice), await _server.TokenForAsync(name, bob));

        for (var i = 0; i < 10; i++)
        {
            using var first = await SendAsync(name, alices, "application/json");
            using var second = await SendAsync(name, bobs, "application/json, text/event-stream");
            Assert.That((await McpAnswer.ReadAsync(first)).Text + (await McpAnswer.ReadAsync(second)).Text, Is.EqualTo("finefine"));
        }
    }

    [Test]
    public async Task One_that_stops_in_its_headers_is_504()
    {
        var name = $"s{Kinds.Count + 1}";
        await using var server = await TestServer.StartAsync(GatewayScene.Open(_wire.UrlOf(Kinds.Count + 1)));
        var token = await server.TokenForAsync("notes");
        var before = _wire.Connections;

        var call = server.CallerOf("notes").CallToolAsync("any", token);
        await Until.TrueAsync(() => _wire.Connections > before, name);
        await Until.TrueAsync(() =>
        {
            server.Clock.Advance(TimeSpan.FromSeconds(30));
            return call.IsCompleted;
        }, "its time is over");

        Assert.That(((await call).Status, (await call).Reason), Is.EqualTo((504, "upstream_timeout")));
    }

    [TestCase("tools/list"), TestCase("tools/call")]
    public async Task One_that_stops_in_its_answer_is_504(string method)
    {
        var name = $"s{Kinds.Count + 2}";

        var answer = await _server.CallerOf(name).CallAsync(method, new { name = "any" }, await _server.TokenForAsync(name, _alice));

        Assert.That((answer.Status, answer.Reason), Is.EqualTo((504, "upstream_timeout")), answer.Body);
    }

    private static void AssertNothingElse(HttpResponseMessage response, McpAnswer answer)
    {
        string[] own = ["Date", "Content-Type", "Content-Length", "Cache-Control", "Retry-After", "MCP-Protocol-Version", "Transfer-Encoding", "X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy", "Cross-Origin-Opener-Policy", "Strict-Transport-Security"];
        Assert.Multiple(() =>
        {
            Assert.That(response.Headers.Concat(response.Content.Headers).Concat(response.TrailingHeaders).Select(header => header.Key), Is.SubsetOf(own));
            Assert.That(answer.CacheControl, Does.Contain("no-store").And.Not.Contain("public"));
            Assert.That(response.ToString() + answer.Body, Does.Not.Contain("theirs").And.Not.Contain("evil").And.Not.Contain("127.0.0.1").And.Not.Contain("max-age=0").And.Not.Contain("default-src *"));
        });
    }

    private Task<HttpResponseMessage> SendAsync(string name, string token, string accept)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/mcp/{name}")
        {
            Content = new StringContent("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"any"}}""", Encoding.UTF8, "application/json"),
            Headers = { { "Authorization", "Bearer " + token }, { "Accept", accept } },
        };
        return _server.Http.SendAsync(request);
    }

    // Its connection ends with it, and says so: a call that was sent on it in that moment would have no answer.
    private static Func<Stream, CancellationToken, Task> Bytes(string text)
    {
        var line = text.IndexOf("\r\n", StringComparison.Ordinal) + 2;
        var bytes = Encoding.Latin1.GetBytes(line < 2 || text.Contains("Connection:", StringComparison.Ordinal) ? text : text.Insert(line, "Connection: close\r\n"));
        return async (stream, cancel) => await stream.WriteAsync(bytes, cancel);
    }

    private static string Http(string status, string body, params string[] headers) =>
        $"HTTP/1.1 {status}\r\n{(headers.Any(header => header.StartsWith("Content-Type", StringComparison.Ordinal)) ? "" : "Content-Type: application/json\r\n")}Content-Length: {body.Length}\r\n{string.Concat(headers.Select(header => header + "\r\n"))}\r\n{body}";

    private static async Task TwoAnswersAsync(Stream stream, CancellationToken cancel)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes(Http("200 OK", Answer) + Http("200 OK", Another)), cancel);
        await Task.Delay(Timeout.Infinite, cancel);
    }

    private static async Task StallAsync(Stream stream, CancellationToken cancel)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nContent-Ty"), cancel);
        await Task.Delay(Timeout.Infinite, cancel);
    }

    private static async Task StallInBodyAsync(Stream stream, CancellationToken cancel)
    {
        await stream.WriteAsync(Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"jsonrpc\""), cancel);
        await Task.Delay(Timeout.Infinite, cancel);
    }
}
