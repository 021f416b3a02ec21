using System.Net;
using AngleSharp.Html.Parser;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>An address that nobody serves, or not by that method: a page for who comes by a browser, JSON for a program (RFC 9110 §12.5.1).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class UnknownAddressTests
{
    private const string Chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Is_a_page_for_a_browser_and_json_for_a_program(
        [Values("/nothing", "/nothing/at/all.html", "/signin/x", "/oauth/nothing", "/favicon.ico", "/error.php")] string path,
        [Values(Chromium, "text/html", "application/json, text/html;q=0.5", "text/html;q=0", "*/*", "text/*", "application/json", "nonsense", "", null)] string? accept,
        [Values("GET", "HEAD", "POST")] string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await _server.Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();

        var isPage = accept is Chromium or "text/html";
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), body);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo(isPage ? "text/html" : "application/json"));
        Assert.That(response.Headers.Vary, Does.Contain("Accept"));
        Assert.That(response.Headers.CacheControl!.NoStore, Is.True);
        Assert.That(response.Headers.GetValues("Content-Security-Policy").Single(), Does.StartWith("default-src 'none'"));
        if (method == "HEAD")
        {
            Assert.That(body, Is.Empty);
        }
        else if (isPage)
        {
            Assert.That(new HtmlParser().ParseDocument(body).QuerySelectorAll("h1").Single().TextContent, Is.EqualTo("There is nothing here"));
            Assert.That(body, Does.Not.Contain("error.php").And.Not.Contain("nothing/at/all"), "what anybody wrote into an address is not repeated");
        }
        else
        {
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("not_found"));
        }
    }

    [TestCase("/.well-known/nothing"), TestCase("/mcp/.well-known/nothing"), TestCase("/images/nothing.png")]
    [TestCase("/register/nothing"), TestCase("/oauth/token")]
    public async Task Where_programs_ask_a_browser_reads_json_too(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", Chromium }, { "Origin", "https://app.example" } } };

        using var response = await _server.Http.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.InRange(400, 499));
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
        Assert.That(response.Headers.Contains("Access-Control-Allow-Origin"), Is.EqualTo(!path.StartsWith("/images", StringComparison.Ordinal)));
    }

    [TestCase("/consent", "PUT", Chromium, "text/html"), TestCase("/consent", "PUT", "*/*", "text/html")]
    [TestCase("/", "POST", Chromium, "text/html"), TestCase("/", "POST", "*/*", "application/json"), TestCase("/register", "DELETE", Chromium, "application/json")]
    public async Task A_method_that_is_not_taken_is_answered_in_the_same_way(string path, string method, string accept, string type)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { { "Accept", accept } } };

        using var response = await _server.Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo(type));
        Assert.That(response.Content.Headers.Allow, Is.Not.Empty);
    }

    [Test]
    public async Task Where_there_is_no_authorization_server_its_pages_are_not_here_either()
    {
        await using var server = await TestServer.StartAsync("OAuth:Enabled=false", "Mcp:Auth:AuthType=jwt", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service");
        using var browser = new NoScriptBrowser(server.BaseUrl);

        var page = await browser.GetAsync("/signin");

        Assert.That((page.Status, page.Document!.QuerySelector("h1")!.TextContent), Is.EqualTo((HttpStatusCode.NotFound, "There is nothing here")));
    }
}
