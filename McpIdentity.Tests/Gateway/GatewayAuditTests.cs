using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace McpIdentity.Tests.Gateway;

/// <summary>Every call of a server behind this one is in the security log, with what became of it, and never with what was said.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class GatewayAuditTests
{
    [Test]
    public async Task A_call_is_one_line_with_who_what_where_by_which_rule_and_how_long()
    {
        using var folder = new TemporaryFolder();
        var log = Path.Combine(folder.Path, "security.log");
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = new[] { new { type = "text", text = "a secret answer" } } } }));
        string token;
        await using (var server = await TestServer.StartAsync(GatewayScene.Open(
            upstream.Url, "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={log}",
            "Policy:Rules:0:Tools=open_*", "Policy:Rules:1:Effect=allow", "Policy:Rules:1:Tools=resource:notes://open")))
        {
            token = await server.TokenForAsync("notes");
            var caller = server.CallerOf("notes");
            await caller.CallToolAsync("open_door", token, new { key = "a secret argument" });
            await caller.CallToolAsync("closed_door", token);
            await caller.CallAsync("resources/read", new { uri = "notes://open" }, token);
        }

        var text = await File.ReadAllTextAsync(log);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.Text("server") == "notes").ToList();
        Assert.That(lines.Select(line => (line.Text("event"), line.Text("result"), line.Text("tool"), line.Text("rule"))), Is.EqualTo(new[]
        {
            ("gateway_call", "success", "open_door", "Policy:Rules:0"), ("policy_denied", "failure", "closed_door", "default"), ("gateway_call", "success", "notes://open", "Policy:Rules:1"),
        }));
        Assert.Multiple(() =>
        {
            foreach (var member in new[] { "subject", "client_id", "session_id", "grant_id", "trace_id", "address", "method" })
            {
                Assert.That(lines[0].Text(member), Is.Not.Empty, member);
            }

            Assert.That(lines[0].GetProperty("milliseconds").GetInt64(), Is.GreaterThanOrEqualTo(0));
            Assert.That(text, Does.Not.Contain("a secret").And.Not.Contain(token));
        });
    }

    // What the gateway itself does not read, as an error in an answer, is an answer.
    [Test]
    public async Task Whatever_becomes_of_a_call_is_one_line_that_says_it()
    {
        using var folder = new TemporaryFolder();
        var log = Path.Combine(folder.Path, "security.log");
        var (asked, release) = (new SemaphoreSlim(0), new TaskCompletionSource());
        await using var upstream = await Upstream.StartAsync(async context =>
        {
            using var body = HttpMethods.IsPost(context.Request.Method) ? await JsonDocument.ParseAsync(context.Request.Body) : null;
            var what = body is null ? "stream" : body.RootElement.GetProperty("params").Text("name");
            context.Response.ContentType = what == "stream" ? "text/event-stream" : "application/json";
            switch (what)
            {
                case "broken":
                    context.Response.StatusCode = 500;
                    return;
                case "dead":
                    context.Response.StatusCode = 503;
                    return;
                case "hangs-up":
                    context.Abort();
                    return;
                case "waits":
                    asked.Release();
                    await release.Task;
                    break;
                case "never" or "stream":
                    await context.Response.Body.FlushAsync();
                    asked.Release();
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                    return;
            }

            var result = what switch { "error" => """ "error":{"code":-32602,"message":"no"}""", "fails" => """ "result":{"isError":true,"content":[]}""", _ => """ "result":{"content":[]}""" };
            await context.Response.WriteAsync($$"""{"jsonrpc":"2.0","id":7,{{result}} }""");
        });
        await File.WriteAllTextAsync(folder.File("key"), "theirs");
        var expected = new List<(string Server, string What, string Event, string Result, string? Reason)>();
        await using (var server = await TestServer.StartAsync(
        [
            "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={log}", "Gateway:CatalogueRefresh=0", "Mcp:RateLimiting:Enabled=true",
            "Mcp:RateLimiting:MaxRequests=1000", "Mcp:RateLimiting:MaxToolCalls=1000", "Gateway:Servers:limited:MaxToolCalls=1", "Gateway:Servers:busy:MaxConcurrentCalls=1",
            "Gateway:Servers:notes:Scopes:notes:read=Read", "Gateway:Servers:notes:Scopes:notes:write=Write", "Gateway:Servers:notes:Tools:needs-more=notes:write",
            "Gateway:Servers:secret:Upstream:Auth=Header", "Gateway:Servers:secret:Upstream:Header=X-Key", $"Gateway:Servers:secret:Upstream:ValueFile={folder.File("key")}",
            "Policy:Rules:0:Tools=denied", "Policy:Rules:0:Effect=deny", "Policy:Rules:1:Tools=asked-for", "Policy:Rules:1:Effect=ask", "Policy:Rules:2:Effect=allow",
            .. new[] { "notes", "limited", "busy", "fails", "dead", "secret" }.Select(name => $"Gateway:Servers:{name}:Url={upstream.Url}"),
        ]))
        {
            File.Delete(folder.File("key"));
            using var alice = new Person(server);
            var tokens = new Dictionary<string, string>();
            foreach (var name in (string[])["limited", "busy", "fails", "dead", "secret"])
            {
                tokens[name] = await server.TokenForAsync(name, alice);
            }

            tokens["notes"] = await server.TokenForAsync("notes", alice, "notes:read");

            async Task CallAsync(string name, string tool, string happened, string result, string? reason, string method = "tools/call", string? token = null)
            {
                await server.CallerOf(name).CallAsync(method, new { name = tool }, token ?? tokens[name]);
                expected.Add((name, tool, happened, result, reason));
            }

            await CallAsync("notes", "fine", "gateway_call", "success", null);
            await CallAsync("notes", "error", "gateway_call", "success", null);
            await CallAsync("notes", "fails", "gateway_call", "success", null);
            await CallAsync("notes", "denied", "policy_denied", "failure", "Policy:Rules:0");
            await CallAsync("notes", "needs-more", "scope_denied", "failure", "missing scope notes:write");
            await CallAsync("notes", "asked-for", "tool_denied", "failure", "The person did not leave this tool to the client");
            await CallAsync("notes", "", "mcp_auth_failure", "failure", "The parameters are not those of the method");
            await CallAsync("notes", "bad-token", "mcp_auth_failure", "failure", "Malformed token", token: "not-a-token");
            await CallAsync("notes", "broken", "gateway_call", "warning", "upstream_answer");
            await CallAsync("fails", "hangs-up", "gateway_call", "warning", "upstream_unreachable");
            await CallAsync("secret", "unread", "gateway_call", "warning", "upstream_credential");
            await CallAsync("limited", "first", "gateway_call", "success", null);
            await CallAsync("limited", "second", "rate_limited", "failure", "more than 1 requests of 'mcp /mcp/limited tool calls'");

            for (var i = 0; i < 8; i++)
            {
                await CallAsync("dead", "dead", "gateway_call", "warning", "upstream_answer");
            }

            await CallAsync("dead", "left-alone", "gateway_call", "warning", "upstream_unavailable");

            var first = CallAsync("busy", "waits", "gateway_call", "success", null);
            Assert.That(await asked.WaitAsync(TimeSpan.FromMinutes(1)));
            await CallAsync("busy", "too-many", "gateway_call", "warning", "upstream_busy");
            release.SetResult();
            await first;

            using var leaving = new CancellationTokenSource();
            var left = SendAsync(server, "/mcp/notes", tokens["notes"], """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"never"}}""", null, leaving.Token);
            Assert.That(await asked.WaitAsync(TimeSpan.FromMinutes(1)));
            await leaving.CancelAsync();
            await Assert.ThrowsAsync<TaskCanceledException>(async () => await left);
            expected.Add(("notes", "never", "gateway_call", "warning", "cancelled"));

            using (await SendAsync(server, "/mcp/notes", tokens["notes"], """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"of-a-session"}}""", "not-a-session"))
            {
                expected.Add(("notes", "of-a-session", "gateway_call", "warning", "session_not_found"));
            }

            using (var stream = await SendAsync(server, "/mcp/fails", tokens["fails"], null, null))
            {
                Assert.That(await asked.WaitAsync(TimeSpan.FromMinutes(1)));
                server.Clock.Advance(TimeSpan.FromHours(2));
                await Assert.ThrowsAsync<HttpRequestException>(async () => await stream.Content.ReadAsStringAsync());
                expected.Add(("fails", "GET", "gateway_call", "warning", "ended"));
            }
        }

        var lines = (await File.ReadAllTextAsync(log)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.Text("server") is not null).ToList();
        Assert.That(
            lines.Select(line => (line.Text("server")!, line.Text("tool") ?? (line.Text("method") == "tools/call" ? "" : line.Text("method")!), line.Text("event")!, line.Text("result")!, line.Text("reason")?.Split(" in 6")[0])),
            Is.EquivalentTo(expected));
        Assert.Multiple(() =>
        {
            foreach (var line in lines)
            {
                Assert.That(line.Text("trace_id"), Is.Not.Empty);
                Assert.That(line.Text("subject") is null, Is.EqualTo(line.Text("tool") == "bad-token"), line.ToString());
                Assert.That(line.Text("client_id") is null, Is.EqualTo(line.Text("tool") == "bad-token"), line.ToString());
                Assert.That(line.TryGetProperty("milliseconds", out _), Is.EqualTo(line.Text("event") == "gateway_call"), line.ToString());
            }

            Assert.That(lines.Where(line => line.Text("tool") is "fine" or "error" or "broken" or "never").Select(line => line.Text("rule")), Is.All.EqualTo("Policy:Rules:2"));
            Assert.That(lines.Single(line => line.Text("tool") == "asked-for").Text("rule"), Is.EqualTo("Policy:Rules:1"));
        });
    }

    private static async Task<HttpResponseMessage> SendAsync(TestServer server, string path, string token, string? body, string? session, CancellationToken cancel = default)
    {
        using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, path) { Headers = { { "Authorization", "Bearer " + token }, { "Accept", "application/json, text/event-stream" } } };
        request.Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        if (session is not null)
        {
            request.Headers.Add("Mcp-Session-Id", session);
        }

        return await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
    }
}
