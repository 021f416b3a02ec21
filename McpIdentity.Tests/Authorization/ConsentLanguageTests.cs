using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Authorization;

/// <summary>The words of a scope in the language that the person reads: docs/scopes.md, "In other languages".</summary>
[Category("OpenID Connect Core")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ConsentLanguageTests
{
    private const string Notes = "https://notes.example/mcp";

    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync(
            "Mcp:RateLimiting:Enabled=false",
            $"OAuth:Resources:0:Resource={Notes}", "OAuth:Resources:0:Scopes:notes:read=Read your notes", "OAuth:Resources:0:Scopes:notes:write=Write your notes",
            "OAuth:Resources:0:Translations:de:notes:read=Ihre Notizen lesen", "OAuth:Resources:0:Translations:DE:notes:write=Ihre Notizen schreiben",
            "OAuth:Resources:0:Translations:pt-BR:notes:read=Ler as suas notas", "OAuth:Resources:0:Translations:ar:notes:read=قراءة ملاحظاتك");
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(null, null, "Read your notes", null)]
    [TestCase("de", null, "Ihre Notizen lesen", "de")]
    [TestCase("de-AT;q=0.9, fr;q=0.5", null, "Ihre Notizen lesen", "de")]
    [TestCase("fr, en;q=0.3, ar;q=0.8", null, "قراءة ملاحظاتك", "ar")]
    [TestCase("en-GB, de;q=0.9", null, "Read your notes", null)]
    [TestCase("pt-br", null, "Ler as suas notas", "pt-br")]
    [TestCase("fr, de;q=0", null, "Read your notes", null)]
    [TestCase("de-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a, ar", null, "قراءة ملاحظاتك", "ar")]
    [TestCase("pt, *", null, "Read your notes", null)]
    [TestCase("en", "de-CH-1996 fr", "Ihre Notizen lesen", "de")]
    [TestCase("de", "en", "Read your notes", null)]
    [TestCase("de", "zz", "Ihre Notizen lesen", "de")]
    [TestCase(";;,q=", "-", "Read your notes", null)]
    public async Task The_consent_page_speaks_the_language_that_is_preferred(string? acceptLanguage, string? uiLocales, string words, string? language)
    {
        using var alice = new Person(_server) { Browser = { Languages = acceptLanguage } };

        await alice.LeaveAsync(_client.AuthorizeUrl(("resource", Notes), ("scope", "notes:read notes:write"), ("ui_locales", uiLocales), ("prompt", "consent")));

        var page = alice.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent" && visit.Method == HttpMethod.Get).Document!;
        var shown = page.QuerySelectorAll("ul.scopes li span[dir]");
        var read = shown[0];
        Assert.That((read.TextContent, read.GetAttribute("lang")), Is.EqualTo((words, language)));
        Assert.That(shown[^1].TextContent, Is.EqualTo(language == "de" ? "Ihre Notizen schreiben" : "Write your notes"), "what is not translated stays as it is");
    }
}
