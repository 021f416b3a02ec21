using McpIdentity.Tests.Support;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Authorization;

/// <summary>Sign-in and consent in real Chromium under the shipped policy: docs/interoperability.md, "Forms and form-action".</summary>
[Category("Browser")]
[Parallelizable(ParallelScope.Self)]
internal sealed class BrowserTests
{
    [TestCase(true)]
    [TestCase(false)]
    public async Task A_demo_user_signs_in_and_allows_and_the_program_gets_its_code(bool javaScript)
    {
        await using var server = await TestServer.StartAsync();
        using var callback = new LoopbackCallback();
        var client = await OAuthClient.RegisterPublicAsync(server, callback.RedirectUri);
        await using var chromium = await Chromium.OpenAsync(new BrowserNewContextOptions { JavaScriptEnabled = javaScript });
        var page = chromium.Page;

        await page.GotoAsync(client.AuthorizeUrl());
        await Assertions.Expect(page.GetByText("Test client")).ToBeVisibleAsync();
        await page.Locator("[name=username]").FillAsync("bob");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToContainTextAsync("a program on this computer");
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();

        var answer = await callback.ArrivesWithin(Chromium.Patience);
        Assert.That(answer["iss"], Is.EqualTo(server.BaseUrl));
        Assert.That(answer["code"], Is.Not.Empty);
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    public async Task With_session_and_consent_the_browser_is_sent_back_at_once()
    {
        await using var server = await TestServer.StartAsync();
        using var first = new LoopbackCallback();
        var client = await OAuthClient.RegisterAsync(server, new { redirect_uris = new[] { first.RedirectUri } });
        await using var chromium = await Chromium.OpenAsync();
        await chromium.Page.GotoAsync(client.AuthorizeUrl());
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await first.ArrivesWithin(Chromium.Patience);
        await AssertProgramIsShownAsync(chromium.Page);

        // The sign-in form is answered, and everything after it is a redirect to another origin: the chain that form-action breaks.
        using var second = new LoopbackCallback();
        await chromium.Page.GotoAsync(client.AuthorizeUrl(("redirect_uri", second.RedirectUri), ("prompt", "login")));
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();

        Assert.That((await second.ArrivesWithin(Chromium.Patience))["code"], Is.Not.Empty);
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    [Category("SEED-049")]
    public async Task The_authorization_endpoint_opened_bare_is_a_page_that_names_what_is_missing()   // the guide's `open http://localhost:8082/oauth/authorize`
    {
        await using var server = await TestServer.StartAsync();
        await using var chromium = await Chromium.OpenAsync();

        var answer = await chromium.Page.GotoAsync(server.BaseUrl + "/oauth/authorize");

        Assert.That(answer!.Status, Is.EqualTo(400));
        Assert.That(answer.Request.RedirectedFrom, Is.Null);
        await Assertions.Expect(chromium.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("client_id");
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    public async Task Deny_reaches_the_program_too()
    {
        await using var server = await TestServer.StartAsync();
        using var callback = new LoopbackCallback();
        var client = await OAuthClient.RegisterPublicAsync(server, callback.RedirectUri);
        await using var chromium = await Chromium.OpenAsync();

        await chromium.Page.GotoAsync(client.AuthorizeUrl());
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Deny" }).ClickAsync();

        Assert.That((await callback.ArrivesWithin(Chromium.Patience))["error"], Is.EqualTo("access_denied"));
    }

    [Test]
    public async Task A_person_signs_in_with_google_and_the_program_gets_its_code()
    {
        await using var google = await StandInGoogle.StartAsync();
        await using var server = await TestServer.StartAsync(google.Settings);
        using var callback = new LoopbackCallback();
        var client = await OAuthClient.RegisterAsync(server, new { redirect_uris = new[] { callback.RedirectUri } });
        await using var chromium = await Chromium.OpenAsync();
        var page = chromium.Page;

        await page.GotoAsync(client.AuthorizeUrl());
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue with Google" }).ClickAsync();
        await page.Locator("[name=email]").FillAsync("alice@example.com");
        await page.GetByRole(AriaRole.Button).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();

        Assert.That((await callback.ArrivesWithin(Chromium.Patience))["code"], Is.Not.Empty);
        Assert.That(chromium.CspViolations, Is.Empty);

        // The program has its answer while the browser still loads the last page; a second navigation would collide with it.
        await AssertProgramIsShownAsync(page);

        // Google has a session now and answers at once: form, Google and the program in one chain.
        google.AutoSubmit = true;
        using var again = new LoopbackCallback();
        await page.GotoAsync(client.AuthorizeUrl(("redirect_uri", again.RedirectUri), ("prompt", "login")));
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue with Google" }).ClickAsync();
        Assert.That((await again.ArrivesWithin(Chromium.Patience))["code"], Is.Not.Empty);
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [TestCase(1280)]
    [TestCase(320)]
    public async Task The_pages_fit_the_screen_and_name_the_client_as_text(int width)
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterAsync(server, new
        {
            redirect_uris = new[] { "https://client.example/a/rather/long/path/to/the/callback" },
            token_endpoint_auth_method = "none",
            client_name = "<img src=x onerror=alert(1)> " + new string('W', 150),
        });
        await using var chromium = await Chromium.OpenAsync(new BrowserNewContextOptions { ViewportSize = new() { Width = width, Height = 800 } });
        await chromium.Page.GotoAsync(client.AuthorizeUrl());
        await AssertFitsAsync(chromium.Page);
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).WaitForAsync();
        await AssertFitsAsync(chromium.Page);
        Assert.That(chromium.ConsoleErrors, Is.Empty);
    }

    // Asked of the browser again and again: Playwright's wait for an address can miss a navigation that happens as the wait begins.
    private static Task AssertProgramIsShownAsync(IPage page) =>
        Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = LoopbackCallback.Heading })).ToBeVisibleAsync();

    private static async Task AssertFitsAsync(IPage page)
    {
        Assert.That(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), Is.True, page.Url);
        Assert.That(await page.Locator("img").CountAsync(), Is.Zero);
        Assert.That(await page.Locator("html").GetAttributeAsync("lang"), Is.EqualTo("en"));
    }
}
