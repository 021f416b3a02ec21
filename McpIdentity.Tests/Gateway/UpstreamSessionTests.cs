using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>A server that keeps sessions, of the official TypeScript SDK: each is its owner's alone.</summary>
[Category("Node")]
[Parallelizable(ParallelScope.All)]
internal sealed class UpstreamSessionTests
{
    private const string Header = "Mcp-Session-Id";

    private NodeUpstream _notes = null!;
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _notes = await NodeUpstream.StartAsync();
        _server = await TestServer.StartAsync(GatewayScene.Open(_notes.Url, $"Gateway:Servers:other:Url={_notes.Url}"));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _notes.DisposeAsync();
    }

    [Test]
    public async Task A_session_counts_for_its_owner_and_is_404_to_everybody_else()
    {
        var (alice, bob) = (await _server.TokenForAsync("notes"), await _server.TokenForAsync("notes", "bob"));
        var (anotherApp, anotherServer) = (await _server.TokenForAsync("notes"), await _server.TokenForAsync("other"));
        var session = await OpenAsync(alice);

        Assert.That(await CountAsync("notes", alice, session), Is.EqualTo("1"));
        Assert.That(await CountAsync("notes", alice, session), Is.EqualTo("2"));
        foreach (var (path, token, name) in new[] { ("notes", bob, session), ("notes", anotherApp, session), ("other", anotherServer, session), ("notes", alice, session.Altered()), ("notes", alice, Guid.NewGuid().ToString()), ("notes", alice, "a"), ("notes", alice, "..="), ("notes", alice, new string('s', 8000)), ("notes", alice, session + session), ("notes", alice, session.ToUpperInvariant()) })
        {
            using var refused = await SendAsync(path, token, name, "tools/call", new { name = "count", arguments = new { } });
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }

        Assert.That(await CountAsync("notes", alice, session), Is.EqualTo("3"));
    }

    [Test]
    public async Task Its_owner_ends_it()
    {
        var alice = await _server.TokenForAsync("notes");
        var session = await OpenAsync(alice);
        using var ending = new HttpRequestMessage(HttpMethod.Delete, "/mcp/notes") { Headers = { { Header, session }, { "Authorization", "Bearer " + alice } } };
        using var ended = await _server.Http.SendAsync(ending);

        using var after = await SendAsync("notes", alice, session, "tools/call", new { name = "count", arguments = new { } });

        Assert.That(ended.IsSuccessStatusCode, Is.True);
        Assert.That(after.StatusCode, Is.AnyOf(HttpStatusCode.NotFound, HttpStatusCode.BadRequest), "as the server itself says it");
    }

    [Test]
    public async Task A_stream_that_waits_for_news_ends_with_its_token()
    {
        await using var server = await TestServer.StartAsync(GatewayScene.Open(_notes.Url)); // whose clock nobody else goes by
        var alice = await server.TokenForAsync("notes");
        var session = await OpenAsync(alice, server);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/mcp/notes") { Headers = { { Header, session }, { "Authorization", "Bearer " + alice }, { "Accept", "text/event-stream" } } };
        using var stream = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.That((stream.StatusCode, stream.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, "text/event-stream")));

        await using var body = await stream.Content.ReadAsStreamAsync();
        server.Clock.Advance(TimeSpan.FromHours(2));

        // It ends, or breaks off; as long as it does neither, this waits.
        try
        {
            await body.CopyToAsync(Stream.Null);
        }
        catch (IOException)
        {
        }
    }

    private async Task<string> OpenAsync(string token, TestServer? at = null)
    {
        using var opened = await SendAsync("notes", token, null, "initialize", new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "test", version = "1" } }, at);
        Assert.That(opened.StatusCode, Is.EqualTo(HttpStatusCode.OK), await opened.Content.ReadAsStringAsync());
        return opened.Headers.GetValues(Header).Single();
    }

    private async Task<string> CountAsync(string server, string token, string session)
    {
        using var answer = await SendAsync(server, token, session, "tools/call", new { name = "count", arguments = new { } });
        var events = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), events);
        return JsonDocument.Parse(events[(events.IndexOf("data: ", StringComparison.Ordinal) + 6)..].Trim()).RootElement.GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString()!;
    }

    private Task<HttpResponseMessage> SendAsync(string server, string token, string? session, string method, object parameters, TestServer? at = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/mcp/{server}")
        {
            Content = new StringContent(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 1, method, @params = parameters }), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add("Accept", "application/json, text/event-stream");
        if (session is not null)
        {
            request.Headers.Add(Header, session);
            request.Headers.Add("MCP-Protocol-Version", "2025-11-25");
        }

        return (at ?? _server).Http.SendAsync(request);
    }
}
