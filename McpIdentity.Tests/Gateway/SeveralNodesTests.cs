using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Persistence;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>Two processes over one PostgreSQL and one Redis, behind nginx with the lines of docs/several-nodes.md, before a server that keeps sessions.</summary>
[Category("Nginx"), Category("Postgres"), Category("Redis"), Category("Node"), Category("Slow")]
[Parallelizable(ParallelScope.Self)]
internal sealed class SeveralNodesTests
{
    private const string Header = "Mcp-Session-Id";

    private readonly TemporaryFolder _folder = new();
    private NodeUpstream _notes = null!;
    private Cluster _cluster = null!;
    private string _token = "";

    private string PolicyFile => _folder.File("policy.json");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _notes = await NodeUpstream.StartAsync();
        await File.WriteAllTextAsync(PolicyFile, """{ "Rules": [ { "Effect": "allow" } ] }""");
        var lines = (await File.ReadAllTextAsync(Repository.PathOf("docs", "several-nodes.md"))).Split("```nginx\n")[1].Split("```")[0];
        _cluster = await Cluster.StartBehindAsync(lines.Replace("http://mcpidentity;", "http://servers;", StringComparison.Ordinal),
            $"Gateway:Servers:notes:Url={_notes.Url}", "Gateway:CatalogueRefresh=0", $"Policy:File={PolicyFile}");
        using var alice = new Person(_cluster.BaseUrl);
        var client = await OAuthClient.RegisterPublicAsync(_cluster.Http);
        _token = (await client.ConnectAsync(alice, ("resource", $"{_cluster.BaseUrl}/mcp/notes"))).Text("access_token")!;
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _cluster.DisposeAsync();
        await _notes.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task Both_follow_what_changes_serve_each_others_sessions_and_one_goes_on_when_the_other_dies()
    {
        await ChangesReachBothAsync();
        await OneGoesOnAsync();
    }

    private async Task ChangesReachBothAsync()
    {
        Assert.That(await _cluster.RunAsync("servers", "add", "more", "--url", _notes.Url), Does.Contain($"{_cluster.BaseUrl}/mcp/more"));
        await Task.WhenAll(Both(node => Until.TrueAsync(
            async () => (await new McpCaller(node.Http) { Path = "/mcp/more" }.CallAsync("tools/list")).Status == (int)HttpStatusCode.Unauthorized, "the server that was added is served by both")));

        await File.WriteAllTextAsync(PolicyFile, """{ "Rules": [ { "Tools": "delete_note", "Effect": "deny" }, { "Effect": "allow" } ] }""");
        await Task.WhenAll(Both(node => Until.TrueAsync(
            async () => (await new McpCaller(node.Http) { Path = "/mcp/notes" }.CallToolAsync("delete_note", _token)).Reason == "policy_denied", "the file acts on both")));
    }

    // A session goes on at any node, and a stream of one that dies is opened again at the other.
    private async Task OneGoesOnAsync()
    {
        var (a, b) = (_cluster.Node(0), _cluster.Node(1));
        var session = await OpenAsync(a.Http);
        Assert.That(await CountAsync(a.Http, session), Is.EqualTo("1"));
        Assert.That(await CountAsync(b.Http, session), Is.EqualTo("2"));
        Assert.That(await CountAsync(_cluster.Http, session), Is.EqualTo("3"));

        // Through the proxy a client does not know where it is; here it is on the one that is killed.
        using var stream = await ListenAsync(a.Http, session);
        Assert.That((stream.StatusCode, stream.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.OK, "text/event-stream")));
        var ended = EndOfAsync(stream);
        await _cluster.KillAsync(0);
        await ended;

        await Until.TrueAsync(async () =>
        {
            using var again = await ListenAsync(_cluster.Http, session);
            return again.StatusCode == HttpStatusCode.OK;
        }, "the stream is opened again at the other node");
        Assert.That(await CountAsync(_cluster.Http, session), Is.EqualTo("4"), "the session is the fronted server's");
    }

    private IEnumerable<Task> Both(Func<ServerProcess, Task> check) => [check(_cluster.Node(0)), check(_cluster.Node(1))];

    private async Task<string> OpenAsync(HttpClient http)
    {
        using var opened = await SendAsync(http, null, "initialize", new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "test", version = "1" } });
        Assert.That(opened.StatusCode, Is.EqualTo(HttpStatusCode.OK), await opened.Content.ReadAsStringAsync());
        return opened.Headers.GetValues(Header).Single();
    }

    private async Task<string> CountAsync(HttpClient http, string session)
    {
        using var answer = await SendAsync(http, session, "tools/call", new { name = "count", arguments = new { } });
        var events = await answer.Content.ReadAsStringAsync();
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), events);
        return JsonDocument.Parse(events[(events.IndexOf("data: ", StringComparison.Ordinal) + 6)..].Trim()).RootElement.GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString()!;
    }

    private async Task<HttpResponseMessage> ListenAsync(HttpClient http, string session)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/mcp/notes") { Headers = { { Header, session }, { "Accept", "text/event-stream" } } };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpClient http, string? session, string method, object parameters)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/notes")
        {
            Content = new StringContent(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 1, method, @params = parameters }), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        request.Headers.Add("Accept", "application/json, text/event-stream");
        if (session is not null)
        {
            request.Headers.Add(Header, session);
        }

        return await http.SendAsync(request);
    }

    // It ends, or breaks off; as long as it does neither, this waits.
    private static async Task EndOfAsync(HttpResponseMessage stream)
    {
        try
        {
            await using var body = await stream.Content.ReadAsStreamAsync();
            await body.CopyToAsync(Stream.Null);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
        }
    }
}
