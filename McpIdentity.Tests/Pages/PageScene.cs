using System.Net;
using McpIdentity.Tests.Support;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Pages;

/// <summary>A page in one of its states, and how a browser comes to it.</summary>
/// <param name="Name">Of its picture: lower case, with hyphens.</param>
/// <param name="Cookies">Of who sits at the browser; none: nobody.</param>
/// <param name="OpenAsync">Leaves the browser at it.</param>
/// <param name="Status">Of the answer that it is.</param>
internal sealed record PageState(string Name, IReadOnlyList<Microsoft.Playwright.Cookie> Cookies, Func<IPage, Task> OpenAsync, HttpStatusCode Status = HttpStatusCode.OK);

/// <summary>The servers that have every page of ours in every state, for whoever looks at all of them.</summary>
internal sealed class PageScene : IAsyncDisposable
{
    private static readonly Microsoft.Playwright.Cookie[] Nobody = [];

    private readonly TestServer _demo;
    private readonly TestServer _careful;

    private PageScene(TestServer demo, TestServer careful) => (_demo, _careful) = (demo, careful);

    public IReadOnlyList<PageState> States { get; private set; } = [];

    /// <summary>The origins that a page may load anything from.</summary>
    public IEnumerable<string> Origins => [_demo.BaseUrl, _careful.BaseUrl];

    /// <summary>The cookies of a browser in which Alice has signed in.</summary>
    public IReadOnlyList<Microsoft.Playwright.Cookie> Alice { get; private set; } = [];

    public static async Task<PageScene> BuildAsync()
    {
        // One where developers try things, and one of an organisation that looks at each app.
        var demo = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");
        var careful = await TestServer.StartAsync("OAuth:Registration:Policy=Approval", "Mcp:RateLimiting:Enabled=false");
        var scene = new PageScene(demo, careful);
        using var alice = new Person(demo);
        var web = await OAuthClient.RegisterPublicAsync(demo);
        await web.AuthorizeAsync(alice);
        scene.Alice =
        [
            .. alice.Cookies.GetCookies(new Uri(demo.BaseUrl)).Select(cookie => new Microsoft.Playwright.Cookie { Name = cookie.Name, Value = cookie.Value, Url = demo.BaseUrl, HttpOnly = true }),
        ];
        scene.States = [.. await scene.OnTheWayAsync(), .. scene.Errors()];
        return scene;
    }

    public async ValueTask DisposeAsync()
    {
        await _demo.DisposeAsync();
        await _careful.DisposeAsync();
    }

    private async Task<IEnumerable<PageState>> OnTheWayAsync()
    {
        var web = await OAuthClient.RegisterPublicAsync(_demo);
        var program = await OAuthClient.RegisterPublicAsync(_demo, OAuthClient.LoopbackRedirectUri);
        var links = await OAuthClient.RegisterPublicAsync(_demo, "cursor://anysphere.cursor-mcp/oauth/callback");
        var lookAlike = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "https://evil.example/callback" }, client_name = "Claude", token_endpoint_auth_method = "none" });
        var waiting = await OAuthClient.RegisterPublicAsync(_careful);
        return
        [
            new("sign-in", Nobody, page => page.GotoAsync(web.AuthorizeUrl())),
            new("sign-in-problem", Nobody, async page =>
            {
                await page.GotoAsync(web.AuthorizeUrl());
                await page.Locator("[name=username]").FillAsync("mallory");
                await page.Locator("form button").Last.ClickAsync();
                await page.GetByRole(AriaRole.Alert).WaitForAsync();
            }, HttpStatusCode.BadRequest),
            new("waiting", Nobody, page => page.GotoAsync(waiting.AuthorizeUrl())),
            new("consent", Alice, page => page.GotoAsync(web.AuthorizeUrl())),
            new("consent-program", Alice, page => page.GotoAsync(program.AuthorizeUrl(("scope", "mcp mcp:call openid profile email offline_access")))),
            new("consent-links", Alice, page => page.GotoAsync(links.AuthorizeUrl())),
            new("consent-look-alike", Alice, page => page.GotoAsync(lookAlike.AuthorizeUrl())),
            new("connected-program", Alice, page => DecideAsync(page, program, "allow")),
            new("connected-links", Alice, page => DecideAsync(page, links, "allow")),
            new("declined-program", Alice, page => DecideAsync(page, program, "deny")),
            new("declined-links", Alice, page => DecideAsync(page, links, "deny")),
            new("going-on", Alice, page => DecideAsync(page, web, "deny")),
            new("sign-out", Alice, page => page.GotoAsync(_demo.BaseUrl + "/oauth/signout")),
            new("signed-out", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/oauth/signout")),
        ];
    }

    private IEnumerable<PageState> Errors() =>
    [
        new("error-request", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/oauth/authorize"), HttpStatusCode.BadRequest),
        new("error-app-unknown", Nobody, page => page.GotoAsync(
            _demo.BaseUrl + "/oauth/authorize?client_id=nobody&response_type=code&redirect_uri=https://client.example/cb"), HttpStatusCode.BadRequest),
        new("error-too-old", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/signin?request=forged"), HttpStatusCode.BadRequest),
        //new("error-not-found", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/nothing/here"), HttpStatusCode.NotFound),
    ];

    // The page that goes on by itself, held where it is: a browser stays on a page whose next answers 204 (RFC 9110 §15.3.5).
    private static async Task DecideAsync(IPage page, OAuthClient client, string decision)
    {
        await page.GotoAsync(client.AuthorizeUrl(("prompt", "consent")));
        await page.RouteAsync("**/oauth/authorize?**", route => route.FulfillAsync(new() { Status = 204 }));
        await page.Locator($"button[value={decision}]").ClickAsync();
        await page.Locator("meta[http-equiv=refresh]").WaitForAsync(new() { State = WaitForSelectorState.Attached });
    }
}
