using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using McpIdentity.Server.Home;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Home;

/// <summary>The page at the root: how a client is connected, with the address that it needs.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class HomePageTests
{
    private const string Documented = "http://localhost:8082/mcp";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_person_reads_how_to_connect_each_client_and_finds_their_apps()
    {
        using var browser = new NoScriptBrowser(_server.BaseUrl);

        var page = await browser.GetAsync("/");

        Assert.That(page.Document!.QuerySelectorAll("summary").Select(summary => summary.TextContent),
            Is.EqualTo(new[] { "Claude Code", "Claude, Claude Desktop", "VS Code", "Cursor", "ChatGPT", "MCP Inspector", "mcp-remote" }));
        Assert.That(page.Document.QuerySelector("pre")!.TextContent, Is.EqualTo(_server.McpUrl));
        foreach (var json in page.Document.QuerySelectorAll("details pre").Select(snippet => snippet.TextContent).Where(text => text[0] == '{'))
        {
            Assert.That(JsonNode.Parse(json)!.ToJsonString(), Does.Contain(_server.McpUrl));
        }

        Assert.That(page.Document.QuerySelector("a[href='/account']"), Is.Not.Null);
        Assert.That(page.Document.QuerySelector("[role=note]")!.TextContent, Does.Contain("Demo sign-in is on"));
        Assert.That(page.Body, Does.Not.Contain("version").IgnoreCase.And.Not.Contain("/health"), "nothing for strangers");
    }

    [TestCase("*/*"), TestCase("application/json"), TestCase(null)]
    public async Task A_program_reads_one_line(string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        if (accept is not null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        using var response = await _server.Http.SendAsync(request);

        Assert.That(response.Content.Headers.ContentType!.ToString(), Is.EqualTo("text/plain; charset=utf-8"));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo($"McpIdentity, the authorization server of {_server.BaseUrl}. MCP endpoint: {_server.McpUrl}\n"));
        Assert.That(response.Headers.Vary, Does.Contain("Accept"));
    }

    // What the page says and what the documentation says cannot drift apart: docs/clients.md.
    [Test]
    public void The_snippets_are_those_of_the_documentation()
    {
        var documented = Block.Matches(File.ReadAllText(Repository.PathOf("docs/clients.md"))).Select(block => Comparable(block.Groups["text"].Value)).ToList();

        foreach (var guide in ClientGuide.For(Documented).Where(guide => guide.Snippet != Documented))
        {
            Assert.That(documented, Does.Contain(Comparable(guide.Snippet)), guide.Client);
        }

        static string Comparable(string snippet) => snippet.TrimStart()[0] == '{' ? JsonNode.Parse(snippet)!.ToJsonString() : snippet.Trim();
    }

    [Test]
    public async Task Without_sign_in_or_endpoint_the_page_promises_neither()
    {
        await using var withoutSignIn = await TestServer.StartAsync("OAuth:Enabled=false", "Mcp:Auth:AuthType=jwt", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service");
        await using var withoutEndpoint = await TestServer.StartAsync("Mcp:Enabled=false");
        using var first = new NoScriptBrowser(withoutSignIn.BaseUrl);
        using var second = new NoScriptBrowser(withoutEndpoint.BaseUrl);

        Assert.That((await first.GetAsync("/")).Document!.QuerySelectorAll("a[href='/account'], [role=note]"), Is.Empty);
        Assert.That((await second.GetAsync("/")).Document!.QuerySelectorAll("pre, details"), Is.Empty);
    }

    [GeneratedRegex("```[^\\n]*\\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block { get; }
}
