using McpIdentity.Migrations.Entities;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;

namespace McpIdentity.Tests.AdminPages;

/// <summary>The console in a real browser: no fault that axe finds, nothing wider than a telephone, no error on the way, lists that are searched while one types (WCAG 2.2).</summary>
[Category(Needs.Browser)]
[Category(Needs.Node)]
[Parallelizable(ParallelScope.Self)]
internal sealed class ConsoleBrowserTests
{
    private TestServer _server = null!;
    private ChromiumPage _chromium = null!;

    // Of which there are pictures in docs/pages; of the trace, with something to see.
    private static readonly (string Path, string Name)[] Pictured = [(Paths.Console, "overview"), (ClientsModel.Path, "clients"), ($"{TraceModel.Path}?", "trace"), (AuditModel.Path, "audit")];

    private IPage Page => _chromium.Page;

    [OneTimeSetUp]
    public async Task OpenAsync()
    {
        _server = await TestServer.StartAsync(
            "Admin:Owners:0=alice@example.com", "Admin:Auditors:0=bob@example.com", "Mcp:RateLimiting:Enabled=false", "Gateway:Servers:notes:Url=http://127.0.0.1:9/mcp", "Gateway:Servers:notes:DisplayName=Notes of the team");
        _chromium = await Chromium.OpenAsync(new() { ViewportSize = new() { Width = 1280, Height = 900 } });
        await Axe.AddToAsync(_chromium.Context);
        await Page.GotoAsync(_server.BaseUrl + Paths.Console);
        await Page.Locator("[name=username]").FillAsync("alice");
        await Page.Locator("[name=username]").PressAsync("Enter");
        await Page.Locator("nav[aria-label=Console]").WaitForAsync();
    }

    [OneTimeTearDown]
    public async Task CloseAsync()
    {
        await _chromium.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task No_page_has_a_fault_that_axe_finds_or_is_wider_than_a_telephone()
    {
        var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { "https://claude.ai/api/mcp/auth_callback" }, client_name = "Claude", token_endpoint_auth_method = "none" });
        using (var alice = new Person(_server))
        {
            await client.ConnectAsync(alice);
        }

        if (IsUpdating)
        {
            await BeUsedAsync();
        }

        using var refused = await _server.Http.GetAsync(OAuthClient.Of(_server, client.ClientId, null, "https://claude.ai/another/callback").AuthorizeUrl());
        await Until.TrueAsync(() => _server.DatabaseAsync(db => db.AuditEntries.AnyAsync(row => row.Event == "authorization_refused" || row.Event == "request_refused")), "the audit has it");
        _server.Clock.Advance(TimeSpan.FromMinutes(2)); // the charts are counted once a minute
        var problems = new List<string>();
        foreach (var path in ConsoleSection.For(AdminRole.Owner).Select(section => section.Path).Append(ConsoleClientModel.AddressOf(client.ClientId)).Append("/admin/server?name=notes").Append(EventModel.AddressOf(1)).Append($"{TraceModel.Path}?of={client.ClientId}"))
        {
            _chromium.Forget();
            await Page.GotoAsync(_server.BaseUrl + path);
            var found = new List<string>(await Axe.FindViolationsAsync(Page));
            await PictureAsync(path, "");
            await Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
            await Page.SetViewportSizeAsync(320, 640);
            found.AddRange(await Axe.FindViolationsAsync(Page, Axe.OfLooks));
            await PictureAsync(path, "-dark");
            if (await Page.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
            {
                found.Add($"is wider than 320 pixels: {await Page.EvaluateAsync<string>("[...document.querySelectorAll('main *, nav *')].filter(e => e.getBoundingClientRect().right > 321 && !e.closest('.scrolls, pre')).map(e => e.outerHTML.slice(0, 120)).slice(0, 3).join(' | ')")}");
            }

            await Page.SetViewportSizeAsync(1280, 900);
            await Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
            problems.AddRange(found.Concat(_chromium.ConsoleErrors).Select(problem => $"{path}: {problem}"));
        }

        Assert.That(string.Join('\n', problems), Is.Empty);
    }

    [Test]
    public void The_guide_has_pictures_of_the_main_pages() => Assert.That(
        Directory.EnumerateFiles(Pictures, "*.png").Select(Path.GetFileName), Is.EquivalentTo(Pictured.SelectMany(page => new[] { $"{page.Name}.png", $"{page.Name}-dark.png" })), "UPDATE_PAGES=1 writes them");

