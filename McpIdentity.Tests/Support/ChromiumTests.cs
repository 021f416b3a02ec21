using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Support;

/// <summary>
/// Why a form is answered with a page that refreshes and not with a redirect: Chromium applies form-action to every
/// redirect that follows a submitted form, and the last of them goes to the client.
/// </summary>
[Category("Browser")]
[Parallelizable(ParallelScope.All)]
internal sealed class ChromiumTests
{
    [Test]
    public async Task A_redirect_to_the_client_after_a_form_is_blocked_by_form_action()
    {
        await using var pages = await ConsentPages.StartAsync(next => Results.Redirect(next));
        using var client = new LoopbackCallback();
        await using var browser = await Chromium.OpenAsync();
        var violation = browser.Page.WaitForConsoleMessageAsync(new() { Predicate = message => message.Text.Contains("form-action", StringComparison.Ordinal) });

        await SignInAndAllowAsync(browser.Page, pages, client);

        Assert.That((await violation).Text, Does.Contain("form-action 'self'"));
        Assert.That(client.HasArrived, Is.False);
    }

    [Test]
    public async Task A_page_that_refreshes_brings_the_answer_to_the_client()
    {
        await using var pages = await ConsentPages.StartAsync(ConsentPages.Interstitial);
        using var client = new LoopbackCallback();
        await using var browser = await Chromium.OpenAsync();

        await SignInAndAllowAsync(browser.Page, pages, client);
        var answer = await client.ArrivesWithin(Chromium.Patience);

        Assert.That(answer["code"], Is.EqualTo("alice"));
        Assert.That(answer["iss"], Is.EqualTo(pages.Origin));
        Assert.That(browser.CspViolations, Is.Empty);
    }

    [Test]
    public async Task It_does_so_without_JavaScript_too()
    {
        await using var pages = await ConsentPages.StartAsync(ConsentPages.Interstitial);
        using var client = new LoopbackCallback();
        await using var browser = await Chromium.OpenAsync(new BrowserNewContextOptions { JavaScriptEnabled = false });

        await SignInAndAllowAsync(browser.Page, pages, client);

        Assert.That((await client.ArrivesWithin(Chromium.Patience))["code"], Is.EqualTo("alice"));
    }

    private static async Task SignInAndAllowAsync(IPage page, ConsentPages pages, LoopbackCallback client)
    {
        await page.GotoAsync(pages.AuthorizeUrl(client.RedirectUri));
        await page.GetByLabel("Name").FillAsync("alice");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
    }
}
