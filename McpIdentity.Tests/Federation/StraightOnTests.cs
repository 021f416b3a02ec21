using System.Net;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Federation;

/// <summary>
/// Signing in without an app, and the only provider: the browser goes on to it by itself for a page of ours and for an app that the
/// operator answers for, and for nobody else (MCP security best practices, "Confused Deputy Problem").
/// </summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class StraightOnTests
{
    private StandInProvider _upstream = null!;
    private TestServer _server = null!;
    private OAuthClient _stranger = null!;
    private OAuthClient _desk = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _server = await TestServer.StartAsync(
            [.. _upstream.SettingsOf("acme"), "OAuth:StaticClients:0:ClientId=desk", $"OAuth:StaticClients:0:RedirectUris:0={OAuthClient.DefaultRedirectUri}", "OAuth:StaticClients:0:PreApproved=true",
            "OAuth:StaticClients:1:ClientId=desk-program", $"OAuth:StaticClients:1:RedirectUris:0={OAuthClient.LoopbackRedirectUri}", "OAuth:StaticClients:1:PreApproved=true"]);
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/acme");
        _stranger = await OAuthClient.RegisterPublicAsync(_server);
        _desk = OAuthClient.Of(_server, "desk", null, OAuthClient.DefaultRedirectUri);
    }

    [SetUp]
    public void Reset() => _upstream.Reset();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Test]
    public async Task For_the_account_page_the_only_provider_is_opened_at_once_and_the_browser_comes_back_to_that_page()
    {
        using var alice = Visitor();

        await alice.Browser.GetAsync("/signin?request=account");

        Assert.That(_upstream.Asked, Has.Count.EqualTo(1));
        Assert.That(alice.Browser.Visits.Select(visit => visit.Address.AbsolutePath).Distinct(), Does.Contain("/oauth/callback/acme"));
        Assert.That(alice.Browser.Visits[^1].Address.AbsolutePath, Is.EqualTo("/account/apps"));
        Assert.That(alice.Cookies.GetAllCookies().Select(cookie => cookie.Name), Does.Contain("mcpidentity"));
    }

    [Test]
    public async Task For_an_app_that_the_operator_answers_for_too_and_for_no_other()
    {
        using var alice = Visitor();

        var answer = await alice.AuthorizeAsync(_desk.AuthorizeUrl());

        Assert.That(alice.PagesSeen, Is.Empty);
        Assert.That(answer["code"], Is.Not.Empty);

        using var bob = Visitor();
        await bob.AuthorizeAsync(_stranger.AuthorizeUrl());
        Assert.That(bob.PagesSeen[0], Is.EqualTo("/signin"));
    }

    // RFC 8252 §8.6: whatever runs on the computer can ask in its name, where the person is not even signed in here.
    [Test]
    public async Task Not_for_an_app_that_any_program_on_the_computer_could_be()
    {
        using var alice = Visitor();

        var page = await alice.Browser.GetAsync(OAuthClient.Of(_server, "desk-program", null, OAuthClient.LoopbackRedirectUri).AuthorizeUrl());

        Assert.That((page.Address.AbsolutePath, _upstream.Asked.Count), Is.EqualTo(("/signin", 0)));
    }

    [TestCase("prompt=login"), TestCase("prompt=select_account"), TestCase("signed_in=1")]
    public async Task Who_may_mean_another_account_or_has_just_been_there_chooses(string parameter)
    {
        using var alice = Visitor();

        var page = await alice.Browser.GetAsync(_desk.AuthorizeUrl((parameter.Split('=')[0], parameter.Split('=')[1])));

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That(_upstream.Asked, Is.Empty);
    }

    [TestCase("account"), TestCase("desk")]
    public async Task A_failure_at_the_provider_ends_on_a_page_and_so_does_another_try(string what)
    {
        _upstream.AuthorizationError = "access_denied";
        using var alice = Visitor();

        var failed = await alice.Browser.GetAsync(what == "account" ? "/signin?request=account" : _desk.AuthorizeUrl());
        var again = await alice.Browser.GetAsync(LinkOf(failed, "Try again")!);

        Assert.That(failed.Address.AbsolutePath, Is.EqualTo("/oauth/callback/acme"));
        Assert.That(again.Address.AbsolutePath, Is.EqualTo("/signin"));
        Assert.That(again.Document!.QuerySelectorAll("button[name=provider]"), Has.Exactly(1).Items);
        Assert.That(LinkOf(failed, "Return to the app"), what == "account" ? Is.Null : Is.Not.Null, "no app has asked for the account page");
        Assert.That(_upstream.Asked, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_head_or_a_provider_that_does_not_answer_leads_nowhere()
    {
        using var head = await _server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/signin?request=account"));
        await using var server = await TestServer.StartAsync("OAuth:Providers:acme:ClientId=x", "OAuth:Providers:acme:ClientSecret=y", $"OAuth:Providers:acme:Issuer=http://localhost:{Ports.Next()}");
        using var alice = new Person(server);

        var page = await alice.Browser.GetAsync("/signin?request=account");

        Assert.That((head.StatusCode, _upstream.Asked.Count), Is.EqualTo((HttpStatusCode.OK, 0)));
        Assert.That((page.Status, page.Address.AbsolutePath), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "/signin")));
        Assert.That(LinkOf(page, "Try again"), Is.EqualTo("/signin?request=account&again=1"));
    }

    [TestCase("https://evil.example/"), TestCase("/account"), TestCase("Account"), TestCase("administrator"), TestCase("admin."), TestCase("//evil.example")]
    public async Task Nobody_is_signed_in_for_a_place_that_is_not_on_the_list(string request)
    {
        using var alice = Visitor();

        var page = await alice.Browser.GetAsync("/signin?request=" + Uri.EscapeDataString(request));

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Document!.QuerySelectorAll("main a"), Is.Empty);
        Assert.That(_upstream.Asked, Is.Empty);
    }

    [Test]
    public async Task A_demo_user_signs_in_for_the_account_page_too()
    {
        await using var server = await TestServer.StartAsync();
        using var bob = new Person(server);
        var page = await bob.Browser.GetAsync("/signin?request=account");
        Assert.That(page.Document!.Body!.TextContent, Does.Contain("see and disconnect your apps").And.Not.Contain("The answer goes to"));

        await bob.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" });

        Assert.That(bob.Browser.Visits[^1].Address.AbsolutePath, Is.EqualTo("/account/apps"));
    }

    private static string? LinkOf(BrowserPage page, string link) => page.Document!.QuerySelectorAll("a").SingleOrDefault(a => a.TextContent == link)?.GetAttribute("href");

    private Person Visitor() => new(_server, provider: _upstream.Origin) { ProviderId = "acme" };
}
