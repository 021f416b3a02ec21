using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Gateway;

/// <summary>Two people, two clients, two servers, all at once: nothing of one reaches another.</summary>
[Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class IsolationTests
{
    private const int Calls = 10_000;

    [Test]
    public async Task No_answer_session_token_or_list_of_one_reaches_another()
    {
        await using var one = await StartAsync("one");
        await using var two = await StartAsync("two");
        await using var server = await TestServer.StartAsync(
            $"Gateway:Servers:one:Url={one.Url}", "Gateway:Servers:one:Upstream:Auth=Identity", $"Gateway:Servers:two:Url={two.Url}", "Gateway:Servers:two:Upstream:Auth=Identity",
            "Policy:Rules:0:Users=bob@example.com", "Policy:Rules:0:Tools=alice_*", "Policy:Rules:0:Effect=deny", "Policy:Rules:1:Users=alice@example.com", "Policy:Rules:1:Tools=bob_*", "Policy:Rules:1:Effect=deny", "Policy:Rules:2:Effect=allow");
        var callers = new List<Caller>();
        foreach (var user in new[] { "alice", "bob" })
        {
            using var person = new Person(server, user);
            foreach (var name in new[] { "one", "two" })
            {
                for (var client = 0; client < 2; client++)
                {
                    var token = await server.TokenForAsync(name, person);
                    callers.Add(new Caller(server.Http, user, name, token, await OpenAsync(server.Http, name, token)));
                }
            }
        }

        var problems = (await Task.WhenAll(callers.Select(caller => CallAsync(caller, callers)))).SelectMany(found => found);

        Assert.That(problems.Take(5), Is.Empty);
    }

    private static async Task<List<string>> CallAsync(Caller caller, List<Caller> all)
    {
        var own = new JsonWebToken(caller.Token);
        var problems = new List<string>();
        for (var i = 0; i < Calls / all.Count; i++)
        {
            var marker = $"{caller.User} {caller.Server} {own.Id} {i}";
            var (status, answer) = i % 10 == 0 ? await caller.SendAsync("tools/list", new { marker }, caller.Session) : await caller.SendAsync("tools/call", new { name = $"{caller.User}_tool", arguments = new { marker } }, caller.Session);
            var other = caller.User == "alice" ? "bob" : "alice";
            if (status != 200 || (i % 10 == 0
                ? !answer.Contains($"{caller.User}_tool", StringComparison.Ordinal) || answer.Contains($"{other}_tool", StringComparison.Ordinal)
                : !answer.Contains($"{caller.Server}|{own.Subject}|{own.GetClaim("client_id").Value}|{caller.Session.Length > 0}|{marker}", StringComparison.Ordinal)))
            {
                problems.Add($"{marker}: {status} {answer}");
            }

            if (i % 100 == 0)
            {
                foreach (var stranger in all.Where(stranger => stranger != caller))
                {
                    var (refused, text) = await caller.SendAsync("tools/call", new { name = $"{caller.User}_tool", arguments = new { marker } }, stranger.Session);
                    if (refused != 404)
                    {
                        problems.Add($"{marker} in the session of {stranger.User} at {stranger.Server}: {refused} {text}");
                    }
                }
            }
        }

        return problems;
    }

    private static async Task<string> OpenAsync(HttpClient http, string name, string token)
    {
        using var request = Request(name, token, "initialize", new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "test", version = "1" } }, null);
        using var opened = await http.SendAsync(request);
        return opened.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private static HttpRequestMessage Request(string server, string token, string method, object parameters, string? session)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/mcp/{server}")
        {
            Content = new StringContent(JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 1, method, @params = parameters }), Encoding.UTF8, "application/json"),
            Headers = { { "Authorization", "Bearer " + token }, { "Accept", "application/json, text/event-stream" } },
        };
        if (session is not null)
        {
            request.Headers.Add("Mcp-Session-Id", session);
        }

        return request;
    }

    // Says who it was told calls, by the JWT that it was shown, in which session, and what was asked.
    private static Task<Upstream> StartAsync(string name) => Upstream.StartAsync(async context =>
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        var (method, parameters) = (body.RootElement.GetProperty("method").GetString(), body.RootElement.GetProperty("params"));
        var said = new JsonWebToken(context.Request.Headers.Authorization.ToString()["Bearer ".Length..]);
        if (method == "initialize")
        {
            context.Response.Headers["Mcp-Session-Id"] = $"{said.Subject}-{said.Id}";
        }

        object result = method switch
        {
            "tools/list" => new { tools = new[] { new { name = "alice_tool" }, new { name = "bob_tool" } } },
            "tools/call" => new
            {
                text = $"{name}|{said.Subject}|{JsonDocument.Parse(said.GetClaim("act").Value).RootElement.Text("sub")}|" +
                    $"{context.Request.Headers["Mcp-Session-Id"].ToString().StartsWith(said.Subject, StringComparison.Ordinal)}|{parameters.GetProperty("arguments").Text("marker")}",
            },
            _ => new { },
        };
        await context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 1, result });
    });

    private sealed record Caller(HttpClient Http, string User, string Server, string Token, string Session)
    {
        public async Task<(int Status, string Answer)> SendAsync(string method, object parameters, string session)
        {
            using var request = Request(Server, Token, method, parameters, session);
            using var answer = await Http.SendAsync(request);
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }
    }
}
