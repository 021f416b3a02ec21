using System.Net;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Catalogue;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace McpIdentity.Tests.Pages;

/// <summary>A page in one of its states, and how a browser comes to it.</summary>
/// <param name="Name">Of its picture: lower case, with hyphens.</param>
/// <param name="Cookies">Of who sits at the browser; none: nobody.</param>
/// <param name="OpenAsync">Leaves the browser at it.</param>
/// <param name="Status">Of the answer that it is.</param>
internal sealed record PageState(string Name, IReadOnlyList<Microsoft.Playwright.Cookie> Cookies, Func<IPage, Task> OpenAsync, HttpStatusCode Status = HttpStatusCode.OK);

/// <summary>
/// The servers that have every page of ours in every state, for whoever looks at all of them: one where developers try things, one of an
/// organisation with a name, a logo and sign-in providers, one that lets few in, and one that has had enough.
/// </summary>
internal sealed class PageScene : IAsyncDisposable
{
    private const string Logo = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="18" fill="#7a1fa2"/><path d="M11 21l6 6 12-14" stroke="#fff" stroke-width="4" fill="none"/></svg>""";

    private static readonly Microsoft.Playwright.Cookie[] Nobody = [];

    private readonly TemporaryFolder _folder = new();
    private readonly List<TestServer> _servers = [];
    private DocumentHost _host = null!;
    private TestServer _demo = null!;
    private TestServer _organisation = null!;
    private TestServer _careful = null!;
    private TestServer _strict = null!;
    private TestServer _gateway = null!;

    private PageScene()
    {
    }

    public IReadOnlyList<PageState> States { get; private set; } = [];

    /// <summary>The origins that a page may load anything from.</summary>
    public IEnumerable<string> Origins => _servers.Select(server => server.BaseUrl);

    /// <summary>The cookies of a browser in which Alice has signed in, who has connected some apps.</summary>
    private IReadOnlyList<Microsoft.Playwright.Cookie> Alice { get; set; } = [];

    /// <summary>The cookies of Bob's, who has connected none.</summary>
    private IReadOnlyList<Microsoft.Playwright.Cookie> Bob { get; set; } = [];

    public static async Task<PageScene> BuildAsync()
    {
        var scene = new PageScene { _host = await DocumentHost.StartAsync() };
        scene._demo = await scene.StartAsync(
        [
            "Mcp:RateLimiting:Enabled=false", .. DocumentHost.Settings,
            "OAuth:StaticClients:0:ClientId=payroll", "OAuth:StaticClients:0:Name=Payroll", "OAuth:StaticClients:0:RedirectUris:0=https://payroll.example/cb",
            "OAuth:StaticClients:1:ClientId=approved", "OAuth:StaticClients:1:Name=Travel desk", "OAuth:StaticClients:1:RedirectUris:0=https://travel.example/cb", "OAuth:StaticClients:1:PreApproved=true",
        ]);
        await File.WriteAllTextAsync(scene._folder.File("logo.svg"), Logo);
        scene._organisation = await scene.StartAsync(
            "Mcp:RateLimiting:Enabled=false", "Branding:Name=Example Ltd", $"Branding:Logo={scene._folder.File("logo.svg")}", "Branding:HelpUrl=https://help.example.com/", "Branding:PrivacyUrl=https://example.com/privacy",
            "Branding:Colors:Accent=#7a1fa2", "Branding:DarkColors:Accent=#d7a3f0",
            "OAuth:GoogleClientId=id", "OAuth:GoogleClientSecret=secret", "OAuth:GitHubClientId=id", "OAuth:GitHubClientSecret=secret",
            "OAuth:Providers:staff:Issuer=https://127.0.0.1:9/", "OAuth:Providers:staff:ClientId=id", "OAuth:Providers:staff:ClientSecret=secret", "OAuth:Providers:staff:DisplayName=Example staff",
            $"OAuth:Providers:staff:Icon={scene._folder.File("logo.svg")}", "OAuth:ProviderOrder=staff,google,github");
        scene._careful = await scene.StartAsync("OAuth:Registration:Policy=Approval", "OAuth:AllowedEmailDomains:0=elsewhere.example", "Mcp:RateLimiting:Enabled=false");
        scene._strict = await scene.StartAsync("Mcp:RateLimiting:AuthEndpointMaxRequests=1");
        scene._gateway = await scene.StartAsync(
        [
            "Gateway:Servers:notes:Url=http://127.0.0.1:9/mcp", "Gateway:Servers:notes:DisplayName=Notes of the team", "Gateway:CatalogueRefresh=0",
            "Policy:Rules:0:Servers=notes", "Policy:Rules:0:Tools=delete_all", "Policy:Rules:0:Effect=ask", "Policy:Rules:1:Servers=notes,github,calendar", "Policy:Rules:1:Effect=allow",
            .. new[] { ("github", "GitHub"), ("calendar", "Calendar"), ("payroll", "Payroll") }.SelectMany(server => new[]
            {
                $"Gateway:Servers:{server.Item1}:Url=http://127.0.0.1:9/mcp", $"Gateway:Servers:{server.Item1}:Upstream:Auth=OAuth", $"Gateway:Servers:{server.Item1}:DisplayName={server.Item2}",
            }),
        ]);
        scene.States = [.. await scene.SigningInAsync(), .. await scene.ConsentAsync(), .. await scene.FrontedAsync(), .. await scene.AccountAsync(), .. scene.Others(), .. scene.Errors()];
        return scene;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await _host.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<IEnumerable<PageState>> SigningInAsync()
    {
        var web = await OAuthClient.RegisterPublicAsync(_demo);
        var ofOrganisation = await OAuthClient.RegisterPublicAsync(_organisation);
        var waiting = await OAuthClient.RegisterPublicAsync(_careful);
        var document = DocumentClient();
        return
        [
            new("sign-in", Nobody, page => page.GotoAsync(ofOrganisation.AuthorizeUrl())),
            new("sign-in-demo", Nobody, page => page.GotoAsync(web.AuthorizeUrl())),
            new("sign-in-verified-app", Nobody, page => page.GotoAsync(document.AuthorizeUrl())),
            new("sign-in-own", Nobody, page => page.GotoAsync(_organisation.BaseUrl + Paths.SignInFor(Paths.OwnAccount))),
            new("sign-in-problem", Nobody, async page =>
            {
                await page.GotoAsync(web.AuthorizeUrl());
                await SignInAsync(page, "mallory");
                await page.GetByRole(AriaRole.Alert).WaitForAsync();
            }, HttpStatusCode.BadRequest),
            new("sign-in-provider-down", Nobody, async page =>
            {
                await page.GotoAsync(ofOrganisation.AuthorizeUrl());
                await page.Locator("button[value=staff]").ClickAsync();
                await page.GetByRole(AriaRole.Alert).WaitForAsync();
            }, HttpStatusCode.ServiceUnavailable),
            new("sign-in-not-admitted", Nobody, async page =>
            {
                await page.GotoAsync(_careful.BaseUrl + Paths.SignInFor(Paths.OwnAccount));
                await SignInAsync(page, "alice");
                await page.GetByRole(AriaRole.Alert).WaitForAsync();
            }, HttpStatusCode.BadRequest),
            new("sign-in-of-another-browser", Nobody, page => page.GotoAsync(_organisation.BaseUrl + "/oauth/callback/staff?code=x&state=y"), HttpStatusCode.BadRequest),
            new("waiting", Nobody, page => page.GotoAsync(waiting.AuthorizeUrl())),
        ];
    }

    private async Task<IEnumerable<PageState>> ConsentAsync()
    {
        using var alice = new Person(_demo);
        var known = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "https://notes.example/callback" }, client_name = "Notes", token_endpoint_auth_method = "none" });
        await known.ConnectAsync(alice, ("scope", "mcp"));
        Alice = CookiesOf(alice);
        var web = await OAuthClient.RegisterPublicAsync(_demo);
        var program = await OAuthClient.RegisterPublicAsync(_demo, OAuthClient.LoopbackRedirectUri);
        var links = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "cursor://anysphere.cursor-mcp/oauth/callback" }, client_name = "Cursor", token_endpoint_auth_method = "none" });
        var ownScheme = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "com.example.notes:/callback" }, client_name = "Notes", token_endpoint_auth_method = "none" });
        var lookAlike = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "https://evil.example/callback" }, client_name = "Claude", token_endpoint_auth_method = "none" });
        var document = DocumentClient();
        var everything = ("scope", (string?)"mcp mcp:call openid profile email offline_access");
        return
        [
            new("consent", Alice, page => page.GotoAsync(web.AuthorizeUrl(everything))),
            new("consent-tools", Alice, async page =>
            {
                await page.GotoAsync(web.AuthorizeUrl(everything));
                await page.Locator("summary").Last.ClickAsync();
            }),
            new("consent-already-allowed", Alice, page => page.GotoAsync(known.AuthorizeUrl(everything))),
            new("consent-nothing-left", Alice, async page =>
            {
                await page.GotoAsync(web.AuthorizeUrl(("scope", "mcp mcp:call")));
                await page.Locator("[value=mcp]").UncheckAsync();
                await page.Locator("[value='mcp:call']").UncheckAsync();
                await page.Locator("button[value=allow]").ClickAsync();
                await page.GetByRole(AriaRole.Alert).WaitForAsync();
            }),
            new("consent-locked", Alice, page => page.GotoAsync(web.AuthorizeUrl(("scope", "mcp openid")))),
            new("consent-program", Alice, page => page.GotoAsync(program.AuthorizeUrl(everything))),
            new("consent-links", Alice, page => page.GotoAsync(links.AuthorizeUrl())),
            new("consent-verified-app", Alice, page => page.GotoAsync(document.AuthorizeUrl())),
            new("consent-of-the-organisation", Alice, page => page.GotoAsync(OfOperator("payroll", "https://payroll.example/cb").AuthorizeUrl())),
            new("consent-approved", Alice, page => page.GotoAsync(OfOperator("approved", "https://travel.example/cb").AuthorizeUrl(("prompt", "consent")))),
            new("consent-look-alike", Alice, page => page.GotoAsync(lookAlike.AuthorizeUrl())),
            new("connected-program", Alice, page => DecideAsync(page, program, "allow")),
            new("connected-cursor", Alice, page => DecideAsync(page, links, "allow")),
            new("connected-links", Alice, page => DecideAsync(page, ownScheme, "allow")),
            new("declined-program", Alice, page => DecideAsync(page, program, "deny")),
            new("declined-links", Alice, page => DecideAsync(page, links, "deny")),
            new("going-on", Alice, page => DecideAsync(page, web, "deny")),
        ];
    }

    private async Task<IEnumerable<PageState>> FrontedAsync()
    {
        _gateway.Services.GetRequiredService<ToolCatalogue>().Learn("notes", ToolReview.None,
        [
            .. new[]
            {
                """{"name":"search","title":"Search notes","description":"Finds notes by their words.","annotations":{"readOnlyHint":true}}""",
                """{"name":"add_note","description":"Adds a note.","annotations":{"destructiveHint":false}}""",
                """{"name":"edit_note","description":"Writes a note anew."}""",
                """{"name":"delete_all","description":"Deletes every note of the team.","annotations":{"destructiveHint":true}}""",
            }.Select(tool => JsonDocument.Parse(tool).RootElement),
        ]);
        using var alice = new Person(_gateway);
        var client = await OAuthClient.RegisterPublicAsync(_gateway);
        await client.ConnectAsync(alice);
        var cookies = CookiesOf(alice);
        return
        [
            new("consent-fronted-tools", cookies, async page =>
            {
                await page.GotoAsync(client.AuthorizeUrl(("resource", $"{_gateway.BaseUrl}/mcp/notes"), ("scope", "mcp mcp:call")));
                await page.Locator("summary").Last.ClickAsync();
            }),
            .. await ConnectionsAsync(cookies),
        ];
    }

    private async Task<IEnumerable<PageState>> ConnectionsAsync(IReadOnlyList<Microsoft.Playwright.Cookie> alice)
    {
        await _gateway.Services.GetRequiredService<Vault>().KeepAsync("github", await _gateway.UserIdAsync(), new ConnectionTokens("x", null, null, "https://github.example", new ClientAtAuthority("ours", null, "none"), new Uri("http://127.0.0.1:9/mcp"), "http://127.0.0.1:9/mcp"), "repo read:org");
        var page = $"{_gateway.BaseUrl}{Paths.Connections}";
        var links = _gateway.Services.GetRequiredService<ConnectionLinks>();
        return
        [
            new("connection", alice, browser => browser.GotoAsync($"{page}/calendar")),
            new("connection-connected", alice, browser => browser.GotoAsync($"{page}/github")),
            new("connection-link-old", alice, browser => browser.GotoAsync($"{page}/calendar?link=old"), HttpStatusCode.BadRequest),
            new("connection-for-another", alice, browser => browser.GotoAsync(links.For("calendar", "somebody else")), HttpStatusCode.Forbidden),
            new("connection-left", alice, browser => PressAsync(browser, "later", "later")),
            new("connection-ended", alice, browser => PressAsync(browser, "later", "disconnect")), // a page that was open while it was connected
            new("connection-refused", alice, browser => PressAsync(browser, "connect", "connect"), HttpStatusCode.BadGateway),
            new("connection-not-for-you", alice, browser => browser.GotoAsync($"{page}/payroll"), HttpStatusCode.Forbidden),
            new("account-connections", alice, browser => browser.GotoAsync(_gateway.BaseUrl + Paths.OwnConnections)),
            new("account-connections-disconnect", alice, browser => browser.GotoAsync($"{_gateway.BaseUrl}{Paths.DisconnectConnection}?server=github")),
        ];

        async Task PressAsync(IPage browser, string button, string says)
        {
            await browser.GotoAsync($"{page}/calendar");
            var pressed = browser.Locator($"button[value={button}]");
            if (says != button)
            {
                await pressed.EvaluateAsync("(button, value) => button.value = value", says);
                pressed = browser.Locator($"button[value={says}]");
            }

            await pressed.ClickAsync();
            await browser.Locator("button[name=decision]").First.WaitForAsync(new() { State = WaitForSelectorState.Detached });
        }
    }

    private async Task<IEnumerable<PageState>> AccountAsync()
    {
        using var alice = new Person(_demo);
        using var bob = new Person(_demo, "bob");
        await bob.Browser.SubmitAsync(await bob.Browser.GetAsync(Paths.SignInFor(Paths.OwnAccount)), new Dictionary<string, string> { ["username"] = "bob" });
        Bob = CookiesOf(bob);
        foreach (var number in Enumerable.Range(1, ManyAppTests.PageSize))
        {
            await (await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { $"https://app{number}.example/callback" }, client_name = $"App {number}", token_endpoint_auth_method = "none" })).ConnectAsync(alice);
        }

        var claude = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "http://localhost:4712/callback" }, client_name = "Claude Code", token_endpoint_auth_method = "none" });
        await claude.ConnectAsync(alice);
        var gone = await OAuthClient.RegisterAsync(_demo, new { redirect_uris = new[] { "https://gone.example/callback" }, client_name = "Gone", token_endpoint_auth_method = "none" });
        await gone.ConnectAsync(alice);
        var done = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync($"{Paths.DisconnectApp}?app={gone.ClientId}"));
        await _demo.AddSessionAsync(await _demo.UserIdAsync(), "another browser", _demo.Clock.GetUtcNow().AddDays(-1), AccountServer.Firefox);
        Alice = CookiesOf(alice);
        return
        [
            new("account-apps", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.Apps)),
            new("account-apps-second-page", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.Apps + "?page=2")),
            new("account-apps-none", Bob, page => page.GotoAsync(_demo.BaseUrl + Paths.Apps)),
            new("account-disconnect", Alice, page => page.GotoAsync($"{_demo.BaseUrl}{Paths.DisconnectApp}?app={claude.ClientId}")),
            new("account-disconnected", Alice, page => page.GotoAsync(done.Address.AbsoluteUri)),
            new("account-disconnect-all", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.DisconnectApps)),
            new("account-sessions", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.OwnSessions)),
            new("account-sign-out-one", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.SignOutSession + "?session=another%20browser")),
            new("account-sign-out-others", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.SignOutOthers)),
            new("account-profile", Alice, page => page.GotoAsync(_demo.BaseUrl + Paths.Profile)),
        ];
    }

    private IEnumerable<PageState> Others() =>
    [
        new("home", Nobody, page => page.GotoAsync(_organisation.BaseUrl + Paths.Home)),
        new("home-demo", Nobody, async page =>
        {
            await page.GotoAsync(_demo.BaseUrl + Paths.Home);
            await page.Locator("summary").Nth(2).ClickAsync();
        }),
        new("sign-out", Bob, page => page.GotoAsync(_demo.BaseUrl + Paths.SignOut)),
        new("signed-out", Nobody, page => page.GotoAsync(_demo.BaseUrl + Paths.SignOut)),
        new("setup", Nobody, SetUpAsync),
        new("setup-signed-in", Alice, SetUpAsync),
        new("setup-done", Alice, async page =>
        {
            await SetUpAsync(page);
            await page.Locator("button[value=become]").ClickAsync();
            await page.GetByRole(AriaRole.Status).WaitForAsync();
        }),
        new("setup-unknown", Nobody, page => page.GotoAsync($"{_demo.BaseUrl}{Paths.Setup}?t=unknown"), HttpStatusCode.NotFound),
    ];

    private async Task SetUpAsync(IPage page)
    {
        await using var scope = _demo.Services.CreateAsyncScope();
        await page.GotoAsync(await scope.ServiceProvider.GetRequiredService<SetupLinks>().CreateAsync(Operator.OfThisMachine));
    }

    private IEnumerable<PageState> Errors() =>
    [
        new("error-request", Nobody, page => page.GotoAsync(_demo.BaseUrl + Paths.Authorize), HttpStatusCode.BadRequest),
        new("error-app-unknown", Nobody, page => page.GotoAsync(
            _organisation.BaseUrl + Paths.Authorize + "?client_id=nobody&response_type=code&redirect_uri=https://client.example/cb"), HttpStatusCode.BadRequest),
        new("error-too-old", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/signin?request=forged"), HttpStatusCode.BadRequest),
        new("error-not-found", Nobody, page => page.GotoAsync(_demo.BaseUrl + "/nothing/here"), HttpStatusCode.NotFound),
        new("error-too-fast", Nobody, async page =>
        {
            // Of two the second is one too many, whoever asked before.
            await _strict.Http.GetAsync(Paths.SignInFor(Paths.OwnAccount));
            await page.GotoAsync(_strict.BaseUrl + Paths.SignInFor(Paths.OwnAccount));
        }, HttpStatusCode.TooManyRequests),
    ];

    // The page that goes on by itself, held where it is: arriving with the instruction taken out of it, before a browser has read it.
    // (To let it go on, and stop that, is a race: a browser that is under way answers no question about the page.)
    private static async Task DecideAsync(IPage page, OAuthClient client, string decision)
    {
        await page.GotoAsync(client.AuthorizeUrl(("prompt", "consent")));
        await page.RouteAsync("**/*", async route =>
        {
            if (route.Request.Method != "POST")
            {
                await route.ContinueAsync();
                return;
            }

            var answer = await route.FetchAsync(new() { MaxRedirects = 0 });
            var html = (await answer.TextAsync()).Replace("http-equiv=\"refresh\"", "name=\"refresh\"", StringComparison.Ordinal);
            await route.FulfillAsync(new() { Response = answer, Body = html });
        });
        await page.Locator($"button[value={decision}]").ClickAsync();
        await page.Locator("meta[name=refresh]").WaitForAsync(new() { State = WaitForSelectorState.Attached });
    }

    private static async Task SignInAsync(IPage page, string username)
    {
        await page.Locator("[name=username]").FillAsync(username);
        await page.Locator("form button").Last.ClickAsync();
    }

    private OAuthClient DocumentClient()
    {
        var id = _host.Publish("/client.json", new { client_name = "Notes", redirect_uris = new[] { _host.Origin + "/callback" }, token_endpoint_auth_method = "none" });
        return OAuthClient.Of(_demo, id, null, _host.Origin + "/callback");
    }

    private OAuthClient OfOperator(string clientId, string redirectUri) => OAuthClient.Of(_demo, clientId, null, redirectUri);

    private Microsoft.Playwright.Cookie[] CookiesOf(Person person) =>
    [
        .. person.Cookies.GetCookies(new Uri(_demo.BaseUrl)).Select(cookie => new Microsoft.Playwright.Cookie { Name = cookie.Name, Value = cookie.Value, Url = _demo.BaseUrl, HttpOnly = true }),
    ];

    private async Task<TestServer> StartAsync(params string[] settings)
    {
        var server = await TestServer.StartAsync(settings);
        _servers.Add(server);
        return server;
    }
}