    [Test]
    public async Task A_list_is_searched_while_one_types()
    {
        await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { "https://needle.example/callback" }, client_name = "Needle", token_endpoint_auth_method = "none" });
        await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { "https://hay.example/callback" }, client_name = "Hay", token_endpoint_auth_method = "none" });
        _chromium.Forget();
        await Page.GotoAsync(_server.BaseUrl + ClientsModel.Path);
        await Page.EvaluateAsync("window.isTheSame = true");

        await Page.Locator("#text").PressSequentiallyAsync("needle");
        await Assertions.Expect(Page.Locator("#rows")).Not.ToContainTextAsync("hay.example");

        Assert.That(await Page.Locator("#rows").TextContentAsync(), Does.Contain("needle.example"));
        Assert.That(await Page.EvaluateAsync<bool>("window.isTheSame"), "without loading the page anew");
        Assert.That(_chromium.ConsoleErrors, Is.Empty);
    }

    [Test]
    public async Task A_list_stays_where_an_error_is_answered()
    {
        await Page.GotoAsync(_server.BaseUrl + ClientsModel.Path);
        await Page.RouteAsync("**/admin/clients?**", route => route.FulfillAsync(new() { Status = 429, ContentType = "text/html", Body = "<html><body><h1>Too many</h1></body></html>" }));
        await Page.RunAndWaitForResponseAsync(() => Page.Locator("#text").PressSequentiallyAsync("x"), response => response.Status == 429);
        await Page.UnrouteAllAsync();

        await Page.Locator("#text").FillAsync("nobody is called so");

        await Assertions.Expect(Page.Locator("#rows")).ToContainTextAsync("There is none.");
    }

    [Test]
    public async Task A_list_that_is_searched_after_the_session_has_ended_leads_to_the_sign_in()
    {
        await using var other = await Chromium.OpenAsync();
        await other.Page.GotoAsync(_server.BaseUrl + ClientsModel.Path);
        await other.Page.Locator("[name=username]").FillAsync("alice");
        await other.Page.Locator("[name=username]").PressAsync("Enter");
        await other.Page.Locator("#text").WaitForAsync();
        await other.Context.ClearCookiesAsync();

        await other.Page.Locator("#text").PressSequentiallyAsync("needle");

        await other.Page.Locator("[name=username]").WaitForAsync();
        Assert.That(other.Page.Url, Does.Contain(Paths.SignIn));
    }

    private static bool IsUpdating => Environment.GetEnvironmentVariable("UPDATE_PAGES") == "1";

    private static string Pictures => Repository.PathOf("docs", "pages", "console");

    // A picture of a server that nobody uses shows nothing: people who connect their apps, and a day of what the charts count.
    private async Task BeUsedAsync()
    {
        foreach (var (name, app, redirectUri) in ((string, string, string)[])[
            ("bob", "Cursor", "cursor://anysphere.cursor-retrieval/oauth/callback"), ("alice", "Visual Studio Code", "https://vscode.dev/redirect"), ("bob", "MCP Inspector", "http://localhost:6274/oauth/callback")])
        {
            var client = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { redirectUri }, client_name = app, token_endpoint_auth_method = "none" });
            using var person = new Person(_server, name);
            await client.ConnectAsync(person);
        }

        var now = _server.Clock.GetUtcNow();
        (string Event, string Result, int Most)[] kinds =
        [
            ("token_issued", "success", 40), ("token_refreshed", "success", 90), ("token_refused", "failure", 4), ("login_success", "success", 25), ("login_failure", "failure", 3),
            ("mcp_auth_success", "success", 700), ("scope_denied", "failure", 20), ("gateway_call", "success", 500), ("gateway_call", "failure", 12),
        ];
        await _server.DatabaseAsync(async db =>
        {
            db.AddRange(Enumerable.Range(1, 22).SelectMany(hour => kinds.Select((kind, i) => new AuditEntry
            {
                Node = "yesterday",
                Sequence = (hour * kinds.Length) + i,
                At = now.AddHours(-hour),
                Event = kind.Event,
                Level = "info",
                Result = kind.Result,
                Line = $$"""{"event":"{{kind.Event}}","count":{{1 + (kind.Most * (1 + ((hour * (i + 3)) % 7)) * Math.Abs(12 - hour) / 84)}}}""",
                Hash = [],
            })));
            return await db.SaveChangesAsync();
        });
    }

    private async Task PictureAsync(string path, string variant)
    {
        if (IsUpdating && Array.Find(Pictured, page => page.Path == path || (page.Path.EndsWith('?') && path.StartsWith(page.Path, StringComparison.Ordinal))) is { Name: { } name })
        {
            var size = Page.ViewportSize!;
            var height = Math.Min(await Page.EvaluateAsync<int>("document.body.getBoundingClientRect().height"), 1400);
            await Page.ScreenshotAsync(new() { Path = System.IO.Path.Combine(Pictures, $"{name}{variant}.png"), FullPage = true, Clip = new() { Width = size.Width, Height = height } });
        }
    }
}
