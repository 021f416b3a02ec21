using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Gateway;

/// <summary>People choose among the tools of a server behind this one that policy gives them: docs/tool-catalogue.md, "On the consent page".</summary>
internal sealed class FrontedConsentTests
{
    private ScriptedServer _upstream = null!;
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await ScriptedServer.StartAsync(
            ScriptedServer.Tool("find", annotations: "{\"readOnlyHint\":true}"), ScriptedServer.Tool("add", annotations: "{\"destructiveHint\":false}"), ScriptedServer.Tool("drop"), ScriptedServer.Tool("purge"), ScriptedServer.Tool("secret"));
        _server = await TestServer.StartAsync(
            $"Gateway:Servers:notes:Url={_upstream.Url}", "Gateway:CatalogueRefresh=0", "Gateway:Servers:notes:Scopes:notes:read=Read notes", "Gateway:Servers:notes:Scopes:notes:write=Write notes",
            "Gateway:Servers:notes:Tools:add=notes:write", "Gateway:Servers:notes:Tools:purge=notes:write",
            "Policy:Rules:0:Tools=secret", "Policy:Rules:0:Effect=deny", "Policy:Rules:1:Tools=drop", "Policy:Rules:1:Users=alice@example.com", "Policy:Rules:1:Effect=ask", "Policy:Rules:2:Effect=allow");
        await _server.CallerOf("notes").CallAsync("tools/list", bearer: await _server.TokenForAsync("notes", "bob", "notes:read notes:write"));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Test]
    public async Task The_page_shows_what_policy_gives_and_the_scopes_open_and_what_is_to_be_asked_for_is_the_clients_only_when_ticked()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        (string, string?)[] asks = [("resource", $"{_server.BaseUrl}/mcp/notes"), ("scope", "notes:read")];

        var granted = (await client.ConnectAsync(alice, asks)).Text("access_token")!;
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl([.. asks, ("prompt", "consent")]));

        Assert.Multiple(() =>
        {
            Assert.That(ToolsOf(granted), Is.EqualTo(new[] { "find" }), "one was left unticked, so that all are named");
            Assert.That(page.Body, Does.Contain("value=\"find\" checked").And.Contain("value=\"drop\">").And.Contain("Only if you tick it").And.Not.Contain("value=\"secret\"").And.Not.Contain("value=\"purge\"").And.Not.Contain("value=\"add\""));
        });
        Assert.That((await _server.CallerOf("notes").CallToolAsync("drop", granted)).Status, Is.EqualTo(403));
        Assert.That((await _server.CallerOf("notes").CallAsync("tools/list", bearer: granted)).Tools, Is.EqualTo(new[] { "find" }));

        alice.Ticked = ["drop"];
        var more = (await client.ConnectAsync(alice, [.. asks, ("prompt", "consent")])).Text("access_token")!;
        Assert.That(ToolsOf(more), Is.EqualTo(new[] { "drop", "find" }));
        Assert.That((await _server.CallerOf("notes").CallToolAsync("drop", more)).Text, Is.EqualTo("done"));
        alice.PagesSeen.Clear();
        Assert.That(ToolsOf((await client.ConnectAsync(alice, asks)).Text("access_token")!), Is.EqualTo(new[] { "drop", "find" }), "remembered");
        Assert.That(alice.PagesSeen, Is.Empty);
    }

    [Test]
    public async Task Whom_no_rule_asks_gets_all_that_the_scopes_open_without_names()
    {
        using var bob = new Person(_server, "bob");

        var token = await _server.TokenForAsync("notes", bob, "notes:read notes:write");

        Assert.That(ToolsOf(token), Is.Null);
        Assert.That((await _server.CallerOf("notes").CallAsync("tools/list", bearer: token)).Tools, Is.EqualTo(new[] { "find", "add", "drop", "purge" }));
    }

    private static string[]? ToolsOf(string token)
    {
        using var payload = JsonDocument.Parse(Base64UrlEncoder.Decode(new JsonWebToken(token).EncodedPayload));
        return payload.RootElement.TryGetProperty("mcp_tools", out var tools) ? [.. tools.EnumerateArray().Select(tool => tool.GetString()!)] : null;
    }
}
