using McpIdentity.Tests.Support;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Authorization;

/// <summary>What people see in a real browser at the end of an authorization, in a popup, and in several tabs.</summary>
[Category("Browser")]
[Parallelizable(ParallelScope.Self)]
internal sealed class PopupTests
{
    private StandInProvider _upstream = null!;
    private TestServer _demo = null!;
    private TestServer _federated = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _demo = await TestServer.StartAsync("OAuth:AllowedEmailDomains:0=example.com");
        _federated = await TestServer.StartAsync(["OAuth:AllowedEmailDomains:0=example.com", .. _upstream.SettingsOf("staff")]);
        _upstream.RedirectUris.Add(_federated.BaseUrl + "/oauth/callback/staff");
    }

    [SetUp]
    public void Reset()
    {
        _upstream.Reset();
        _federated.Clock.SetUtcNow(TimeProvider.System.GetUtcNow()); // by which the stand-in dates its tokens
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _demo.DisposeAsync();
        await _federated.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Test]
    public async Task A_page_that_opened_the_popup_hears_from_the_callback([Values] bool federated)
    {
        await using var popupClient = await PopupClient.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(Server(federated), popupClient.RedirectUri);
        popupClient.AuthorizeUrl = client.AuthorizeUrl();
        await using var chromium = await Chromium.OpenAsync();
        await chromium.Page.GotoAsync(popupClient.PageUrl);

        var popup = await chromium.Page.RunAndWaitForPopupAsync(() => chromium.Page.GetByRole(AriaRole.Button).ClickAsync());
        await SignInAsync(popup, federated);
        var allow = popup.GetByRole(AriaRole.Button, new() { Name = "Allow" });
        await allow.WaitForAsync();
        Assert.That(await chromium.Page.EvaluateAsync<bool>("popupIsClosed()"), Is.False, "the page can tell that the person is still at it");
        await allow.ClickAsync();

        await Assertions.Expect(chromium.Page.Locator("output")).ToContainTextAsync("code=");
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    public async Task It_hears_of_a_sign_in_that_failed_too()
    {
        _upstream.AuthorizationError = "access_denied";
        await using var popupClient = await PopupClient.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(_federated, popupClient.RedirectUri);
        popupClient.AuthorizeUrl = client.AuthorizeUrl();
        await using var chromium = await Chromium.OpenAsync();
        await chromium.Page.GotoAsync(popupClient.PageUrl);

        var popup = await chromium.Page.RunAndWaitForPopupAsync(() => chromium.Page.GetByRole(AriaRole.Button).ClickAsync());
        await SignInAsync(popup, federated: true);
        await popup.GetByRole(AriaRole.Link, new() { Name = "Return to the app" }).ClickAsync();

        await Assertions.Expect(chromium.Page.Locator("output")).ToContainTextAsync("error=access_denied");
    }

    [TestCase("Allow", "Connected to Cursor")]
    [TestCase("Deny", "You declined")]
    public async Task The_last_page_before_a_program_takes_over_is_finished(string button, string heading)
    {
        var client = await OAuthClient.RegisterPublicAsync(_demo, "cursor://anysphere.cursor-mcp/oauth/callback");
        await using var chromium = await Chromium.OpenAsync();
        await chromium.Page.GotoAsync(client.AuthorizeUrl());
        await SignInAsync(chromium.Page, federated: false);
        var sent = chromium.Page.WaitForRequestAsync(request => request.Url.Contains("decision=", StringComparison.Ordinal));

        await chromium.Page.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync();
        await sent;

        await Assertions.Expect(chromium.Page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(heading);
        await Assertions.Expect(chromium.Page.GetByText("You can close this window")).ToBeVisibleAsync();

        // Where the app was not there to open, the link asks once more: in a tab of its own here, for a browser that is still on its way to
        // an address does not set out for it anew. It ends nowhere, as this machine has no such app.
        var link = await chromium.Page.GetByRole(AriaRole.Link, new() { Name = "If nothing has happened" }).GetAttributeAsync("href");
        var tab = await chromium.Page.Context.NewPageAsync();
        var asked = tab.WaitForResponseAsync(answer => answer.Url.Contains("decision=", StringComparison.Ordinal));
        await Assert.ThrowsAsync<PlaywrightException>(() => tab.GotoAsync(new Uri(new Uri(chromium.Page.Url), link!).AbsoluteUri));
        Assert.That((await asked).Headers["location"], Does.StartWith("cursor://anysphere.cursor-mcp/oauth/callback?"));
        Assert.That(chromium.CspViolations, Is.Empty);
    }

    [Test]
    public async Task A_tab_that_was_open_while_something_changed_still_leads_to_the_program(
        [Values] bool federated, [Values("signed out", "somebody else", "no form cookie", "no cookie")] string change)
    {
        using var callback = new LoopbackCallback();
        var client = await OAuthClient.RegisterPublicAsync(Server(federated), callback.RedirectUri);
        await using var chromium = await Chromium.OpenAsync();
        var tab = chromium.Page;
        await tab.GotoAsync(client.AuthorizeUrl());
        await SignInAsync(tab, federated);
        await tab.GetByRole(AriaRole.Button, new() { Name = "Allow" }).WaitForAsync();
        await ChangeAsync(chromium, client, federated, change);

        await tab.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        var signIn = tab.GetByRole(AriaRole.Button, new() { Name = federated ? "Continue with" : "Sign in" });
        var freshAllow = tab.GetByRole(AriaRole.Button, new() { Name = "Allow" });
        if (change is "signed out" or "no cookie")
        {
            await signIn.ClickAsync();
        }
        else if (change == "somebody else")
        {
            await Assertions.Expect(tab.GetByText("Signed in as")).ToContainTextAsync("Bob");
        }

        await freshAllow.ClickAsync();

        Assert.That((await callback.ArrivesWithin(Chromium.Patience))["code"], Is.Not.Empty);
        Assert.That(chromium.CspViolations, Is.Empty);
        Assert.That(chromium.ConsoleErrors, Has.None.Contains("400"));
    }

    private TestServer Server(bool federated) => federated ? _federated : _demo;

    private static Task SignInAsync(IPage page, bool federated) =>
        page.GetByRole(AriaRole.Button, new() { Name = federated ? "Continue with" : "Sign in" }).ClickAsync();

    private async Task ChangeAsync(ChromiumPage chromium, OAuthClient client, bool federated, string change)
    {
        switch (change)
        {
            case "signed out":
                var elsewhere = await chromium.Context.NewPageAsync();
                await elsewhere.GotoAsync(Server(federated).BaseUrl + "/oauth/signout");
                await elsewhere.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
                await elsewhere.GetByText("You are signed out").WaitForAsync();
                break;
            case "somebody else":
                (_upstream.Claims["sub"], _upstream.Claims["name"]) = ("bob", "Bob");
                var other = await chromium.Context.NewPageAsync();
                await other.GotoAsync(client.AuthorizeUrl(("prompt", "login")));
                if (!federated)
                {
                    await other.Locator("[name=username]").FillAsync("bob");
                }

                await SignInAsync(other, federated);
                await other.GetByRole(AriaRole.Button, new() { Name = "Allow" }).WaitForAsync();
                break;
            case "no form cookie":
                await chromium.Context.ClearCookiesAsync(new() { Name = "mcpidentity-form" });
                break;
            default:
                await chromium.Context.ClearCookiesAsync();
                break;
        }
    }
}
