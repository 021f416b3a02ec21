using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Authorization;

/// <summary>Nobody decides for somebody else: not by a form that another site sends, not by a decision that was on something else.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ForgedDecisionTests
{
    private const string SessionCookie = "mcpidentity=";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    // An attacker who starts the request has a genuine ticket, and the victim's browser adds the victim's cookies.
    [TestCase(false)]
    [TestCase(true, TestName = "The_token_of_another_browser_allows_nothing")]
    public async Task A_consent_form_that_another_site_sends_allows_nothing(bool withTokenOfAnother)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var page = await SignInAsync(alice, client.AuthorizeUrl());
        using var mallory = new Person(_server, "bob");
        var other = await SignInAsync(mallory, client.AuthorizeUrl());

        using var answer = await PostAsync(alice, "/consent",
            [("request", page.Query["request"]), ("decision", "allow"), ("boxes", "1"), ("scope", "mcp"), ("scope", "offline_access"), .. withTokenOfAnother ? TokensOf(other) : []]);

        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("url=/oauth/authorize?").And.Not.Contain("decision="), "the request goes on, undecided");
        Assert.That(await ConsentsToAsync(client), Is.Zero);
        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/consent"));

        // The same form with its own token: what was missing is the token and nothing else.
        using var genuine = await PostAsync(alice, "/consent", [("request", page.Query["request"]), ("decision", "allow"), ("boxes", "1"), ("scope", "mcp"), ("scope", "offline_access"), .. TokensOf(page)]);
        Assert.That(genuine.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await ConsentsToAsync(client), Is.EqualTo(1));
    }

    // Login CSRF: whoever is signed in unawares gives the attacker's account what they do.
    [TestCase(false)]
    [TestCase(true, TestName = "The_token_of_another_browser_signs_nobody_in")]
    public async Task A_sign_in_form_that_another_site_sends_signs_nobody_in(bool withTokenOfAnother)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var victim = new Person(_server);
        var page = await victim.Browser.GetAsync(client.AuthorizeUrl());
        using var mallory = new Person(_server);
        var other = await mallory.Browser.GetAsync(client.AuthorizeUrl());

        using var answer = await PostAsync(victim, "/signin",
            [("request", page.Query["request"]), ("username", "bob"), .. withTokenOfAnother ? TokensOf(other) : []]);

        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("Please choose again"));
        Assert.That(CookiesOf(answer), Has.None.StartsWith(SessionCookie));

        using var genuine = await PostAsync(victim, "/signin", [("request", page.Query["request"]), ("username", "bob"), .. TokensOf(page)]);
        Assert.That(CookiesOf(genuine), Has.Some.StartsWith(SessionCookie), "with its own token it is a sign-in");
    }

    [Test]
    public async Task A_decision_is_worth_nothing_to_another_person()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var decided = await DecideAsync(alice, client.AuthorizeUrl());
        using var bob = new Person(_server, "bob");
        await SignInAsync(bob, client.AuthorizeUrl());

        Assert.That((await alice.Browser.GetAsync(decided)).IsOutside, Is.True, "for alice it is one");
        var page = await bob.Browser.GetAsync(decided);

        Assert.That(page.IsOutside, Is.False);
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"));
    }

    [Test]
    public async Task A_decision_is_worth_nothing_in_another_session_of_the_same_person()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var desk = new Person(_server);
        using var phone = new Person(_server);
        await client.AuthorizeAsync(desk);
        await client.AuthorizeAsync(phone);
        // What alice has allowed is remembered: only a client that insists shows whether the decision counts.
        var decided = await DecideAsync(desk, client.AuthorizeUrl(("prompt", "consent")));

        Assert.That((await desk.Browser.GetAsync(decided)).IsOutside, Is.True);
        Assert.That((await phone.Browser.GetAsync(decided)).Address.AbsolutePath, Is.EqualTo("/consent"));
    }

    [TestCase("scope", "mcp mcp:call")]
    [TestCase("prompt", "consent")]
    public async Task A_decision_on_one_request_is_none_on_another(string parameter, string value)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var decided = new Uri(await DecideAsync(alice, client.AuthorizeUrl(("scope", "mcp"))));
        var parameters = QueryHelpers.ParseQuery(decided.Query);
        parameters[parameter] = value;

        var page = await alice.Browser.GetAsync(QueryHelpers.AddQueryString(decided.GetLeftPart(UriPartial.Path), parameters));

        Assert.That(page.IsOutside, Is.False);
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"));
    }

    [Test]
    public async Task A_decision_of_one_client_is_none_of_another()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var decided = await DecideAsync(alice, client.AuthorizeUrl());

        var page = await alice.Browser.GetAsync(decided.Replace(client.ClientId, other.ClientId, StringComparison.Ordinal));

        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"));
        Assert.That(await ConsentsToAsync(other), Is.Zero);
    }

    /// <returns>The consent page.</returns>
    private static async Task<BrowserPage> SignInAsync(Person person, string url)
    {
        var page = await person.Browser.SubmitAsync(await person.Browser.GetAsync(url), new Dictionary<string, string> { ["username"] = person.Username });
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/consent"));
        return page;
    }

    /// <summary>Signs in and allows.</summary>
    /// <returns>Where the consent page sent the browser: the request with the decision on it.</returns>
    private static async Task<string> DecideAsync(Person person, string url)
    {
        await person.LeaveAsync(url);
        return person.Browser.Visits.Last(visit => visit.Method == HttpMethod.Post && visit.Address.AbsolutePath == "/consent").Next!.AbsoluteUri;
    }

    private static IEnumerable<(string Name, string? Value)> TokensOf(BrowserPage page) =>
        [("__RequestVerificationToken", page.Document!.QuerySelector("[name=__RequestVerificationToken]")!.GetAttribute("value"))];

    private async Task<HttpResponseMessage> PostAsync(Person person, string path, IEnumerable<(string Name, string? Value)> form)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))),
        };
        request.Headers.Add("Cookie", person.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
        return await _server.Http.SendAsync(request);
    }

    private static string[] CookiesOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Set-Cookie", out var cookies) ? [.. cookies] : [];

    private async Task<int> ConsentsToAsync(OAuthClient client)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Consents.CountAsync(consent => consent.ClientId == client.ClientId);
    }
}
