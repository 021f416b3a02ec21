using System.Net;
using McpIdentity.Server;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Pages;

/// <summary>Whose pages these are: docs/branding.md.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class BrandingTests
{
    private const string Logo = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";

    private readonly TemporaryFolder _folder = new();
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        await File.WriteAllTextAsync(_folder.File("logo"), Logo);
        _server = await TestServer.StartAsync(
            "Branding:Name=Example & Söhne <b>", $"Branding:Logo={_folder.File("logo")}", "Branding:HelpUrl=mailto:help@example.com", "Branding:PrivacyUrl=https://example.com/privacy",
            "Branding:Colors:Accent=#7a1fa2", "Branding:DarkColors:Accent=#d7a3f0", "Branding:DarkColors:OnAccent=#1B1F24");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [TestCase("/signin?request=account", HttpStatusCode.OK)]
    [TestCase("/", HttpStatusCode.OK)]
    [TestCase("/nothing", HttpStatusCode.NotFound)]
    [TestCase("/oauth/authorize", HttpStatusCode.BadRequest)]
    public async Task Every_page_has_the_organisations_name_logo_and_links(string path, HttpStatusCode status)
    {
        using var person = new Person(_server);

        var page = await person.Browser.GetAsync(path);

        Assert.That(page.Status, Is.EqualTo(status));
        var document = page.Document!;
        Assert.That(document.QuerySelector("header")!.TextContent.Trim(), Is.EqualTo("Example & Söhne <b>"));
        Assert.That(document.Title, Does.EndWith(" - Example & Söhne <b>"));
        Assert.That(document.QuerySelectorAll("footer a").Select(link => link.GetAttribute("href")), Is.EqualTo(new[] { "mailto:help@example.com", "https://example.com/privacy" }));
        Assert.That(document.QuerySelector("header img")!.GetAttribute("src"), Does.StartWith("/images/"), "from our own address");
    }

    [Test]
    public async Task The_logo_is_an_image_and_its_script_nobodys_page()
    {
        using var person = new Person(_server);
        var address = (await person.Browser.GetAsync("/signin?request=account")).Document!.QuerySelector("header img")!.GetAttribute("src");

        using var logo = await _server.Http.GetAsync(address);

        Assert.That(await logo.Content.ReadAsStringAsync(), Is.EqualTo(Logo));
        Assert.That(logo.Content.Headers.ContentType!.MediaType, Is.EqualTo("image/svg+xml"));
        Assert.That(logo.Headers.GetValues("Content-Security-Policy"), Is.EqualTo(new[] { "default-src 'none'; sandbox" }));
    }

    [Test]
    public async Task The_style_sheet_has_the_organisations_colours_under_an_address_of_its_own()
    {
        await using var plain = await TestServer.StartAsync();
        using var person = new Person(_server);
        using var other = new Person(plain);
        var address = StyleOf(await person.Browser.GetAsync("/signin?request=account"));

        using var style = await _server.Http.GetAsync(address);

        var css = await style.Content.ReadAsStringAsync();
        Assert.That(css, Does.Contain("--accent: light-dark(#7a1fa2, #d7a3f0)").And.Contain("--on-accent: light-dark(#ffffff, #1B1F24)").And.Contain("--ink: light-dark(#1b1f24, #e8eaed)"));
        Assert.That(style.Headers.CacheControl!.ToString(), Does.Contain("immutable"));
        Assert.That(address, Is.Not.EqualTo(StyleOf(await other.Browser.GetAsync("/signin?request=account"))), "a browser that kept ours asks for it");
    }

    [TestCase("Branding:Name= ", "Branding:Name")]
    [TestCase("Branding:HelpUrl=javascript:alert(1)", "Branding:HelpUrl has 'javascript:alert(1)', which is no https address and no mailto: either")]
    [TestCase("Branding:PrivacyUrl=http://example.com", "Branding:PrivacyUrl has 'http://example.com', which is no https address")]
    [TestCase("Branding:Colors:Accent=red", "'red' for accent, which is no colour such as #0b57d0")]
    [TestCase("Branding:Colors:Accent=#0b57d0; background: url(https://evil.example)", "which is no colour")]
    [TestCase("Branding:Colors:Accent=#ffff00", "accent (#ffff00) on paper (#ffffff) has a contrast of 1.1")]
    [TestCase("Branding:DarkColors:Ink=#202020", "Branding:DarkColors: ink (#202020) on paper (#1b1f24)")]
    [TestCase("Branding:Logo=https://example.com/logo.png", "Branding:Logo: https://example.com/logo.png cannot be read")]
    [TestCase("Branding:Colours:Accent=#7a1fa2", "Branding:Colours")]
    public async Task What_nobody_could_read_or_find_stops_the_start(string setting, string problem)
    {
        var refusal = await Assert.ThrowsAsync<ConfigurationProblems.InvalidConfigurationException>(() => TestServer.StartAsync(setting));

        Assert.That(refusal!.Message, Does.Contain(problem));
    }

    private static string StyleOf(BrowserPage page) => page.Document!.QuerySelector("link[rel=stylesheet]")!.GetAttribute("href")!;
}
