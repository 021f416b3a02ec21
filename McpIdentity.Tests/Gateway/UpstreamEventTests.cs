using System.Collections.Concurrent;
using System.Net;
using System.Text;
using McpIdentity.Server.Policy;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Gateway;

/// <summary>What a server tells without being asked, and where it comes: nothing of what its reader may not have (docs/gateway.md, "Sessions and streams").</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class UpstreamEventTests
{
    private const string Open = """{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"notes://open/ü","_meta":{"uri":"notes://hidden/not-it"}}}""";
    private const string Question = """{"jsonrpc":"2.0","id":9,"method":"roots/list","params":{"uri":"notes://hidden/of-a-question"}}""";

    private readonly ConcurrentDictionary<string, Func<HttpContext, Task>> _scripts = new(StringComparer.Ordinal);
    private Upstream _upstream = null!;
    private TestServer _server = null!;
    private string _token = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await Upstream.StartAsync(AnswerAsync);
        _server = await TestServer.StartAsync(
            $"Gateway:Servers:notes:Url={_upstream.Url}", "Gateway:CatalogueRefresh=0",
            "Policy:Rules:0:Servers=notes", "Policy:Rules:0:Tools=hidden,resource:notes://hidden*", "Policy:Rules:0:Effect=deny", "Policy:Rules:1:Servers=notes", "Policy:Rules:1:Effect=allow");
        _token = await _server.TokenForAsync("notes");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    // MCP 2025-11-25, transports, "Listening for Messages" and "Resumability": an answer that was missed comes on such a stream too.
    [TestCase("GET", null, "\n"), TestCase("GET", "41", "\r\n"), TestCase("GET", null, "\r"), TestCase("subscriptions/listen", null, "\n")]
    public async Task What_its_reader_may_not_have_is_in_no_stream(string method, string? lastEvent, string line)
    {
        string[] events =
        [
            "id: 42\ndata: \n\n",
            """data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"notes://hidden/plain"}}""" + "\n\n",
            """data: {"jsonrpc":"2.0","params":{"uri":"notes:\/\/hidden/escaped"},"method":"notifications\/resources\/\u0075pdated"}""" + "\n\n",
            """data: {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"title":"hidden, without an address"}}""" + "\n\n",
            ": a comment with notes://hidden\n\n",
            $"event: message\nid: 43\nretry: 2000\ndata: {Open}\n\n",
            "data: {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"resources\":[\ndata: {\"uri\":\"notes://hidden/listed\"},{\"uri\":\"notes://open/listed\"}]}}\n\n",
            """data: {"jsonrpc":"2.0","id":4,"result":{"tools":[{"name":"hidden"},{"name":"seen"}],"nextCursor":"c"}}""" + "\n\n",
            $"data: {Question}\n\n",
        ];
        var bytes = Encoding.UTF8.GetBytes("\uFEFF" + string.Concat(events).Replace("\n", line, StringComparison.Ordinal));
        var name = Begin(async context =>
        {
            // In pieces, of which one ends in the middle of a character.
            var middle = Array.IndexOf(bytes, Encoding.UTF8.GetBytes("ü")[0]) + 1;
            foreach (var (from, to) in new[] { (0, 1), (1, middle), (middle, bytes.Length - 1), (bytes.Length - 1, bytes.Length) })
            {
                await context.Response.Body.WriteAsync(bytes.AsMemory(from, to - from));
                await context.Response.Body.FlushAsync();
            }
        });

        using var stream = await OpenAsync(name, method, lastEvent);
        var read = await stream.Content.ReadAsStringAsync();

        Assert.Multiple(() =>
        {
            Assert.That(stream.StatusCode, Is.EqualTo(HttpStatusCode.OK), read);
            Assert.That(read, Does.Not.Contain("data: \n\n"), "what is left out leaves nothing");
            Assert.That(read.Replace("notes://hidden/not-it", "", StringComparison.Ordinal).Replace("notes://hidden/of-a-question", "", StringComparison.Ordinal), Does.Not.Contain("hidden").And.Not.Contain("comment"));
            Assert.That(read, Does.Contain(Open).And.Contain("notes://open/listed").And.Contain("\"seen\"").And.Contain(Question).And.Contain("\"nextCursor\":\"c\""));
            Assert.That(read, Does.Contain("id: 42").And.Contain("id: 43").And.Contain("retry: 2000"));
        });
    }

    [TestCase("""{"notifications":{"resourceSubscriptions":["notes://open/a","notes://hidden/b"]}}""", 403)]
    [TestCase("""{"notifications":{"resourceSubscriptions":["NOTES://hidden/b"]}}""", 403)]
    [TestCase("""{"notifications":{"resourceSubscriptions":"notes://hidden/b"}}""", 400)]
    [TestCase("""{"notifications":{"resourceSubscriptions":[["notes://hidden/b"]]}}""", 400)]
    [TestCase("""{"notifications":[{"resourceSubscriptions":["notes://hidden/b"]}]}""", 400)]
    [TestCase("""{"notifications":{"ResourceSubscriptions":["notes://hidden/b"]}}""", 400)]
    [TestCase("""{"Notifications":{"resourceSubscriptions":["notes://hidden/b"]}}""", 400)]
    [TestCase("""{"notifications":{"resourceSubscriptions":["notes://open/a"],"toolsListChanged":true}}""", 200)]
    [TestCase("""{"notifications":{"resourceSubscriptions":null}}""", 200)]
    [TestCase("{}", 200)]
    public async Task A_subscription_is_judged_by_each_address_that_it_names(string parameters, int status)
    {
        var name = Begin(context => context.Response.WriteAsync($"data: {Open}\n\n"));

        using var stream = await OpenAsync(name, "subscriptions/listen", null, parameters);

        var text = await stream.Content.ReadAsStringAsync();
        Assert.That((int)stream.StatusCode, Is.EqualTo(status), text);
        Assert.That(_scripts.ContainsKey(name), Is.EqualTo(status != 200), "whether it went on");
        Assert.That(text, status == 403 ? Does.Contain("policy_denied") : Does.Not.Contain("policy_denied"));
    }

    // Each is judged by the rules: so many that it takes seconds are none that anybody means.
    [TestCase(1000, 200), TestCase(1001, 400)]
    public async Task A_subscription_names_a_thousand_addresses_at_most(int count, int status)
    {
        var name = Begin(context => context.Response.WriteAsync($"data: {Open}\n\n"));

        var addresses = string.Join(',', Enumerable.Range(0, count).Select(i => $"\"notes://open/{i}\""));
        using var stream = await OpenAsync(name, "subscriptions/listen", null, """{"notifications":{"resourceSubscriptions":[""" + addresses + "]}}");

        Assert.That((int)stream.StatusCode, Is.EqualTo(status));
    }

    // A proxy between closes what is silent, as nginx does after a minute; servers send comments against it.
    [Test]
    public async Task What_keeps_a_stream_open_there_keeps_it_open_here()
    {
        var isRead = new TaskCompletionSource();
        var name = Begin(async context =>
        {
            await context.Response.WriteAsync(": ping\n\n");
            await context.Response.Body.FlushAsync();
            await isRead.Task.WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync($"data: {Open}\n\n");
        });

        using var stream = await OpenAsync(name, "GET");
        using var body = new StreamReader(await stream.Content.ReadAsStreamAsync());
        var first = await body.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
        isRead.SetResult();

        Assert.That(first, Is.EqualTo(":"));
        Assert.That(await body.ReadToEndAsync(), Does.Contain(Open));
    }

    [Test]
    public async Task An_event_is_judged_by_the_policy_of_its_moment()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("policy.json"), """{ "Rules": [ { "Servers": "notes", "Effect": "allow" } ] }""");
        await using var server = await TestServer.StartAsync($"Gateway:Servers:notes:Url={_upstream.Url}", "Gateway:CatalogueRefresh=0", $"Policy:File={folder.File("policy.json")}");
        var second = new TaskCompletionSource();
        var name = Begin(async context =>
        {
            await context.Response.WriteAsync($"data: {Open}\n\n");
            await context.Response.Body.FlushAsync();
            await second.Task.WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync($"data: {Open}\n\ndata: {Question}\n\n");
        });
        using var stream = await OpenAsync(server, await server.TokenForAsync("notes"), name, "GET");
        using var body = new StreamReader(await stream.Content.ReadAsStreamAsync());
        Assert.That(await body.ReadLineAsync(), Is.EqualTo("event: message").Or.EqualTo($"data: {Open}"));

        await File.WriteAllTextAsync(folder.File("policy.json"), """{ "Rules": [ { "Servers": "notes", "Tools": "resource:*", "Effect": "deny" }, { "Servers": "notes", "Effect": "allow" } ] }""");
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        var policy = server.Services.GetRequiredService<PolicyInForce>();
        await Until.TrueAsync(() => policy.Current.Decide(new PolicyCaller("somebody", "app"), "notes", new PolicyTarget(PolicyTargetKind.Resource, "notes://open")).Effect == PolicyEffect.Deny, "the file is read again");
        second.SetResult();

        var rest = await body.ReadToEndAsync();
        Assert.That(rest.Split(Open), Has.Length.LessThanOrEqualTo(2), "the second is left out");
        Assert.That(rest, Does.Contain(Question));
    }

    // The server behind knows its script by a header that goes on.
    private string Begin(Func<HttpContext, Task> script)
    {
        var name = Guid.NewGuid().ToString("N");
        _scripts[name] = script;
        return name;
    }

    private Task<HttpResponseMessage> OpenAsync(string name, string method, string? lastEvent = null, string parameters = "{}") =>
        OpenAsync(_server, _token, name, method, lastEvent, parameters);

    private static async Task<HttpResponseMessage> OpenAsync(TestServer server, string token, string name, string method, string? lastEvent = null, string parameters = "{}")
    {
        using var request = new HttpRequestMessage(method == "GET" ? HttpMethod.Get : HttpMethod.Post, "/mcp/notes")
        {
            Headers = { { "Authorization", "Bearer " + token }, { "Accept", "application/json, text/event-stream" }, { "Mcp-Param-Script", name } },
        };
        if (lastEvent is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEvent);
        }

        if (method != "GET")
        {
            request.Content = new StringContent($$"""{"jsonrpc":"2.0","id":7,"method":"{{method}}","params":{{parameters}}}""", Encoding.UTF8, "application/json");
        }

        return await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private Task AnswerAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        return _scripts.TryRemove(context.Request.Headers["Mcp-Param-Script"].ToString(), out var script) ? script(context) : Task.CompletedTask;
    }
}
