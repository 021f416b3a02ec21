using System.Net;
using System.Net.Http.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Pages;

/// <summary>
/// Apps whose names and logos are there to deceive: none of them stands in a heading, is markup, loads anything, turns a page
/// around, or makes it wider than a telephone (docs/consent.md).
/// </summary>
[Category(Needs.Browser)]
[Parallelizable(ParallelScope.Self)]
internal sealed class HostileAppTests
{
    private static readonly string[] Names =
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "'><iframe src=javascript:alert(1)>", "</title><script>alert(1)</script>",
        "</bdi></dd></dl><h1>Google</h1>", "<a href=https://evil.example>Continue</a>", "<meta http-equiv=refresh content=0;url=https://evil.example>", "<base href=https://evil.example/>",
        "<link rel=stylesheet href=https://evil.example/x.css>", "<style>*{display:none}</style>", "<form action=https://evil.example><button>Allow</button></form>",
        "<input name=decision value=allow>", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;", "{{constructor.constructor('alert(1)')()}}", "${alert(1)}", "@(1+1)", "%3Cscript%3E",
        "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "{0} {1} {2}", "{", "}} {{", "%s%n%x", "=cmd|'/c calc'!A0", "Robert'); DROP TABLE Students;--",
        "Claude by Anthropic (Official, verified ✓)", "✅ Verified by Google", "🔒 Secure", "Cl\u0430ude", "C1aude", "Сursor", "VS\u200bCode", "Visual Studio Code\u2028Allow", "Google\u202egro.live",
        "\u202eelgooG", "\u2066Claude\u2069\u202a", "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307", "Claude" + "\u3164", "\ufeffClaude", "Cl\u00adaude", "ＣＬＡＵＤＥ", "𝒞𝓁𝒶𝓊𝒹ℯ", "Ⓒⓛⓐⓤⓓⓔ",
        "The operator of this server", "This host has been verified", "registered by your organisation", "accounts.google.com", "https://accounts.google.com/", "localhost", "McpIdentity",
        "Deny", "Allow", "Not you?", new string('W', 200), string.Concat(Enumerable.Repeat("عربي ", 40)), string.Concat(Enumerable.Repeat("長い名前", 40)), "ﷺﷺﷺﷺﷺﷺﷺ", "line\nbreak\tand\rreturn",
        "null", "undefined", "𓂀𓂀𓂀", "👨‍👩‍👧‍👦 family",
    ];

    private static readonly string[] Logos =
    [
        "https://evil.example/pixel.png", "http://evil.example/pixel.png", "//evil.example/p.png", "javascript:alert(1)", "data:image/svg+xml,<svg onload=alert(1)>", "https://evil.example/a.svg\" onerror=\"alert(1)",
        "file:///etc/passwd", "https://169.254.169.254/latest/meta-data", "https://user:secret@evil.example/a.png", "https://evil.example/" + "a/",
    ];

    [Test]
    public async Task No_name_and_no_logo_does_anything_on_a_page()
    {
        await using var server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");
        await using var chromium = await Chromium.OpenAsync(new() { ViewportSize = new() { Width = 320, Height = 640 } });
        var page = chromium.Page;
        var (dialogs, requests, shown) = (0, new List<string>(), 0);
        page.Dialog += (_, dialog) =>
        {
            dialogs++;
            _ = dialog.DismissAsync();
        };
        page.Request += (_, request) => requests.Add(request.Url);
        var honest = await OAuthClient.RegisterPublicAsync(server, "https://evil.example/callback");
        await page.GotoAsync(honest.AuthorizeUrl());
        await page.Locator("form button").Last.ClickAsync(); // as Alice
        await page.Locator("button[value=allow]").WaitForAsync();
        var (elements, title, heading) = (await ElementsAsync(), await page.TitleAsync(), await page.Locator("h1").InnerTextAsync());
        Assert.That(Names, Has.Length.GreaterThanOrEqualTo(60));

        for (var i = 0; i < Names.Length; i++)
        {
            if (await RegisterAsync(server, Names[i], Logos[i % Logos.Length]) is not { } client)
            {
                continue; // refused, which is an answer
            }

            shown++;
            await page.GotoAsync(client.AuthorizeUrl());

            using (Assert.EnterMultipleScope())
            {
                Assert.That(await page.Locator("h1").InnerTextAsync(), Is.EqualTo(heading), Names[i]);
                Assert.That(await ElementsAsync(), Is.EqualTo(elements).Or.EqualTo(elements + " P"), $"nothing but a warning is added: {Names[i]}");
                Assert.That(await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"), Is.LessThanOrEqualTo(0), Names[i]);
                Assert.That(await page.TitleAsync(), Is.EqualTo(title), "nor in the title");
                Assert.That((await page.Locator("bdi").AllInnerTextsAsync()).Max(text => text.Length), Is.LessThanOrEqualTo(ClientNames.MaxShown + 1), "long names are cut");
            }
        }

        Assert.That(shown, Is.GreaterThan(Names.Length / 2), "not all are refused");
        Assert.That(dialogs, Is.Zero);
        Assert.That(requests.Where(url => !url.StartsWith(server.BaseUrl + "/", StringComparison.Ordinal) && !url.StartsWith("data:", StringComparison.Ordinal)), Is.Empty);
        Assert.That(chromium.ConsoleErrors, Is.Empty);

        // By their kind, in order; a warning is one paragraph more.
        async Task<string> ElementsAsync() => await page.EvaluateAsync<string>(
            "() => { const all = [...document.querySelectorAll('body *')]; const warnings = all.filter(e => e.matches('main > p.problem')); return all.filter(e => !e.matches('main > p.problem, main > p.problem *')).map(e => e.tagName).join(' ') + (warnings.length ? ' P' : ''); }");
    }

    private static async Task<OAuthClient?> RegisterAsync(TestServer server, string name, string logo)
    {
        foreach (var metadata in new object[]
        {
            new { redirect_uris = new[] { "https://evil.example/callback" }, client_name = name, logo_uri = logo, token_endpoint_auth_method = "none" },
            new { redirect_uris = new[] { "https://evil.example/callback" }, client_name = name, token_endpoint_auth_method = "none" },
        })
        {
            using var response = await server.Http.PostAsJsonAsync("/register", metadata);
            Assert.That((int)response.StatusCode, Is.EqualTo(201).Or.EqualTo(400), await response.Content.ReadAsStringAsync());
            if (response.StatusCode == HttpStatusCode.Created)
            {
                return OAuthClient.Of(server, (await response.JsonAsync()).Text("client_id")!, null, "https://evil.example/callback");
            }
        }

        return null;
    }
}
