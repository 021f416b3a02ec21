using System.Net;

namespace McpIdentity.Tests.Support;

[Parallelizable(ParallelScope.All)]
internal sealed class NoScriptBrowserTests
{
    private const string RedirectUri = "http://127.0.0.1:4711/callback";

    private ConsentPages _pages = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _pages = await ConsentPages.StartAsync(ConsentPages.Interstitial);

    [OneTimeTearDown]
    public async Task StopAsync() => await _pages.DisposeAsync();

    [TestCase("allow", "?code=alice&state=s&iss=")]
    [TestCase("Deny", "?error=access_denied&state=s")]
    public async Task It_walks_from_the_authorization_request_to_the_callback(string button, string answer)
    {
        using var browser = new NoScriptBrowser(_pages.Origin);

        var signIn = await browser.GetAsync(_pages.AuthorizeUrl(RedirectUri));
        var consent = await browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });
        var callback = await browser.SubmitAsync(consent, button: button);

        Assert.That(callback.IsOutside, Is.True);
        Assert.That(callback.Address.AbsoluteUri, Does.StartWith(RedirectUri + answer));
        Assert.That(browser.Visits.Select(visit => $"{visit.Method} {visit.Address.AbsolutePath} {(int)visit.Status}"), Is.EqualTo((string[])
        [
            "GET /authorize 302", "GET /signin 200", "POST /signin 200", "GET /authorize 302", "GET /consent 200", "POST /consent 200", "GET /authorize 302",
        ]));
    }

    [Test]
    public async Task A_field_that_the_page_does_not_have_is_an_error()
    {
        using var browser = new NoScriptBrowser(_pages.Origin);
        var signIn = await browser.GetAsync(_pages.AuthorizeUrl(RedirectUri));

        Assert.That(() => browser.SubmitAsync(signIn, new Dictionary<string, string> { ["password"] = "x" }), Throws.InvalidOperationException);
    }

    [Test]
    public async Task A_page_without_a_way_on_is_returned_as_it_is()
    {
        using var browser = new NoScriptBrowser(_pages.Origin);

        var page = await browser.GetAsync("/nowhere");

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(page.IsOutside, Is.False);
    }
}
