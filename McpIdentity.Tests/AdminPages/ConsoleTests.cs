using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.AdminPages;
using McpIdentity.Server.Audit;
using McpIdentity.Server.Connections;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Roles;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.AdminPages;

/// <summary>The console for operators: for whom it is, what it lets them do, and that it works without its script.</summary>
[Parallelizable(ParallelScope.Children)]
internal sealed class ConsoleTests
{
    private const int MaxScriptBytes = 20_000; // compressed
    private const int MaxPageBytes = 40_000;

    private static readonly string[] Pages =
    [
        Paths.Console, "/admin/trace", "/admin/users", "/admin/clients", "/admin/settings", "/admin/providers", "/admin/sessions", "/admin/grants", "/admin/connections", "/admin/registration", "/admin/tokens", "/admin/servers", "/admin/scopes", "/admin/policy", "/admin/keys", "/admin/audit", "/admin/doctor", "/admin/administrators",
    ];

    private static readonly string[] OfHelpdesk = [Paths.Console, "/admin/trace", "/admin/users", "/admin/clients", "/admin/sessions", "/admin/grants", "/admin/connections", "/admin/tokens"];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Admin:Owners:0=alice@example.com", "Admin:Helpdesk:0=bob@example.com", "Mcp:RateLimiting:Enabled=false");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Who_is_not_signed_in_signs_in_and_is_at_the_page_they_asked_for()
    {
        using var alice = new Person(_server);

        var page = await OpenAsync(alice, "/admin/sessions");

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/admin/sessions"));
        Assert.That(page.Text(), Does.Contain("alice@example.com").And.Contain("owner"));
    }

