using System.Net;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Federation;

/// <summary>What the sign-in page offers: order, names and images by configuration, and which provider it was the last time.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ProviderButtonTests
{
    private const string Svg = "<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'><rect width='24' height='24'/><script>document.documentElement.setAttribute('id', 'ran')</script></svg>";

    private readonly TemporaryFolder _folder = new();
    private StandInProvider _upstream = null!;
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        await File.WriteAllTextAsync(_folder.File("staff.png"), Svg); // what it is, and not what it is called
        await File.WriteAllBytesAsync(_folder.File("google"), [0x89, .. "PNG\r\n\x1a\n"u8, 0]);
        _upstream = await StandInProvider.StartAsync();
        _server = await TestServer.StartAsync(
        [
            "OAuth:GoogleClientId=id", "OAuth:GoogleClientSecret=secret", "OAuth:Providers:google:DisplayName=Example Workspace", $"OAuth:Providers:google:Icon={_folder.File("google")}",
            .. _upstream.SettingsOf("acme"), .. _upstream.SettingsOf("staff"), $"OAuth:Providers:staff:Icon={_folder.File("staff.png")}", "OAuth:Providers:staff:DisplayName=مزوّد",
            .. _upstream.SettingsOf("other"), "OAuth:ProviderOrder=staff,Google",
        ]);
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/acme");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task Providers_stand_in_the_configured_order_with_their_names_and_images_and_a_letter_where_there_is_none()
    {
        using var person = new Person(_server);

        var page = await person.Browser.GetAsync("/signin?request=account");

        var buttons = page.Document!.QuerySelectorAll("button[name=provider]");
        Assert.That(buttons.Select(button => button.TextContent.Trim()), Is.EqualTo(
            new[] { "Continue with مزوّد", "Continue with Example Workspace", "Continue with acme", "Continue with other" }));
        Assert.That(buttons.Select(button => button.QuerySelector("img")?.GetAttribute("src")?.Split('.')[^1] ?? button.QuerySelector(".tile")!.GetAttribute("data-letter")),
            Is.EqualTo(new[] { "svg", "png", "A", "O" }));
        Assert.That(buttons[0].QuerySelector("img")!.GetAttribute("alt"), Is.Empty, "the name stands beside it");
    }

    [Test]
    public async Task An_image_is_kept_for_good_and_a_name_that_is_none_is_404()
    {
        using var person = new Person(_server);
        var address = (await person.Browser.GetAsync("/signin?request=account")).Document!.QuerySelector("img[src$=svg]")!.GetAttribute("src")!;

        using var image = await _server.Http.GetAsync(address);
        using var head = await _server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, address));
        using var none = await _server.Http.GetAsync("/images/x.svg");

        Assert.That(await image.Content.ReadAsStringAsync(), Is.EqualTo(Svg));
        Assert.That((image.Content.Headers.ContentType!.MediaType, head.StatusCode, none.StatusCode), Is.EqualTo(("image/svg+xml", HttpStatusCode.OK, HttpStatusCode.NotFound)));
        Assert.That(image.Headers.CacheControl!.ToString(), Does.Contain("immutable").And.Contain("max-age=31536000").And.Not.Contain("no-store"));
        Assert.That(image.Headers.GetValues("Content-Security-Policy").Single(), Is.EqualTo("default-src 'none'; sandbox"));
        Assert.That(image.Headers.GetValues("X-Content-Type-Options").Single(), Is.EqualTo("nosniff"));
    }

    [Test]
    [Category("Browser")]
    public async Task An_image_is_shown_on_the_page_and_its_script_does_not_run_even_where_it_is_opened_by_itself()
    {
        await using var chromium = await Chromium.OpenAsync();
        await chromium.Page.GotoAsync(_server.BaseUrl + "/signin?request=account");
        var image = chromium.Page.Locator("img[src$=svg]");
        Assert.That(await image.EvaluateAsync<int>("image => image.naturalWidth"), Is.EqualTo(24));

        await chromium.Page.GotoAsync(_server.BaseUrl + await image.GetAttributeAsync("src"));

        Assert.That(await chromium.Page.ContentAsync(), Does.Contain("<rect").And.Not.Contain("id=\"ran\""));
    }

    [TestCase("OAuth:Providers:acme:Icon", "none.png", null, "cannot be read")]
    [TestCase("OAuth:Providers:google:Icon", "big.png", 64 * 1024 + 1, "more than 64 KiB")]
    [TestCase("OAuth:Providers:acme:Icon", "page.svg", 0, "is no image that browsers show")]
    public async Task A_file_that_is_no_small_image_stops_the_start(string setting, string name, int? size, string message)
    {
        if (size is not null)
        {
            await File.WriteAllTextAsync(_folder.File(name), size > 0 ? new string('x', size.Value) : "<html xmlns='http://www.w3.org/2000/svg'><svg/></html>");
        }

        var failure = await Assert.CatchAsync(() => TestServer.StartAsync([.. _upstream.SettingsOf("acme"), $"{setting}={_folder.File(name)}"]));

        Assert.That(failure!.Message, Does.Contain($"{setting}: {_folder.File(name)} ").And.Contain(message));
    }

    [TestCase("OAuth:ProviderOrder=acme,githbu", "OAuth:ProviderOrder names 'githbu'")]
    [TestCase("OAuth:Providers:google:Scopes:0=openid", "GOOGLE_CLIENT_ID")]
    public async Task An_order_of_providers_that_are_not_there_stops_the_start(string setting, string message)
    {
        var failure = await Assert.CatchAsync(() => TestServer.StartAsync([.. _upstream.SettingsOf("acme"), setting]));

        Assert.That(failure!.Message, Does.Contain(message));
    }

    [Test]
    public async Task The_provider_of_the_last_time_is_marked_and_a_cookie_of_anybody_s_making_changes_nothing()
    {
        _upstream.Reset();
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "acme" };
        var first = await alice.Browser.GetAsync("/signin?request=account");
        await alice.Browser.SubmitAsync(first, button: "acme");

        var again = await alice.Browser.GetAsync("/signin?request=account");
        var cookie = alice.Cookies.GetAllCookies().Single(cookie => cookie.Name == "mcpidentity-provider");
        cookie.Value = "<script>";
        var forged = await alice.Browser.GetAsync("/signin?request=account");

        Assert.That(Marked(first), Is.Empty);
        Assert.That(Marked(again), Is.EqualTo(new[] { "acme" }));
        Assert.That(Marked(forged), Is.Empty);
        Assert.That(cookie.HttpOnly, Is.True);
        Assert.That(cookie.Expires, Is.GreaterThan(DateTime.UtcNow.AddDays(360)));
        static IEnumerable<string?> Marked(BrowserPage page) =>
            page.Document!.QuerySelectorAll("button").Where(button => button.TextContent.Contains("You used this last time", StringComparison.Ordinal)).Select(button => button.GetAttribute("value"));
    }
}
