using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Which addresses may receive an answer at all, of whatever client: registered, echoed and compared as written.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class RedirectUriTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("ms-settings:x"), TestCase("ms-msdt:/id"), TestCase("MS-Word:ofe|u|https://a.example"), TestCase("ms-appinstaller:?source=x"), TestCase("search-ms:query=x"), TestCase("search:x"), TestCase("shell:startup"), TestCase("microsoft-edge:https://a.example")]
    [TestCase("ssh://a.example"), TestCase("sftp://a.example"), TestCase("smb://a.example/share"), TestCase("telnet://a.example"), TestCase("ldap://a.example"), TestCase("ldaps://a.example"), TestCase("rdp://a.example"), TestCase("vnc://a.example"), TestCase("svn+ssh://a.example"), TestCase("git+https://a.example")]
    [TestCase("market://details?id=x"), TestCase("intent://x#Intent;end"), TestCase("android-app://x"), TestCase("content://x"), TestCase("package:x"), TestCase("geo:0,0"), TestCase("steam://run/1"), TestCase("com.epicgames.launcher://x")]
    [TestCase("itms-apps://x"), TestCase("itms://x"), TestCase("itms-services://?action=download-manifest"), TestCase("x-apple.systempreferences:x"), TestCase("applescript://x"), TestCase("facetime://x"), TestCase("prefs:root=x"), TestCase("shortcuts://run-shortcut"), TestCase("macappstore://x")]
    [TestCase("view-source:https://a.example"), TestCase("chrome://settings"), TestCase("edge://settings"), TestCase("devtools://x"), TestCase("feed:https://a.example"), TestCase("web+mcp://x"), TestCase("tel:1"), TestCase("sms:1"), TestCase("mailto:a@a.example"), TestCase("magnet:?xt=x"), TestCase("callto:x")]
    [TestCase("javascript:x"), TestCase("data:text/html,x"), TestCase("file:///x"), TestCase("C:/x"), TestCase("blob:x"), TestCase("about:blank"), TestCase("apt://x"), TestCase("snap://x"), TestCase("flatpak+https://x"), TestCase("webcal://x"), TestCase("bitcoin:x"), TestCase("zoommtg://x"), TestCase("localhost:8080/cb")]
    public void A_scheme_that_a_system_acts_on_is_refused(string uri) => Assert.That(RedirectUris.Check(uri), Is.Not.Null);

    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback"), TestCase("vscode://ms.example/cb"), TestCase("vscode-insiders://x/cb"), TestCase("code-oss://x/cb"), TestCase("claude://oauth/cb"), TestCase("windsurf://x/cb"), TestCase("zed://x/cb"), TestCase("kiro://x/cb"), TestCase("raycast://oauth")]
    [TestCase("com.example.app:/cb"), TestCase("org.ms-example.app:/cb"), TestCase("io.example.telephone:/cb"), TestCase("com.raycast:/oauth"), TestCase("goose://x"), TestCase("lmstudio://x"), TestCase("telescope://x"), TestCase("obsidian://x"), TestCase("msauth.com.example.app://auth")]
    [TestCase("https://a.example/cb?client=x&codes=1"), TestCase("http://127.0.0.1/cb")]
    public void A_client_s_own_scheme_is_registered(string uri) => Assert.That(RedirectUris.Check(uri), Is.Null);

    [Test]
    public async Task A_parameter_of_the_answer_is_refused()
    {
        foreach (var query in new[] { "iss=x", "iss", "%69ss=x", "a=b&iss=x", "ISS=x", "code=x", "state=x", "error=x", "error_description=x", "id_token=x", "access_token=x" })
        {
            using var response = await PostAsync($$"""{"redirect_uris":["https://a.example/cb?{{query}}"]}""");

            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"), query);
        }
    }

    [TestCase("OAuth:McpClientId=ours", "OAuth:McpClientSecret=a secret of some length", "OAuth:McpRedirectUris=https://a.example/cb?iss=x")]
    [TestCase("OAuth:StaticClients:0:ClientId=ours", "OAuth:StaticClients:0:RedirectUris:0=https://a.example/cb?state=x")]
    [TestCase("OAuth:StaticClients:0:ClientId=ours", "OAuth:StaticClients:0:RedirectUris:0=ms-settings:x")]
    public void Nor_may_the_operator_s_clients_have_one(params string[] settings) => Assert.That(
        async () => await TestServer.StartAsync(settings), Throws.Exception.With.Message.Contains("is no redirect URI"));

    // RFC 7591 §3.2.1, RFC 6749 §3.1.2.3: what was registered is echoed, kept and compared as it was written.
    [TestCase("https://c.example/cb", "https://c.example:443/cb", "https://C.example/cb", "https://c.example./cb", "https://c.example/%63b", "https://c.example/cb/", "HTTPS://c.example/cb")]
    [TestCase("https://c.example", "https://c.example/", "https://c.example?", "https://c.example:443")]
    [TestCase("https://c.example/a%2fb?x=%41", "https://c.example/a%2Fb?x=%41", "https://c.example/a%2Fb?x=A", "https://c.example/a/b?x=A")]
    [TestCase("com.example.app:/cb", "com.example.app:///cb", "com.example.App:/cb", "com.example.app:/cb?")]
    [TestCase("http://127.0.0.1:4711/cb", "http://localhost:4711/cb", "http://LOCALHOST:4711/cb", "http://[::1]:4711/cb", "http://127.0.0.1:4711/c%62")]
    [TestCase("https://xn--bcher-kva.example/cb", "https://XN--bcher-kva.example/cb")]
    public async Task Spellings_of_a_redirect_uri_are_redirect_uris_of_their_own(params string[] spellings)
    {
        using var response = await RegisterAsync(new { redirect_uris = spellings, token_endpoint_auth_method = "none", client_name = "Spelling" });
        var registered = await response.JsonAsync();
        using var alice = new Person(_server);

        Assert.That(UrisOf(registered), Is.EqualTo(spellings));
        foreach (var spelling in spellings)
        {
            var all = OAuthClient.Of(_server, registered.Text("client_id")!, null, spelling);
            var sent = await alice.LeaveAsync(all.AuthorizeUrl());
            var code = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(sent.Query)["code"].ToString();
            using var others = await all.RedeemAsync(code, ("redirect_uri", spellings.First(other => other != spelling)));
            using var own = await all.RedeemAsync(code);
            var one = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { spelling }, token_endpoint_auth_method = "none" });

            Assert.That(sent.OriginalString, Does.StartWith(spelling), "the answer goes where it was asked to");
            Assert.That(await others.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), spelling);
            Assert.That(own.StatusCode, Is.EqualTo(HttpStatusCode.OK), spelling);
            foreach (var other in spellings.Where(other => other != spelling))
            {
                using var refused = await _server.Http.GetAsync(one.AuthorizeUrl(("redirect_uri", other)));
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), $"{spelling} was registered, {other} is asked for");
            }
        }
    }

    [Test]
    [Category("SEED-006"), Category("SEED-046")]
    [Requirement("MCP-08"), Requirement("MCP-15")]
    public async Task Several_redirect_uris_of_every_safe_kind_are_echoed()   // docs/interoperability.md, "Private schemes", "Several redirect URIs"
    {
        string[] uris =
        [
            "https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/",
            "http://localhost:4000/oauth/callback/debug", "http://[::1]:7777/cb", "https://claude.ai/api/mcp/auth_callback",
            "cursor://anysphere.cursor-mcp/oauth/callback", "com.example.app:/oauth2redirect", "https://chatgpt.com/connector/oauth/a-b_c?x=1",
        ];

        using var response = await RegisterAsync(new { redirect_uris = uris, application_type = "web" });

        var client = await response.JsonAsync();
        Assert.That(UrisOf(client), Is.EqualTo(uris));
        Assert.That(client.Text("application_type"), Is.EqualTo("native"));
    }

    [TestCase("javascript:alert(1)")]
    [TestCase("data:text/html,x")]
    [TestCase("file:///etc/passwd")]
    [TestCase("vbscript:x")]
    [TestCase("about:blank")]
    [TestCase("blob:https://client.example/x")]
    [TestCase("ws://client.example/cb")]
    [TestCase("JavaScript:alert(1)")]
    [TestCase("http://client.example/callback")]
    [TestCase("http://localhost.evil.example/callback")]
    [TestCase("http://127.0.0.1.evil.example/callback")]
    [TestCase("https://client.example/cb#fragment")]
    [TestCase("https://client.example/cb#")]
    [TestCase("https://user:password@client.example/cb")]
    [TestCase("https://client.example/../cb")]
    [TestCase("https://client.example/a/%2e%2e/cb")]
    [TestCase("https://client.example/*")]
    [TestCase("https://*.client.example/cb")]
    [TestCase("https://client.example\\@evil.example/cb")]
    [TestCase("https://client.example/c b")]
    [TestCase("https://client.example/\u0000")]
    [TestCase("https://")]
    [TestCase("/relative")]
    [TestCase("//client.example/cb")]
    [TestCase("not a uri")]
    [TestCase("")]
    [Category("SEED-046"), Category("B-08")]
    [Requirement("MCP-08")]
    public async Task A_dangerous_redirect_uri_is_refused(string redirectUri)
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { redirectUri } });

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [TestCase("""{"redirect_uris":[]}""")]
    [TestCase("""{}""")]
    [TestCase("""{"redirect_uris":[1]}""")]
    [TestCase("""{"redirect_uris":["\ud800"]}""")]
    [TestCase("""{"redirect_uris":[null]}""")]
    [TestCase("""{"redirect_uris":[{}]}""")]
    [TestCase("""{"redirect_uris":null,"grant_types":["authorization_code"]}""")]
    [Category("SEED-046")]
    public async Task Redirect_uris_that_are_missing_or_no_text_are_refused(string body)
    {
        using var response = await PostAsync(body);

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [Test]
    public async Task Twenty_redirect_uris_are_accepted_and_twenty_one_are_not()
    {
        using var twenty = await RegisterAsync(new { redirect_uris = Uris(20) });
        using var more = await RegisterAsync(new { redirect_uris = Uris(21) });
        using var tooLong = await RegisterAsync(new { redirect_uris = new[] { "https://client.example/" + new string('a', 2048) } });

        Assert.That(twenty.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await more.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
        Assert.That(await tooLong.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));

        static string[] Uris(int count) => [.. Enumerable.Range(0, count).Select(i => $"https://client.example/{i}")];
    }

    private Task<HttpResponseMessage> RegisterAsync(object metadata) => _server.Http.PostAsJsonAsync("/register", metadata);

    private Task<HttpResponseMessage> PostAsync(string body) => _server.Http.PostAsync("/register", new StringContent(body, Encoding.UTF8, "application/json"));

    private static string?[] UrisOf(JsonElement registered) => [.. registered.GetProperty("redirect_uris").EnumerateArray().Select(item => item.GetString())];
}
