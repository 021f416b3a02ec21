using System.Net;
using System.Net.Http.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Clients;

/// <summary>What a client may call itself, and what a person then reads: who receives the answer, and only then the name.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ClientNameTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:StaticClients:0:ClientId=payroll", "OAuth:StaticClients:0:Name=Payroll of Example", "OAuth:StaticClients:0:RedirectUris:0=https://payroll.example.com/cb");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("Claude Code", "Claude Code")]
    [TestCase("Notes++ (beta), v1.2 & more", "Notes++ (beta), v1.2 & more", TestName = "Punctuation is part of a name")]
    [TestCase("メモ帳 Заметки ملاحظات हिन्दी ไทย", "メモ帳 Заметки ملاحظات हिन्दी ไทย", TestName = "Every script is")]
    [TestCase("Cla\u200Bu\u2060d\uFEFFe", "Claude", TestName = "Nothing invisible")]
    [TestCase("\u202Eedualc\u202C \u2066x\u2069", "edualc x", TestName = "Nothing that turns the text around")]
    [TestCase("a\u00ADb\u034F\uFE0F\U000E0041\u115F\u1160\u3164\uFFA0\u2800", "ab", TestName = "Nothing blank")]
    [TestCase("Ｃｌａｕｄｅ 𝐂𝓵𝖆𝚞ⓓⅇ ﬁne ½", "Claude Claude fine 1\u20442", TestName = "Letters in disguise are plain letters")]
    [TestCase("Claude ✓✔✅☑🗸√\U00010102⍻ 🔒🛡⭐®™", "Claude TM", TestName = "No check mark, no seal")]
    [TestCase("A\u20DDB\u20E3", "AB", TestName = "Nothing in a circle")]
    [TestCase("  a \u00A0\u3000\u2003 b\t", "a b", TestName = "One space is enough")]
    [TestCase("Z\u0301\u0301\u0301\u0301\u0301\u0301a", "Z\u0301\u0301\u0301a", TestName = "No towers of marks")]
    [TestCase("\u0301x", "x", TestName = "No mark without a letter")]
    [TestCase("\uD800a", "a", TestName = "No half of a character")]
    [TestCase("\uE000a\u0378", "a", TestName = "No character that means nothing")]
    [TestCase("\u3164", null, TestName = "A blank letter is no name")]
    [TestCase("✅✅", null, TestName = "A seal is no name")]
    [TestCase("\u202E\u200B", null, TestName = "An order to turn around is no name")]
    [TestCase("- . -", null, TestName = "Punctuation alone is no name")]
    public void A_name_is_what_a_person_can_read_of_it(string name, string? clean)
    {
        Assert.That(ClientNames.Clean(name), Is.EqualTo(clean));
    }

    [Test]
    public void A_name_is_cut_between_letters()
    {
        var shown = ClientNames.Shorten(string.Concat(Enumerable.Repeat("e\u0301", 200)));

        Assert.That(shown, Is.EqualTo(string.Concat(Enumerable.Repeat("e\u0301", ClientNames.MaxShown)) + "…"));
    }

    [TestCase("\u3164")]
    [TestCase("✓ ✅")]
    [TestCase("   ")]
    public async Task A_name_of_which_nothing_is_left_is_refused(string name)
    {
        using var response = await _server.Http.PostAsJsonAsync("/register", new { redirect_uris = new[] { "https://client.example/cb" }, client_name = name });

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [Test]
    [Category("RFC 7591")]
    public async Task The_client_is_told_the_name_that_was_registered()   // RFC 7591 §3.2.1
    {
        using var response = await _server.Http.PostAsJsonAsync("/register", new { redirect_uris = new[] { "https://client.example/cb" }, client_name = "Ｎｏｔｅｓ\u200B ✅" });

        Assert.That((await response.JsonAsync()).Text("client_name"), Is.EqualTo("Notes"));
    }

    [TestCase("https://claude.ai/api/mcp/auth_callback", "the app at claude.ai")]
    [TestCase("https://evil-phish.example:8443/cb", "the app at evil-phish.example:8443")]
    [TestCase("https://xn--lade-7hc8b.example/cb", "the app at xn--lade-7hc8b.example", TestName = "A host of other letters is shown as it travels")]
    [TestCase("https://loopback/cb", "the app at loopback", TestName = "The name loopback is a host like any other")]
    [TestCase("https://loopback:8443/cb", "the app at loopback:8443")]
    [TestCase("https://LOOPBACK/cb", "the app at loopback")]
    [TestCase("https://localhost.evil.example/cb", "the app at localhost.evil.example")]
    [TestCase("https://127.0.0.1.evil.example/cb", "the app at 127.0.0.1.evil.example")]
    [TestCase("http://localhost:4711/cb", "a program on this computer")]
    [TestCase("http://127.0.0.1:4711/cb", "a program on this computer")]
    [TestCase("http://127.9.9.9/cb", "a program on this computer")]
    [TestCase("http://[::1]:4711/cb", "a program on this computer")]
    [TestCase("https://localhost/cb", "a program on this computer")]
    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback", "the app for links of cursor:")]
    public async Task The_heading_says_who_receives_the_answer_whatever_the_name(string redirectUri, string who)
    {
        var page = await ConsentPageAsync("Claude by Anthropic (Official, verified)", redirectUri);

        Assert.That(page.Document!.QuerySelector("h1")!.TextContent.Trim(), Is.EqualTo($"Allow {who} to act for you?").Or.EqualTo($"Allow {who}  to act for you?"));
        Assert.That(page.Document.QuerySelector("h1")!.TextContent, Does.Not.Contain("Anthropic"));
        Assert.That(page.Document.QuerySelector("dl")!.TextContent, Does.Contain("Claude by Anthropic (Official, verified)").And.Contain("This app named itself"));
    }

    [Test]
    public async Task The_operators_name_for_a_client_is_said_to_be_one()
    {
        using var alice = new Person(_server);
        var client = OAuthClient.Of(_server, "payroll", secret: null, "https://payroll.example.com/cb");

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Document!.Body!.TextContent, Does.Contain("Payroll of Example").And.Contain("Registered by your organisation").And.Not.Contain("named itself"));
    }

    [TestCase("Claude", "https://evil.example/cb", "Claude")]
    [TestCase("Get CLAUDE free", "https://evil.example/cb", "Claude")]
    [TestCase("Сlаudе", "https://evil.example/cb", "Claude", TestName = "Cyrillic letters")]
    [TestCase("Сlаudе", "http://127.0.0.1/cb", "Claude", TestName = "Cyrillic letters, on this computer too")]
    [TestCase("C1aude", "https://evil.example/cb", "Claude", TestName = "A digit for a letter")]
    [TestCase("CIaude", "https://evil.example/cb", "Claude", TestName = "A capital I for an l")]
    [TestCase("Clàudé", "https://evil.example/cb", "Claude", TestName = "Accents")]
    [TestCase("C.l-a u_d.e", "https://evil.example/cb", "Claude", TestName = "Punctuation between the letters")]
    [TestCase("ꓚꓡꓮꓴꓓꓰ", "https://evil.example/cb", "Claude", TestName = "Lisu letters")]
    [TestCase("ＣＬＡＵＤＥ", "https://evil.example/cb", "Claude", TestName = "Full-width letters")]
    [TestCase("VSCode", "https://evil.example/cb", "Visual Studio Code")]
    [TestCase("Cursor", "vscode://x/cb", "Cursor", TestName = "The links of another app")]
    [TestCase("Helper", "https://claude-login.example/cb", "Claude", TestName = "The name in the host")]
    [TestCase("Helper", "https://claude.ai.evil.example/cb", "Claude")]
    [TestCase("Payroll of Examp1e", "https://evil.example/cb", "Payroll of Example", TestName = "A client of the operator")]
    [TestCase("Payroll of Example", "https://evil.example/cb", "Payroll of Example", TestName = "The very name of a client of the operator")]
    [TestCase("Claude", "https://claude.ai/api/mcp/auth_callback", null)]
    [TestCase("Claude", "https://claude.com/api/mcp/auth_callback", null)]
    [TestCase("Claude Code", "http://localhost:4711/callback", null, TestName = "Any program may run on this computer")]
    [TestCase("Cursor", "cursor://anysphere.cursor-mcp/oauth/callback", null)]
    [TestCase("Visual Studio Code", "https://vscode.dev/redirect", null)]
    [TestCase("Visual Studio Code", "http://127.0.0.1:33418/", null)]
    [TestCase("MCP Inspector", "http://localhost:6274/oauth/callback", null)]
    [TestCase("Test client", "https://client.example/cb", null)]
    [TestCase("Payroll", "https://client.example/cb", null, TestName = "A word of the operator's name")]
    public void Who_looks_like_a_known_client_is_marked(string name, string redirectUri, string? known)
    {
        var oauth = new OAuthServerOptions();
        var payroll = new StaticClientOptions { ClientId = "payroll", Name = "Payroll of Example" };
        payroll.RedirectUris.Add("https://payroll.example.com/cb");
        oauth.StaticClients.Add(payroll);

        Assert.That(new KnownClients(Options.Create(oauth)).ResembledBy(ClientNames.Clean(name)!, redirectUri), Is.EqualTo(known));
    }

    [Test]
    public async Task The_mark_stands_on_both_pages()
    {
        var client = await RegisterAsync("Clаude", "https://evil-phish.example/cb");
        using var alice = new Person(_server);

        var signIn = await alice.Browser.GetAsync(client.AuthorizeUrl());
        var consent = await alice.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });

        foreach (var page in new[] { signIn, consent })
        {
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(page.Document!.QuerySelector("[role=note]")!.TextContent, Does.Contain("looks like Claude"), page.ToString());
        }
    }

    private async Task<BrowserPage> ConsentPageAsync(string name, string redirectUri)
    {
        var client = await RegisterAsync(name, redirectUri);
        using var alice = new Person(_server);
        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"), page.Body);
        return page;
    }

    private Task<OAuthClient> RegisterAsync(string name, string redirectUri) =>
        OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { redirectUri }, client_name = name, token_endpoint_auth_method = "none" });
}
