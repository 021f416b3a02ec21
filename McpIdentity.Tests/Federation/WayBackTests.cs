using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Federation;

/// <summary>Who could not sign in goes back to the app, which hears of it at once and not by its timeout (RFC 6749 §4.1.2.1), or tries again.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class WayBackTests
{
    private StandInProvider _upstream = null!;
    private StandInGoogle _google = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _google = await StandInGoogle.StartAsync();
        _server = await TestServer.StartAsync([.. _google.Settings, "OAuth:AllowedEmailDomains:0=example.com", .. _upstream.SettingsOf("staff")]);
        _client = await OAuthClient.RegisterPublicAsync(_server, "https://client.example/callback?tenant=7");
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/staff");
    }

    [SetUp]
    public void Reset()
    {
        _server.Clock.SetUtcNow(TimeProvider.System.GetUtcNow()); // by which the stand-ins date their tokens
        _upstream.Reset();
        _google.Reset();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        await _google.DisposeAsync();
    }

    [TestCase("declined", "access_denied")]
    [TestCase("not admitted", "access_denied")]
    [TestCase("not verified", "access_denied")]
    [TestCase("id token", "access_denied")]
    [TestCase("down", "temporarily_unavailable")]
    [TestCase("other browser", "access_denied")]
    public async Task Who_could_not_sign_in_returns_to_the_app(string why, string error)
    {
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "staff" };

        var page = await FailAsync(alice, why);
        var left = await FollowAsync(alice, page, "Return to the app");

        Assert.That((int)page.Status, Is.GreaterThanOrEqualTo(400));
        AssertIsAnswer(left, error);
    }

    [Test]
    public async Task At_google_too()
    {
        using var mallory = new Person(_server, "mallory@elsewhere.example", _google.Origin);
        _google.Add(new GoogleAccount("mallory@elsewhere.example", "Mallory", "Example"));
        var atGoogle = await mallory.Browser.SubmitAsync(await mallory.Browser.GetAsync(_client.AuthorizeUrl()), button: "google");

        var page = await mallory.Browser.SubmitAsync(atGoogle, new Dictionary<string, string> { ["email"] = "mallory@elsewhere.example" });

        Assert.That(page.Body, Does.Contain("domain_not_allowed"));
        AssertIsAnswer(await FollowAsync(mallory, page, "Return to the app"), "access_denied");
    }

    [Test]
    public async Task With_a_demo_user_too()
    {
        await using var server = await TestServer.StartAsync("OAuth:AllowedEmailDomains:0=elsewhere.example");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" });
        var left = await FollowAsync(alice, page, "Return to the app");

        Assert.That(left.Address.GetLeftPart(UriPartial.Path), Is.EqualTo(client.RedirectUri));
        Assert.That(left.Query["error"], Is.EqualTo("access_denied"));
        Assert.That(left.Query["iss"], Is.EqualTo(server.BaseUrl));
    }

    [TestCase("declined")]
    [TestCase("not admitted")]
    [TestCase("other browser")]
    public async Task Or_tries_again_and_gets_a_code(string why)
    {
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "staff" };
        var page = await FailAsync(alice, why);
        _upstream.Reset();

        var answer = await alice.AuthorizeAsync(_server.BaseUrl + LinkOf(page, "Try again"));

        Assert.That(alice.PagesSeen[0], Is.EqualTo("/signin"));
        Assert.That(answer["code"], Is.Not.Empty);
        Assert.That(answer["state"], Is.EqualTo("the state"));
    }

    [Test]
    public async Task Who_comes_back_too_late_has_both_ways_too()
    {
        await using var server = await TestServer.StartAsync(_upstream.SettingsOf("staff"));
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var atProvider = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "staff");
        server.Clock.Advance(TimeSpan.FromMinutes(20));

        var page = await alice.Browser.GetAsync(QueryHelpers.AddQueryString("/oauth/callback/staff", new Dictionary<string, string?> { ["code"] = "x", ["state"] = atProvider.Query["state"] }));

        Assert.That(page.Body, Does.Contain("invalid_state"));
        Assert.That((await FollowAsync(alice, page, "Try again")).Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That((await FollowAsync(alice, page, "Return to the app")).Query["error"], Is.EqualTo("access_denied"));
    }

    // Who has several accounts expects to be another one; the provider would take the same again (OpenID Connect Core §3.1.2.1).
    [TestCase("staff", "email", "alice@elsewhere.example", "example.com only"), TestCase("staff", "email_verified", false, "verified addresses only")]
    public async Task Who_is_not_admitted_reads_by_which_rule_and_as_whom_and_signs_in_with_another_account(string provider, string claim, object value, string rule)
    {
        _upstream.Claims[claim] = value;
        _upstream.OtherAccount = "bob";
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = provider };
        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(_client.AuthorizeUrl(("login_hint", "alice@elsewhere.example"))), button: provider);
        var text = page.Document!.QuerySelector("main")!.TextContent;

        Assert.That(text, Does.Contain(rule).And.Contain("You signed in with staff as Alice Liddell (" + _upstream.Claims["email"]));
        Assert.That(text, Does.Contain("client.example"), "whose developer may be asked");
        var signIn = await FollowAsync(alice, page, "Sign in with another account");
        _upstream.Claims["email_verified"] = true;
        await alice.Browser.SubmitAsync(signIn, button: provider);

        Assert.That(_upstream.Asked[1]["prompt"], Is.EqualTo("select_account"));
        Assert.That(_upstream.Asked[1], Does.Not.ContainKey("login_hint"), "it would lead back to the same account");
    }

    [Test]
    public async Task A_failure_at_the_callback_speaks_the_language_of_the_sign_in_page()
    {
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "staff" };
        _upstream.AuthorizationError = "access_denied";

        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(_client.AuthorizeUrl(("ui_locales", "ar de"))), button: "staff");

        Assert.That(page.Document!.DocumentElement.GetAttribute("lang"), Is.EqualTo("ar"));
        Assert.That(page.Document.QuerySelector("dd[lang=en]")!.TextContent, Does.Contain("reports that the sign-in was cancelled"), "for whoever helps");
    }

    [Test]
    public async Task Who_was_too_fast_has_both_ways_too_in_the_language_of_the_page()
    {
        await using var server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=true", "Mcp:RateLimiting:AuthEndpointMaxRequests=2");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var signIn = await alice.Browser.GetAsync(client.AuthorizeUrl(("ui_locales", "de")));
        await alice.Browser.GetAsync(signIn.Address.AbsoluteUri);

        var refused = await alice.Browser.SubmitAsync(signIn);

        Assert.That((refused.Status, refused.Document!.DocumentElement.GetAttribute("lang")), Is.EqualTo((HttpStatusCode.TooManyRequests, "de")));
        Assert.That(LinkOf(refused, "Noch einmal versuchen"), Is.EqualTo(signIn.Address.PathAndQuery));
        server.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.That((await FollowAsync(alice, refused, "Zurück zur App")).Query["error"], Is.EqualTo("temporarily_unavailable"));
    }

    [Test]
    public async Task Where_the_server_itself_fails_both_ways_are_there_too()
    {
        await using var server = await TestServer.StartAsync(_upstream.SettingsOf("staff"));
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var signIn = await alice.Browser.GetAsync(client.AuthorizeUrl());
        await using (var scope = server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database.ExecuteSqlAsync($"""DROP TABLE "UpstreamStates" """);
        }

        var page = await alice.Browser.SubmitAsync(signIn, button: "staff");

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That((await FollowAsync(alice, page, "Try again")).Address.PathAndQuery, Is.EqualTo(signIn.Address.PathAndQuery + "&again=1"));
        Assert.That((await FollowAsync(alice, page, "Return to the app")).Query["error"], Is.EqualTo("temporarily_unavailable"));
    }

    // Nobody makes our server send an error of their choice, or to a place of their choice.
    [Test]
    public async Task The_way_back_is_ours_alone()
    {
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "staff" };
        var page = await FailAsync(alice, "declined");
        var link = page.Document!.QuerySelectorAll("a").Single(a => a.TextContent == "Return to the app").GetAttribute("href")!;

        var other = await alice.Browser.GetAsync(link.Replace("access_denied", "server_error&code=x", StringComparison.Ordinal));
        var forged = await alice.Browser.GetAsync(link.Replace("request=", "request=x", StringComparison.Ordinal));
        var bare = await alice.Browser.GetAsync(_client.AuthorizeUrl(("decision", "access_denied")));

        Assert.That(other.Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That(forged.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(bare.Address.AbsolutePath, Is.EqualTo("/signin"));
    }

    private async Task<BrowserPage> FailAsync(Person person, string why)
    {
        switch (why)
        {
            case "declined":
                _upstream.AuthorizationError = "access_denied";
                break;
            case "not admitted":
                _upstream.Claims["email"] = "alice@elsewhere.example";
                break;
            case "not verified":
                _upstream.Claims["email_verified"] = false;
                break;
            case "id token":
                _upstream.Bend = token => token.Audience = "somebody else";
                break;
            case "down":
                _upstream.TokenAnswer = Results.StatusCode(503);
                break;
        }

        var signIn = await person.Browser.GetAsync(_client.AuthorizeUrl());
        if (why != "other browser")
        {
            return await person.Browser.SubmitAsync(signIn, button: "staff");
        }

        using var elsewhere = new Person(_server) { ProviderId = "staff" };
        var atProvider = await elsewhere.Browser.SubmitAsync(await elsewhere.Browser.GetAsync(_client.AuthorizeUrl()), button: "staff");
        return await person.Browser.GetAsync(
            QueryHelpers.AddQueryString("/oauth/callback/staff", new Dictionary<string, string?> { ["code"] = "x", ["state"] = atProvider.Query["state"] }));
    }

    private static Task<BrowserPage> FollowAsync(Person person, BrowserPage page, string link) => person.Browser.GetAsync(LinkOf(page, link));

    private static string LinkOf(BrowserPage page, string link) =>
        page.Document!.QuerySelectorAll("a").SingleOrDefault(a => a.TextContent == link)?.GetAttribute("href") ?? throw new AssertionException($"No '{link}' at {page}:\n{page.Body}");

    private void AssertIsAnswer(BrowserPage left, string error)
    {
        Assert.That(left.Address.AbsoluteUri, Does.StartWith("https://client.example/callback?tenant=7&"), left.ToString());
        Assert.That(left.Query["error"], Is.EqualTo(error));
        Assert.That(left.Query["state"], Is.EqualTo("the state"));
        Assert.That(left.Query["iss"], Is.EqualTo(_server.BaseUrl));
        Assert.That(left.Query.ContainsKey("code"), Is.False);
    }
}
