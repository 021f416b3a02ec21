using McpIdentity.Server.Clients;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Which addresses may receive an answer at all, of whatever client.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RedirectUriTests
{
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
        await using var server = await TestServer.StartAsync();
        foreach (var query in new[] { "iss=x", "iss", "%69ss=x", "a=b&iss=x", "ISS=x", "code=x", "state=x", "error=x", "error_description=x", "id_token=x", "access_token=x" })
        {
            using var response = await server.Http.PostAsync("/register", Json($$"""{"redirect_uris":["https://a.example/cb?{{query}}"]}"""));

            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"), query);
        }
    }

    [TestCase("OAuth:McpClientId=ours", "OAuth:McpClientSecret=a secret of some length", "OAuth:McpRedirectUris=https://a.example/cb?iss=x")]
    [TestCase("OAuth:StaticClients:0:ClientId=ours", "OAuth:StaticClients:0:RedirectUris:0=https://a.example/cb?state=x")]
    [TestCase("OAuth:StaticClients:0:ClientId=ours", "OAuth:StaticClients:0:RedirectUris:0=ms-settings:x")]
    public void Nor_may_the_operator_s_clients_have_one(params string[] settings) => Assert.That(
        async () => await TestServer.StartAsync(settings), Throws.Exception.With.Message.Contains("is no redirect URI"));

    [TestCase("contacts", 21), TestCase("grant_types", 21), TestCase("response_types", 21)]
    public async Task A_list_has_an_end(string member, int count)
    {
        await using var server = await TestServer.StartAsync();
        var values = string.Join(',', Enumerable.Repeat(member == "grant_types" ? "\"refresh_token\"" : member == "contacts" ? "\"a@a.example\"" : "\"code\"", count));
        using var response = await server.Http.PostAsync("/register", Json($$"""{"redirect_uris":["https://a.example/cb"],"{{member}}":[{{values}}]}"""));

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [Test]
    public async Task All_that_is_kept_of_a_client_has_an_end()
    {
        await using var server = await TestServer.StartAsync();
        var contacts = string.Join(',', Enumerable.Repeat($"\"{new string('c', 1000)}\"", 20));
        using var refused = await server.Http.PostAsync("/register", Json($$"""{"redirect_uris":["https://a.example/cb"],"contacts":[{{contacts}}]}"""));
        var uris = string.Join(',', Enumerable.Range(0, 20).Select(number => $"\"https://a.example/{new string('u', 2000)}{number}\""));
        using var alsoRefused = await server.Http.PostAsync("/register", Json($$"""{"redirect_uris":[{{uris}}]}"""));

        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
        Assert.That(await alsoRefused.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    private static StringContent Json(string body) => new(body, System.Text.Encoding.UTF8, "application/json");
}
