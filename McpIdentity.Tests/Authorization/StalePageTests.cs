using System.Net;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Authorization;

/// <summary>
/// A page stays open while something else happens in the browser. Its form then goes on with its request, which decides anew:
/// nobody reads that an app did wrong, and nothing is allowed for a person who did not press the button.
/// </summary>
[Parallelizable(ParallelScope.Self)]
internal sealed partial class StalePageTests
{
    private static readonly string[] Events = ["sign-out", "other person", "same person again", "form cookie", "session cookie", "all cookies", "time", "decided in another tab"];
    private static readonly string[] Buttons = ["sign in", "allow", "deny", "other", "sign out"];

    private readonly RecordedLog _log = new();
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(_log), "Mcp:RateLimiting:AuthEndpointMaxRequests=100000");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
    }

    private static IEnumerable<TestCaseData> Orders() =>
        from button in Buttons
        from first in Events
        from second in Events.Append("nothing")
        where first != second
        select new TestCaseData(button, first, second).SetArgDisplayNames(button, first, second);

    [TestCaseSource(nameof(Orders))]
    public async Task Whatever_has_happened_meanwhile_a_form_leads_on(string button, string first, string second)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, "https://client.example/callback");
        using var alice = new Person(_server);
        var open = await OpenAsync(alice, client, button);
        await HappensAsync(alice, client, first);
        await HappensAsync(alice, client, second);
        var visits = alice.Browser.Visits.Count;

        var end = await PressAsync(alice, open, button);

        foreach (var page in alice.Browser.Visits.Skip(visits))
        {
            Assert.That((int)page.Status, Is.LessThan(400), $"{page}\n{page.Body}");
        }

        var isSomebodyElse = second == "other person" || (first == "other person" && second != "same person again");
        var decided = new[] { first, second }.Contains("decided in another tab");
        if (end.IsOutside)
        {
            Assert.That(end.Query.ContainsKey("code") || end.Query["error"] == "access_denied", Is.True, end.ToString());
            Assert.That(end.Query["state"], Is.EqualTo("the state"));
            Assert.That(isSomebodyElse && button == "allow" && !decided && end.Query.ContainsKey("code"), Is.False, "bob has allowed nothing");
        }
        else
        {
            Assert.That(end.Address.AbsolutePath, Is.AnyOf("/signin", "/consent", "/oauth/signout"));
            Assert.That(end.Document!.Body!.TextContent, Does.Not.Contain("not valid").And.Not.Contain("developer"));
        }
    }

    [Test]
    public async Task Allow_after_a_sign_out_elsewhere_ends_in_a_code_once_the_person_has_signed_in_and_allowed()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tabs = new[] { await OpenAsync(alice, client, "allow"), await alice.Browser.GetAsync(other.AuthorizeUrl()) };
        await HappensAsync(alice, client, "sign-out");

        foreach (var tab in tabs)
        {
            var signIn = await alice.Browser.SubmitAsync(tab, button: "allow");
            Assert.That(signIn.Address.AbsolutePath, Is.EqualTo("/signin"));
            var consent = await alice.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });
            Assert.That(consent.Address.AbsolutePath, Is.EqualTo("/consent"));
            Assert.That((await alice.Browser.SubmitAsync(consent, button: "allow")).Query["code"], Is.Not.Empty);
            await HappensAsync(alice, client, "sign-out");
        }
    }

    // A client that asks for a fresh sign-in gets one, however the form was delayed.
    [Test]
    public async Task Prompt_login_is_not_lost_with_a_form_that_is_out_of_date()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, "https://client.example/callback");
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);
        var signIn = await alice.Browser.GetAsync(client.AuthorizeUrl(("prompt", "login")));
        await HappensAsync(alice, client, "form cookie");

        var end = await alice.Browser.SubmitAsync(signIn, new Dictionary<string, string> { ["username"] = "alice" });

        Assert.That(end.Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That(alice.Browser.Visits.Select(visit => visit.Address.AbsolutePath), Has.None.EqualTo("/oauth/callback"));
    }

    [Test]
    public async Task A_browser_that_keeps_no_cookie_is_told_so_and_not_sent_in_a_circle()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());
        for (var attempt = 0; attempt < 2; attempt++)
        {
            await HappensAsync(alice, client, "all cookies");
            page = await alice.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });
        }

        Assert.That(page.Document!.QuerySelector("[role=alert]")!.TextContent, Does.Contain("cookies"));
    }

    [TestCase("/signin?request={0}")]
    [TestCase("/consent?request={0}")]
    public async Task A_page_of_yesterday_starts_its_request_again_and_one_that_is_forged_does_not(string address)
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var ticket = (await alice.Browser.GetAsync(client.AuthorizeUrl())).Query["request"]!;
        var url = string.Format(System.Globalization.CultureInfo.InvariantCulture, address, ticket);

        server.Clock.Advance(TimeSpan.FromMinutes(20));
        Assert.That((await alice.Browser.GetAsync(url)).Address.Query, Does.StartWith("?request=").And.Not.Contain(ticket));

        var forged = await alice.Browser.GetAsync(url.Altered());
        server.Clock.Advance(TimeSpan.FromDays(1));
        var old = await alice.Browser.GetAsync(url);
        foreach (var page in new[] { forged, old })
        {
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(page.Document!.Body!.TextContent, Does.Contain("too old").And.Not.Contain("not valid"));
        }
    }

    [TestCase("/oauth/authorize?client_id=nobody&response_type=code&redirect_uri=https://client.example/cb")]
    [TestCase("/oauth/authorize")]
    [TestCase("/signin?request=forged")]
    [TestCase("/consent")]
    [TestCase("/oauth/callback/nobody")]
    [TestCase("/signin?a=1&a=2")]
    public async Task A_page_with_a_reference_has_a_line_in_the_log_with_it(string url)
    {
        using var alice = new Person(_server);

        var page = await alice.Browser.GetAsync(url);

        AssertIsInLog(page);
        if (!url.StartsWith("/oauth/authorize", StringComparison.Ordinal))
        {
            Assert.That(page.Document!.Body!.TextContent, Does.Not.Contain("The app's request"));
        }
    }

    [Test]
    public async Task A_refused_form_has_a_line_in_the_log()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var open = await OpenAsync(alice, client, "allow");
        await HappensAsync(alice, client, "form cookie");
        var before = _log.Lines.Count;

        alice.Cookies.Add(new Uri(_server.BaseUrl), new Cookie("mcpidentity-form", "made-up"));
        await alice.Browser.SubmitAsync(open, button: "allow");

        Assert.That(_log.Lines.Skip(before), Has.Some.Contains("A form for /consent was not followed"));
        Assert.That(_log.Lines.Skip(before), Has.None.StartsWith("Error").And.None.StartsWith("Warning"), "what a browser does every day is nothing to warn of");
    }

    private void AssertIsInLog(BrowserPage page)
    {
        var reference = Reference().Match(page.Document!.Body!.TextContent);
        if (reference.Success)
        {
            Assert.That(_log.Lines, Has.Some.Contains(reference.Value), page.ToString());
        }

        Assert.That(reference.Success, Is.EqualTo(page.Body.Contains("Reference", StringComparison.Ordinal)), page.Body);
    }

    /// <returns>The page with the button, in one tab.</returns>
    private static async Task<BrowserPage> OpenAsync(Person person, OAuthClient client, string button)
    {
        var page = await person.Browser.GetAsync(client.AuthorizeUrl());
        if (button == "sign in")
        {
            return page;
        }

        page = await person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = person.Username });
        return button == "sign out" ? await person.Browser.GetAsync("/oauth/signout") : page;
    }

    private static Task<BrowserPage> PressAsync(Person person, BrowserPage page, string button) => button switch
    {
        "sign in" => person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = person.Username }),
        "sign out" => person.Browser.SubmitAsync(page),
        _ => person.Browser.SubmitAsync(page, button: button),
    };

    // In another tab of the same browser.
    private async Task HappensAsync(Person person, OAuthClient client, string what)
    {
        switch (what)
        {
            case "sign-out":
                var asked = await person.Browser.GetAsync("/oauth/signout");
                await (asked.Document!.Forms.Length > 0 ? person.Browser.SubmitAsync(asked) : Task.CompletedTask);
                break;
            case "other person" or "same person again":
                var page = await person.Browser.GetAsync(client.AuthorizeUrl(("prompt", "login")));
                await person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = what == "other person" ? "bob" : "alice" });
                break;
            case "form cookie" or "session cookie" or "all cookies":
                foreach (var cookie in person.Cookies.GetAllCookies().Where(cookie => what == "all cookies" || cookie.Name == (what == "form cookie" ? "mcpidentity-form" : "mcpidentity")))
                {
                    cookie.Expired = true;
                }

                break;
            case "time":
                _server.Clock.Advance(TimeSpan.FromMinutes(16));
                break;
            case "decided in another tab":
                await person.LeaveAsync(client.AuthorizeUrl(("state", "of another tab")));
                break;
        }
    }

    [GeneratedRegex("[0-9a-f]{32}")]
    private static partial Regex Reference();
}
