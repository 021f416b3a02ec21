using System.Collections.Concurrent;
using System.Net;
using System.Text;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Gateway;

/// <summary>What one caller takes of a server is theirs: the others have places, and no breaker opens by it (docs/gateway.md, "When a server fails").</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class UpstreamLimitTests
{
    private const string Answer = """{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"fine"}]}}""";

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _arrived = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gone = new(StringComparer.Ordinal);
    private Upstream _upstream = null!;
    private TestServer _server = null!;
    private Person _alice = null!;
    private Person _bob = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await Upstream.StartAsync(AnswerAsync);
        _server = await TestServer.StartAsync(
        [
            "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", "Gateway:Servers:calls:MaxCallsPerCaller=1", "Gateway:Servers:streams:MaxStreamsPerCaller=1",
            .. new[] { "calls", "streams", "leaving" }.Select(name => $"Gateway:Servers:{name}:Url={_upstream.Url}?{name}"),
        ]);
        (_alice, _bob) = (new Person(_server), new Person(_server, "bob"));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _alice.Dispose();
        _bob.Dispose();
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [TestCase("calls", "POST"), TestCase("streams", "GET")]
    public async Task Nobody_takes_the_places_of_another_person_or_another_app_and_each_is_given_back(string name, string method)
    {
        var (alice, anotherApp, bob) = (await _server.TokenForAsync(name, _alice), await _server.TokenForAsync(name, _alice), await _server.TokenForAsync(name, _bob));
        for (var round = 0; round < 3; round++)
        {
            using var leaving = new CancellationTokenSource();
            var first = await WaitingAsync(name, method, alice, leaving.Token);
            using var second = await SendAsync(name, method, alice, "at-once");
            using var others = await SendAsync(name, method, anotherApp, "at-once");
            using var theirs = await SendAsync(name, method, bob, "at-once");
            var refused = await McpAnswer.ReadAsync(second);

            Assert.Multiple(() =>
            {
                Assert.That((refused.Status, refused.Reason), Is.EqualTo((503, "upstream_busy")), refused.Body);
                Assert.That(second.Headers.RetryAfter?.ToString(), Is.EqualTo("1"));
                Assert.That((others.StatusCode, theirs.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
            });
            await leaving.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(async () => (await first).Dispose());
            await Until.TrueAsync(async () =>
            {
                using var again = await SendAsync(name, method, alice, "at-once");
                return again.StatusCode == HttpStatusCode.OK;
            }, "the place of who went away is free");
        }
    }

    // A person who is impatient, or means harm, opens no breaker.
    [Test]
    public async Task Whoever_goes_away_takes_nothing_from_the_others()
    {
        var (alice, bob) = (await _server.TokenForAsync("leaving", _alice), await _server.TokenForAsync("leaving", _bob));
        for (var i = 0; i < 20; i++)
        {
            using var leaving = new CancellationTokenSource();
            var call = await WaitingAsync("leaving", "POST", alice, leaving.Token);
            await leaving.CancelAsync();
            await Assert.CatchAsync<OperationCanceledException>(async () => (await call).Dispose());
            Assert.That(await Of(_gone, "leaving").WaitAsync(TimeSpan.FromMinutes(1)), "the server behind hears of it");
        }

        using var answer = await SendAsync("leaving", "POST", bob, "at-once");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
    }

    // A place is free a moment after the answer of who had it: until then whoever comes is refused.
    private async Task<Task<HttpResponseMessage>> WaitingAsync(string name, string method, string token, CancellationToken cancel)
    {
        while (true)
        {
            var call = SendAsync(name, method, token, "waits", cancel);
            using var refused = new CancellationTokenSource();
            var arrives = Of(_arrived, name).WaitAsync(TimeSpan.FromMinutes(1), refused.Token);
            if (await Task.WhenAny(call, arrives) == arrives)
            {
                Assert.That(await arrives, "it arrives at the server behind");
                return call;
            }

            await refused.CancelAsync();
            using var answer = await call;
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        }
    }

    private Task<HttpResponseMessage> SendAsync(string name, string method, string token, string what, CancellationToken cancel = default)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"/mcp/{name}") { Headers = { { "Authorization", "Bearer " + token }, { "Accept", "application/json, text/event-stream" }, { "Mcp-Param-What", what } } };
        request.Content = method == "GET" ? null : new StringContent("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"any"}}""", Encoding.UTF8, "application/json");
        return _server.Http.SendAsync(request, what == "waits" ? HttpCompletionOption.ResponseContentRead : HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var name = context.Request.QueryString.Value![1..];
        var isStream = HttpMethods.IsGet(context.Request.Method);
        context.Response.ContentType = isStream ? "text/event-stream" : "application/json";
        if (context.Request.Headers["Mcp-Param-What"] != "waits")
        {
            await context.Response.WriteAsync(isStream ? $"data: {Answer}\n\n" : Answer);
            return;
        }

        Of(_arrived, name).Release();
        try
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        finally
        {
            Of(_gone, name).Release();
        }
    }

    private static SemaphoreSlim Of(ConcurrentDictionary<string, SemaphoreSlim> moments, string name) => moments.GetOrAdd(name, _ => new SemaphoreSlim(0));
}