    [Test]
    public async Task Who_has_no_role_is_told_so_and_sees_nothing()
    {
        await using var server = await TestServer.StartAsync("Admin:Owners:0=alice@example.com");
        using var bob = new Person(server, "bob");

        var page = await OpenAsync(bob, Paths.Console);

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.Forbidden));
        Assert.That(page.Text(), Does.Contain("administers nothing here").And.Not.Contain("Sessions"));
    }

    [TestCaseSource(nameof(Pages))]
    public async Task A_page_is_for_those_whose_role_reads_it(string path)
    {
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");

        var owner = await OpenAsync(alice, path);
        var helpdesk = await OpenAsync(bob, path);

        Assert.That(owner.Status, Is.EqualTo(HttpStatusCode.OK), owner.Text());
        Assert.That(helpdesk.Status, Is.EqualTo(OfHelpdesk.Contains(path) ? HttpStatusCode.OK : HttpStatusCode.Forbidden));
        Assert.That(System.Text.Encoding.UTF8.GetByteCount(owner.Body), Is.LessThanOrEqualTo(MaxPageBytes));
        Assert.That(helpdesk.Document!.QuerySelectorAll("nav[aria-label=Console] a").Select(link => link.GetAttribute("href")), helpdesk.Status == HttpStatusCode.OK ? Does.Not.Contain("/admin/keys") : Is.Empty);
    }

    [Test]
    public async Task A_session_is_ended_by_a_form_and_the_page_says_so()
    {
        using var alice = new Person(_server);
        await OpenAsync(alice, Paths.Console);
        await _server.AddSessionAsync(await _server.UserIdAsync(), "elsewhere", _server.Clock.GetUtcNow(), "A browser to end");

        var list = await alice.Browser.GetAsync("/admin/sessions");
        var done = await alice.Browser.SubmitAsync(list, button: "elsewhere");

        Assert.That(list.Text(), Does.Contain("A browser to end"));
        Assert.That(done.Text(), Does.Contain("The session has ended").And.Not.Contain("A browser to end"));
        Assert.That((await alice.Browser.GetAsync("/admin/sessions")).Text(), Does.Not.Contain("The session has ended"));
    }

    [Test]
    public async Task A_form_of_another_site_does_nothing()
    {
        using var alice = new Person(_server);
        await OpenAsync(alice, Paths.Console);
        await _server.AddSessionAsync(await _server.UserIdAsync(), "kept", _server.Clock.GetUtcNow(), "A browser that stays");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/admin/sessions") { Content = new FormUrlEncodedContent([KeyValuePair.Create("end", "kept")]) };
        request.Headers.Add("Cookie", alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));

        using var answer = await _server.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.SeeOther));
        Assert.That((await alice.Browser.GetAsync("/admin/sessions")).Text(), Does.Contain("A browser that stays"));
    }

    [Test]
    public async Task Keys_change_for_an_owner_who_has_just_signed_in_and_ending_them_asks_for_the_words()
    {
        await using var server = await TestServer.StartAsync("Admin:Owners:0=alice@example.com");
        using var alice = new Person(server);
        var keys = await OpenAsync(alice, "/admin/keys");

        var without = await alice.Browser.SubmitAsync(keys, button: "end-others");
        var rotated = await alice.Browser.SubmitAsync(keys, button: "now");
        server.Clock.Advance(TimeSpan.FromMinutes(11));
        var late = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync("/admin/keys"), button: "rotate");
        var ended = await alice.Browser.SubmitAsync(await SignInAsync(alice, late), new Dictionary<string, string> { ["typed"] = KeysModel.Word }, button: "end-others");

        Assert.Multiple(() =>
        {
            Assert.That(without.Status, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
            Assert.That(without.Text(), Does.Contain("Nothing was done"));
            Assert.That(rotated.Text(), Does.Contain("A new key was made"));
            Assert.That(late.Address.AbsolutePath, Is.EqualTo(Paths.SignIn), "RFC 9470");
            Assert.That(ended.Text(), Does.Contain("All other keys end"));
        });
    }

    [Test]
    public async Task The_script_is_small_the_one_that_its_makers_publish_and_of_the_console_alone()
    {
        using var alice = new Person(_server);
        var page = await OpenAsync(alice, Paths.Console);
        var script = page.Document!.QuerySelector("script")!.GetAttribute("src")!;
        var bytes = await _server.Http.GetByteArrayAsync(script);
        using var console = await _server.Http.GetAsync(Paths.Console);
        using var home = await _server.Http.GetAsync("/");

        Assert.Multiple(() =>
        {
            // htmx.org 4.0.1, dist/htmx.min.js
            Assert.That(Convert.ToHexStringLower(SHA256.HashData(bytes)), Is.EqualTo("a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"));
            Assert.That(Compressed(bytes), Is.LessThanOrEqualTo(MaxScriptBytes));
            Assert.That(page.Document!.QuerySelectorAll("script"), Has.Exactly(1).Items);
            Assert.That(console.Headers.GetValues("Content-Security-Policy").Single(), Does.EndWith("script-src 'self'; connect-src 'self'").And.StartWith("default-src 'none'"));
            Assert.That(home.Headers.GetValues("Content-Security-Policy").Single(), Does.Not.Contain("script-src"));
        });
    }

    [Test]
    public async Task It_can_be_turned_off()
    {
        await using var server = await TestServer.StartAsync("Admin:Owners:0=alice@example.com", "Admin:Console=false");

        using var answer = await server.Http.GetAsync(Paths.Console);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task A_client_is_made_its_secret_shown_once_and_deleted_when_its_name_is_typed()
    {
        using var alice = new Person(_server);
        var list = await OpenAsync(alice, "/admin/clients");

        var made = await alice.Browser.SubmitAsync(list, new Dictionary<string, string> { ["name"] = "Payroll job", ["what"] = "service" });
        var again = await alice.Browser.GetAsync("/admin/clients?text=Payroll");
        var client = await alice.Browser.FollowAsync(again, "Payroll job");
        var kept = await alice.Browser.SubmitAsync(client, new Dictionary<string, string> { ["typed"] = "Payroll" });
        var deleted = await alice.Browser.SubmitAsync(kept, new Dictionary<string, string> { ["typed"] = "Payroll job" });

        Assert.Multiple(() =>
        {
            Assert.That(made.Text(), Does.Contain("shown this once"));
            Assert.That(again.Text(), Does.Contain("Payroll job").And.Not.Contain("shown this once"));
            Assert.That(kept.Text(), Does.Contain("Nothing was deleted"));
            Assert.That(deleted.Text(), Does.Contain("Payroll job was deleted"));
        });
    }

    [Test]
    public async Task A_token_is_looked_up_and_ended()
    {
        using var alice = new Person(_server);
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var tokens = await client.ConnectAsync(alice);
        var page = await OpenAsync(alice, "/admin/tokens");

        var found = await alice.Browser.SubmitAsync(page, new Dictionary<string, string> { ["token"] = tokens.Text("access_token")! });
        var ended = await alice.Browser.SubmitAsync(found, button: "end");
        var after = await alice.Browser.SubmitAsync(ended, new Dictionary<string, string> { ["token"] = tokens.Text("access_token")! });

        Assert.Multiple(() =>
        {
            Assert.That(found.Text(), Does.Contain("It is good").And.Contain("alice@example.com").And.Contain($"{_server.BaseUrl}/mcp"));
            Assert.That(ended.Text(), Does.Contain("It has ended"));
            Assert.That(after.Text(), Does.Contain("It is not good"));
        });
    }

    [Test]
    public async Task The_overview_has_a_chart_and_a_table_of_each_count_what_happened_last_and_what_everybody_has_to_know()
    {
        var trail = _server.Services.GetRequiredService<AuditTrail>();
        foreach (var (name, hoursAgo, count) in ((string, int, long?)[])[("token_issued", 0, null), ("token_issued", 0, null), ("token_refreshed", 3, null), ("gateway_call", 23, 41), ("token_issued", 25, null), ("refresh_token_reuse", 1, null)])
        {
            await trail.WriteAsync(SecurityEvent.Success(name) with { Count = count, Reason = "of this test", Time = _server.Clock.GetUtcNow().AddHours(-hoursAgo) });
        }

        await using var scope = _server.Services.CreateAsyncScope();
        var day = await LastDay.ReadAsync(scope.ServiceProvider, CancellationToken.None);
        using var alice = new Person(_server);
        var page = await OpenAsync(alice, Paths.Console);

        Assert.Multiple(() =>
        {
            var tokens = day.Charts.Single(chart => chart.Title == "Tokens").Series;
            Assert.That(tokens.Single(line => line.Name == "issued").Values[^1], Is.AtLeast(2), "others of this fixture get tokens too");
            Assert.That(tokens.Single(line => line.Name == "refreshed").Values[^4], Is.EqualTo(1));
            Assert.That(day.Charts.Single(chart => chart.Title.StartsWith("Calls", StringComparison.Ordinal)).Series[0].Values[0], Is.EqualTo(41), "a row that stands for several");
            Assert.That(day.Charts.All(chart => chart.Moments.Count == 24 && chart.Series.All(line => line.Values.Count == 24)));
            Assert.That(day.Alarms, Does.Contain(("refresh_token_reuse", 1L)));
            Assert.That(page.Document!.QuerySelectorAll("figure svg[role=img][aria-label]"), Has.Exactly(4).Items);
            Assert.That(page.Document!.QuerySelectorAll("figure table tbody tr"), Has.Exactly(4 * 24).Items);
            Assert.That(page.Document!.QuerySelectorAll("[aria-label='What happened last'] a[href^='/admin/event?id=']"), Is.Not.Empty);
            Assert.That(page.Text(), Does.Contain("Demo sign-in is on").And.Contain("without TLS"));
        });
    }

    [Test]
    public async Task What_the_filter_shows_of_the_audit_is_exported_in_each_form_and_for_no_page_of_another_site()
    {
        await _server.Services.GetRequiredService<AuditTrail>().WriteAsync(SecurityEvent.Failure("login_failure", "of this test, \"quoted\"") with { Subject = "somebody", Time = _server.Clock.GetUtcNow() });
        using var alice = new Person(_server);
        var list = await OpenAsync(alice, "/admin/audit?user=somebody&result=failure&within=1h");
        Assert.That(list.Document!.QuerySelectorAll("#rows tbody tr"), Has.Exactly(1).Items);

        var found = await alice.Browser.FollowAsync(list, "login_failure");
        var files = new Dictionary<string, BrowserPage>();
        foreach (var format in (string[])["NDJSON", "CSV", "OCSF"])
        {
            files[format] = await alice.Browser.FollowAsync(list, format);
        }

        using var elsewhere = new HttpRequestMessage(HttpMethod.Get, files["CSV"].Address) { Headers = { { "Cookie", alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)) }, { "Sec-Fetch-Site", "cross-site" } } };
        using var answer = await _server.Http.SendAsync(elsewhere);

        Assert.Multiple(() =>
        {
            Assert.That(found.Text(), Does.Contain("of this test").And.Contain("In the chain of"));
            Assert.That(files["NDJSON"].Body.Trim().Split('\n'), Has.One.Items.And.All.Contain("\"event\":\"login_failure\""));
            Assert.That(files["CSV"].Body.Trim().Split("\r\n"), Has.Exactly(2).Items);
            Assert.That(files["CSV"].Body, Does.Contain("\"of this test, \"\"quoted\"\"\""));
            Assert.That(files["OCSF"].Body, Does.Contain("\"class_uid\":3002"));
            Assert.That((answer.StatusCode, answer.Headers.Location?.OriginalString), Is.EqualTo((HttpStatusCode.Redirect, "/admin/audit")));
        });
    }

    [Test]
    public async Task Each_search_that_is_a_link_is_understood()
    {
        using var alice = new Person(_server);
        var list = await OpenAsync(alice, "/admin/audit");

        foreach (var (name, address) in AuditModel.Presets)
        {
            var found = await alice.Browser.FollowAsync(list, name);
            Assert.That((found.Status, found.Address.PathAndQuery), Is.EqualTo((HttpStatusCode.OK, address)));
            // What the form would send is what the link says.
            foreach (var (parameter, value) in found.Query)
            {
                Assert.That(found.Document!.QuerySelector($"input[type=text][name={parameter}][value='{value}'], select[name={parameter}] option[selected][value='{value}'], input[name={parameter}][checked]"), Is.Not.Null, $"{name}: {parameter}");
            }
        }
    }

    [Test]
    public async Task The_audit_is_proven_by_a_button()
    {
        using var alice = new Person(_server);

        var proven = await alice.Browser.SubmitAsync(await OpenAsync(alice, "/admin/audit"), button: "Prove it");

        Assert.That(proven.Document!.QuerySelector("[role=status]")?.TextContent, Does.Contain("Nothing was changed, taken out or put in"));
        Assert.That((await alice.Browser.GetAsync("/admin/audit")).Text(), Does.Contain("rows were looked at"), "what took longer than somebody waited is said later");
    }

    [Test]
    public async Task Why_nothing_is_found_is_said_where_a_search_puts_what_it_found()
    {
        using var alice = new Person(_server);

        var page = await OpenAsync(alice, "/admin/sessions?user=nobody-of-this-name");

        Assert.That(page.Document!.QuerySelector("#rows [role=alert]")?.TextContent, Does.Contain("nobody-of-this-name"));
    }

    [Test]
    public async Task No_link_makes_a_page_say_that_somebody_was_to_sign_in_anew()
    {
        using var alice = new Person(_server);

        await OpenAsync(alice, Paths.Console);
        var page = await alice.Browser.GetAsync("/admin/keys?signed_in_anew=1");

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/admin/keys"));
        Assert.That(page.Text(), Does.Not.Contain("signed in anew"));
    }

    [Test]
    public async Task Scopes_are_shown_in_the_words_of_each_language()
    {
        using var alice = new Person(_server);

        var page = await OpenAsync(alice, "/admin/scopes");

        Assert.That(page.Text(), Does.Contain("Connect to the MCP server and see what it offers").And.Contain("role:owner"));
        Assert.That(page.Document!.QuerySelectorAll("bdi[lang=de]").Select(said => said.TextContent), Is.Not.Empty.And.All.Not.Contain("MCP server and see"));
        Assert.That(page.Document!.QuerySelectorAll("bdi[lang=ar]").Select(said => said.TextContent), Is.Not.Empty.And.All.Match(@"\p{IsArabic}"));
    }

    [Test]
    public async Task An_account_that_somebody_connected_at_a_server_is_ended()
    {
        using var alice = new Person(_server);
        await OpenAsync(alice, Paths.Console);
        await _server.Services.GetRequiredService<Vault>().KeepAsync("github", await _server.UserIdAsync(), new ConnectionTokens("x", null, null, "https://github.example", new ClientAtAuthority("ours", null, "none"), new Uri("http://127.0.0.1:9/mcp"), "http://127.0.0.1:9/mcp"), "repo");

        var list = await alice.Browser.GetAsync("/admin/connections?server=github");
        var ended = await alice.Browser.SubmitAsync(list, button: "End");

        Assert.That(list.Text(), Does.Contain("alice@example.com").And.Contain("repo"));
        Assert.That(ended.Text(), Does.Contain("The account of alice@example.com at github is not connected any more.").And.Contain("There is none."));
        Assert.That(ended.Address.Query, Does.Contain("server=github"), "where they were");
    }

    [Test]
    public async Task The_keys_that_are_published_and_those_of_cookies_are_shown()
    {
        using var alice = new Person(_server);
        var published = (await (await _server.Http.GetAsync(Paths.KeySet)).JsonAsync()).GetProperty("keys")[0];

        var page = await OpenAsync(alice, "/admin/keys");

        using var shown = System.Text.Json.JsonDocument.Parse(page.Document!.QuerySelector("details pre")!.TextContent);
        Assert.That(shown.RootElement.GetProperty("keys")[0].Text("kid"), Is.EqualTo(published.Text("kid")));
        Assert.That(shown.RootElement.ToString(), Does.Not.Contain("\"d\"").And.Not.Contain("\"p\""), "the public half");
        var ofCookies = _server.Services.GetRequiredService<IKeyManager>().GetAllKeys().Select(key => key.KeyId.ToString());
        Assert.That(page.Document!.QuerySelectorAll("[aria-label='Keys of cookies'] tbody th").Select(key => key.TextContent), Is.Not.Empty.And.EquivalentTo(ofCookies));
    }

    [Test]
    public void What_was_done_is_said_shortly_enough_for_an_address()
    {
        var person = new SignedInPerson("a", "b", null, null, false, "demo");
        var notices = _server.Services.GetRequiredService<ConsoleNotices>();

        var address = notices.AddressOf("/admin/policy", new string('x', 100_000), person);

        Assert.That(address, Has.Length.LessThan(4000));
        Assert.That(notices.Read(address.Split('=')[1], person), Does.EndWith("x…"));
        Assert.That(notices.Read(notices.AddressOf("/admin/policy", new string('x', 999) + "🙂🙂", person).Split('=')[1], person), Does.EndWith("x…"), "no half of a character");
    }

    [Test]
    public void Each_entry_of_the_navigation_is_a_page_and_each_page_with_a_role_is_tested() =>
        Assert.That(ConsoleSection.For(AdminRole.Owner).Select(section => section.Path), Is.EquivalentTo(Pages));

    private static async Task<BrowserPage> OpenAsync(Person person, string path) => await SignInAsync(person, await person.Browser.GetAsync(path));

    private static async Task<BrowserPage> SignInAsync(Person person, BrowserPage page) =>
        page.Document?.QuerySelector("[name=username]") is null ? page : await person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = person.Username });

    private static long Compressed(byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return compressed.Length;
    }
}
