using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using static McpIdentity.Tests.Mcp.SessionCalls;

namespace McpIdentity.Tests.Mcp;

/// <summary>Sessions of several servers, behind the proxy of docs/stateful-sessions.md as it stands there.</summary>
[Category("Nginx")]
[Parallelizable(ParallelScope.Self)]
internal sealed partial class SessionNodeTests
{
    [Test]
    public async Task The_proxy_brings_each_request_to_the_server_that_has_its_session()
    {
        await using var a = await StartNodeAsync("a");
        await using var b = await StartNodeAsync("b");
        var token = TestTokens.Own(a.Keys.Key);
        b.Keys.Share(a.Keys);
        var lines = Fence().Matches(await File.ReadAllTextAsync(Repository.PathOf("docs", "stateful-sessions.md"))).Select(fence => fence.Groups[1].Value).ToList();
        await using var proxy = await NginxServer.StartAsync(
            [AddressOf(a), AddressOf(b)],
            besideUpstream: lines[0].Replace("server-a:8082", new Uri(AddressOf(a)).Authority, StringComparison.Ordinal)
                .Replace("server-b:8082", new Uri(AddressOf(b)).Authority, StringComparison.Ordinal).Replace("default  mcpidentity;", "default  servers;", StringComparison.Ordinal)
                .Replace(" resolve;", ";", StringComparison.Ordinal), // addresses need no resolver
            besideLocation: lines[1]);
        using var client = new HttpClient { BaseAddress = new Uri(proxy.BaseUrl) };

        List<string> sessions = [];
        for (var i = 0; i < 6; i++)
        {
            sessions.Add((await client.OpenSessionAsync(token))!);
        }

        Assert.That(sessions.Select(session => session[..2]).Distinct(), Is.EquivalentTo(["a.", "b."]), "they are given by both");
        foreach (var session in sessions.Concat(sessions))
        {
            Assert.That((await client.ExchangeAsync("POST", session, token, Echo)).Body, Does.Contain("heard"), session);
        }

        var ofA = sessions.First(session => session.StartsWith('a'));
        Assert.That((await b.Client.ExchangeAsync("POST", ofA, token, Echo)).Status, Is.EqualTo(404), "it is in one process alone");
        Assert.That((await a.Client.ExchangeAsync("POST", ofA[2..], token, Echo)).Status, Is.EqualTo(404), "the name is part of it");
        Assert.That((await client.ExchangeAsync("DELETE", ofA, token)).Status, Is.EqualTo(200));
        Assert.That((await client.ExchangeAsync("POST", ofA, token, Echo)).Status, Is.EqualTo(404));
    }

    private static string AddressOf(McpHost host) => host.Client.BaseAddress!.AbsoluteUri;

    private static Task<McpHost> StartNodeAsync(string name) =>
        McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:SessionMode"] = "stateful", ["Mcp:SessionNode"] = name });

    [GeneratedRegex("^```nginx\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();
}
