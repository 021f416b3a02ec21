using System.IO.Compression;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Gateway;

/// <summary>Servers that are slow, dead, huge, lying or hostile: each harms its own caller at most, who is told in JSON-RPC.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class HostileUpstreamTests
{
    private static readonly Dictionary<string, (RequestDelegate Answer, int Status, string Reason)> Kinds = new()
    {
        ["an error page"] = (context => Write(context, 200, "text/html", "<h1>It works!</h1>"), 502, "upstream_answer"),
        ["an error of its own"] = (context => Write(context, 500, "text/plain", "stack trace"), 502, "upstream_answer"),
        ["its own refusal of us"] = (context => Write(context, 401, "application/json", "{}", ("WWW-Authenticate", "Bearer realm=\"them\"")), 502, "upstream_answer"),
        ["a redirect to a metadata address"] = (context => Write(context, 307, "", "", ("Location", "http://169.254.169.254/latest/meta-data/")), 502, "upstream_answer"),
        ["a bomb that is packed"] = (BombAsync, 502, "upstream_answer"),
        ["ten megabytes of description"] = (context => Write(context, 200, "application/json", List(new string('a', 10 * 1024 * 1024))), 502, "upstream_answer"),
        ["a list without an end"] = (EndlessAsync, 502, "upstream_answer"),
        ["an event without an end"] = (EndlessEventAsync, 502, "upstream_answer"),
        ["broken JSON"] = (context => Write(context, 200, "application/json", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":["), 502, "upstream_answer"),
        ["a member that stands twice"] = (context => Write(context, 200, "application/json", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[],\"tools\":[{\"name\":\"secret\"}]}}"), 502, "upstream_answer"),
        ["half a character in a name"] = (context => Write(context, 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"\\ud800\"}]}}\n\n"), 502, "upstream_answer"),
        ["broken JSON in an event"] = (context => Write(context, 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":7,\ndata: \"result\":\n\n"), 502, "upstream_answer"),
        ["a batch in an event"] = (context => Write(context, 200, "text/event-stream", "data: [{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[]}}]\n\n"), 502, "upstream_answer"),
        ["JSON that is too deep"] = (context => Write(context, 200, "application/json", $"{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{{\"tools\":[{{\"name\":\"a\",\"inputSchema\":{new string('[', 10_000)}{new string(']', 10_000)}}}]}}}}"), 502, "upstream_answer"),
        ["an event in the place of a list"] = (context => Write(context, 200, "application/json", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{}}"), 502, "upstream_answer"),
        ["a batch"] = (context => Write(context, 200, "application/json", "[{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}]"), 502, "upstream_answer"),
        ["nothing, and hangs up"] = (context => Abort(context), 502, "upstream_unreachable"),
    };

    private readonly List<Upstream> _upstreams = [];
    private TestServer _server = null!;
    private Person _alice = null!;

    private static IEnumerable<string> Names => Kinds.Keys;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var settings = new List<string>();
        foreach (var (answer, _, _) in Kinds.Values.Append((context => Write(context, 200, "application/json", List("fine")), 200, "")))
        {
            _upstreams.Add(await Upstream.StartAsync(answer));
            settings.Add($"Gateway:Servers:s{_upstreams.Count - 1}:Url={_upstreams[^1].Url}");
        }

        _server = await TestServer.StartAsync(GatewayScene.Open(_upstreams[0].Url, [.. settings]));
        _alice = new Person(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _alice.Dispose();
        await _server.DisposeAsync();
        foreach (var upstream in _upstreams)
        {
            await upstream.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Names))]
    public async Task A_list_of_it_is_refused_in_JSON_RPC_and_another_server_goes_on(string kind)
    {
        var (_, status, reason) = Kinds[kind];
        var (hostile, fine) = ($"s{Kinds.Keys.ToList().IndexOf(kind)}", $"s{Kinds.Count}");

        var refused = await _server.CallerOf(hostile).CallAsync("tools/list", bearer: await _server.TokenForAsync(hostile, _alice));

        Assert.Multiple(() =>
        {
            Assert.That((refused.Status, refused.Reason), Is.EqualTo((status, reason)), refused.Body);
            Assert.That(refused.Json.GetProperty("id").GetInt32(), Is.EqualTo(7));
        });
        Assert.That((await _server.CallerOf(fine).CallAsync("tools/list", bearer: await _server.TokenForAsync(fine, _alice))).Tools, Is.EqualTo(new[] { "tool" }));
    }

    [Test]
    public async Task A_dead_one_is_left_alone_after_some_calls_and_tried_again_later()
    {
        var isDead = true;
        await using var upstream = await Upstream.StartAsync(context => isDead ? Write(context, 503, "text/plain", "down") : Write(context, 200, "application/json", List("back")));
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url));
        var token = await server.TokenForAsync("notes");

        var statuses = new List<int>();
        while (statuses.Count < 40 && (statuses.Count == 0 || statuses[^1] != 503))
        {
            statuses.Add((await server.CallerOf("notes").CallAsync("tools/list", bearer: token)).Status);
        }

        var asked = upstream.Requests.Count;
        var refused = await server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        var stream = await StreamAsync(server, token);
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        var tried = await server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        var stillRefused = await server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        isDead = false;
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        var again = await server.CallerOf("notes").CallAsync("tools/list", bearer: token);

        Assert.Multiple(() =>
        {
            Assert.That((refused.Status, refused.Reason), Is.EqualTo((503, "upstream_unavailable")), refused.Body);
            Assert.That((stream.Status, stream.Reason), Is.EqualTo((503, "upstream_unavailable")), "what waits for news, too");
            Assert.That((tried.Status, tried.Reason), Is.EqualTo((502, "upstream_answer")), "one call tries whether it is back");
            Assert.That((stillRefused.Status, stillRefused.Reason), Is.EqualTo((503, "upstream_unavailable")), "and the others wait again");
            Assert.That(upstream.Requests.Count - 2, Is.EqualTo(asked), "it was not asked while it was left alone, and once after each time");
            Assert.That(again.Tools, Is.EqualTo(new[] { "tool" }));
        });
    }

    private static async Task<McpAnswer> StreamAsync(TestServer server, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/mcp/notes") { Headers = { { "Authorization", "Bearer " + token }, { "Accept", "text/event-stream" } } };
        using var response = await server.Http.SendAsync(request);
        return await McpAnswer.ReadAsync(response);
    }

    // What only their own call meets is no failure of the server: a header that cannot be sent, an error for bad arguments.
    [Test]
    public async Task One_caller_does_not_take_it_from_the_others()
    {
        await using var upstream = await Upstream.StartAsync(context => context.Request.Method == "POST" && context.Request.Headers.ContainsKey("Mcp-Param-Bad")
            ? Write(context, 500, "application/json", "{}") : Write(context, 200, "application/json", List("fine")));
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url));
        var (alice, bob) = (await server.TokenForAsync("notes"), await server.TokenForAsync("notes", "bob"));

        for (var i = 0; i < 20; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/notes") { Content = new StringContent("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}", Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + alice);
            request.Headers.TryAddWithoutValidation("Mcp-Param-Bad", "1");
            using var answer = await server.Http.SendAsync(request);
            Assert.That((int)answer.StatusCode, Is.EqualTo(502));
        }

        Assert.That((await server.CallerOf("notes").CallAsync("tools/list", bearer: bob)).Status, Is.EqualTo(200));
    }

    // Express answers so, and Flask: without it no client of theirs would get past its first notification.
    [TestCase(202, "text/plain", "Accepted"), TestCase(202, "text/html", ""), TestCase(204, "", ""), TestCase(400, "text/plain", "Bad Request"), TestCase(404, "text/html", "<h1>Not found</h1>"), TestCase(405, "application/json", "")]
    public async Task What_the_status_says_needs_no_body(int status, string type, string body)
    {
        await using var upstream = await Upstream.StartAsync(context => Write(context, status, type, body));
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url));

        var token = await server.TokenForAsync("notes");

        foreach (var answer in new[] { await server.CallerOf("notes").CallAsync("notifications/initialized", bearer: token), await StreamAsync(server, token) })
        {
            Assert.That((answer.Status, answer.Body), Is.EqualTo((status, "")));
        }
    }

    [Test]
    public async Task One_that_does_not_answer_in_time_is_504()
    {
        var asked = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url, "Gateway:Servers:notes:Timeout=00:00:30"));
        var token = await server.TokenForAsync("notes");

        var call = server.CallerOf("notes").CallToolAsync("anything", token);
        await asked.Task;
        server.Clock.Advance(TimeSpan.FromSeconds(31));
        var refused = await call;

        Assert.That((refused.Status, refused.Reason), Is.EqualTo((504, "upstream_timeout")), refused.Body);
    }

    [Test]
    public async Task More_calls_than_it_is_given_at_once_are_503_and_others_go_on()
    {
        var release = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            asked.TrySetResult();
            await release.Task;
            await Write(context, 200, "application/json", List("late"));
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(upstream.Url, "Gateway:Servers:notes:MaxConcurrentCalls=1"));
        var token = await server.TokenForAsync("notes");

        var first = server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        await asked.Task;
        var second = await server.CallerOf("notes").CallAsync("tools/list", bearer: token);
        release.SetResult();

        Assert.That((second.Status, second.Reason), Is.EqualTo((503, "upstream_busy")), second.Body);
        Assert.That((await first).Status, Is.EqualTo(200));
        Assert.That((await server.CallerOf("notes").CallAsync("tools/list", bearer: token)).Status, Is.EqualTo(200));
    }

    private static Task Abort(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    private static async Task BombAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.ContentEncoding = "gzip";
        await using var packed = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
        await packed.WriteAsync(new byte[64 * 1024], context.RequestAborted);
    }

    private static async Task EndlessAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"tool\",\"description\":\"");
        await WriteForEverAsync(context);
    }

    private static async Task EndlessEventAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync("data: ");
        await WriteForEverAsync(context);
    }

    private static async Task WriteForEverAsync(HttpContext context)
    {
        var some = Encoding.ASCII.GetBytes(new string('a', 64 * 1024));
        while (!context.RequestAborted.IsCancellationRequested)
        {
            await context.Response.Body.WriteAsync(some, context.RequestAborted);
        }
    }

    private static string List(string description) => JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 7, result = new { tools = new[] { new { name = "tool", description, inputSchema = new { type = "object" } } } } });

    private static Task Write(HttpContext context, int status, string type, string body, params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type.Length > 0 ? type : null;
        if (status == 204)
        {
            return Task.CompletedTask;
        }

        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        return context.Response.WriteAsync(body);
    }
}
