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
}
