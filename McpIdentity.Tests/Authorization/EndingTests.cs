using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Authorization;

/// <summary>The last page of ours before an app takes over: what it says, and that it leads on (docs/decisions/0003).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class EndingTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback", "Connected to Cursor", "the app that opens cursor: links")]
    [TestCase("com.example.app:/callback", "Connected", "the app that opens com.example.app: links")]
    [TestCase("http://127.0.0.1:4711/callback", "Connected", "a program on this computer (127.0.0.1:4711)")]
    [TestCase("https://client.example/callback", "One moment", "the app at client.example")]
    public async Task Says_who_has_the_answer_and_how_to_take_it_back(string redirectUri, string heading, string target)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, redirectUri);
        foreach (var decision in new[] { "deny", "allow" }) // what was allowed may be remembered
        {
            using var alice = new Person(_server);
            var consent = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" });
            var left = await alice.Browser.SubmitAsync(consent, button: decision);

            var page = alice.Browser.Visits[^2];
            var (finished, allowed) = (heading != "One moment", decision == "allow");
            Assert.That(page.Document!.QuerySelector("h1")!.TextContent, Is.EqualTo(finished && !allowed ? "You declined" : heading));
            Assert.That(page.Document.QuerySelector("[role=status]")!.TextContent, Does.Contain(target));
            Assert.That(page.Document.QuerySelector("[role=status]")!.TextContent.Contains("You can close this window", StringComparison.Ordinal), Is.EqualTo(finished));
            Assert.That(page.Document.QuerySelector("main a.button")!.GetAttribute("href"), Is.EqualTo(page.Next!.PathAndQuery), "the same by hand");
            Assert.That(page.Document.QuerySelectorAll("main a[href='/account']"), Has.Exactly(finished && allowed ? 1 : 0).Items);
            Assert.That(left.Query.ContainsKey("code"), Is.EqualTo(allowed));
        }
    }

    [Test]
    public async Task Who_waits_for_an_operator_can_return_to_the_app()
    {
        await using var server = await TestServer.StartAsync("OAuth:Registration:Policy=Approval");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var waiting = await alice.Browser.GetAsync(client.AuthorizeUrl());

        var left = await alice.Browser.GetAsync(waiting.Document!.QuerySelectorAll("a").Single(link => link.TextContent == "Return to the app").GetAttribute("href")!);

        Assert.That(left.Address.AbsoluteUri, Does.StartWith(OAuthClient.DefaultRedirectUri));
        Assert.That(left.Query["error"], Is.EqualTo("access_denied"));
    }
}
