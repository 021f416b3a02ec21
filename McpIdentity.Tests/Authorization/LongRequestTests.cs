using System.Net;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Authorization;

/// <summary>What the server accepts at its authorization endpoint it carries through sign-in and consent, whoever vouches for the person.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class LongRequestTests
{
    private const int LongestAddress = 8000;

    private StandInProvider _upstream = null!;
    private StandInGoogle _google = null!;
    private TestServer _demo = null!;
    private TestServer _federated = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _google = await StandInGoogle.StartAsync();
        _demo = await TestServer.StartAsync();
        _federated = await TestServer.StartAsync([.. _google.Settings, .. _upstream.SettingsOf("staff")]);
        _upstream.RedirectUris.Add(_federated.BaseUrl + "/oauth/callback/staff");
    }

    [SetUp]
    public void SetClock() => _federated.Clock.SetUtcNow(TimeProvider.System.GetUtcNow()); // by which the stand-ins date their tokens

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _demo.DisposeAsync();
        await _federated.DisposeAsync();
        await _upstream.DisposeAsync();
        await _google.DisposeAsync();
    }

    [Test]
    public async Task A_long_state_comes_back_as_it_was(
        [Values("demo", "staff", "google")] string provider, [Values(1, 40, 1500, 4000, 6000)] int length, [Values] bool isJson)
    {
        var state = isJson && length < 6000 ? Json(length) : Random(length);
        using var alice = Visitor(provider);
        var client = await OAuthClient.RegisterPublicAsync(provider == "demo" ? _demo : _federated, "https://client.example/callback");

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("state", state)));

        Assert.That(answer["state"], Is.EqualTo(state));
        Assert.That(answer["code"], Is.Not.Empty);
        Assert.That(alice.Browser.Visits.Select(visit => visit.Address.PathAndQuery.Length), Is.All.LessThan(LongestAddress));
        Assert.That(alice.Cookies.GetAllCookies().Sum(cookie => cookie.Value.Length), Is.LessThan(2000), "cookies do not carry it either");
    }

    [TestCase("staff")]
    [TestCase("google")]
    public async Task A_provider_sees_a_short_state_however_long_the_apps_is(string provider)
    {
        using var alice = Visitor(provider);
        var client = await OAuthClient.RegisterPublicAsync(_federated, "https://client.example/callback");

        await alice.AuthorizeAsync(client.AuthorizeUrl(("state", Random(4000))));

        var upstream = provider == "google" ? _google.Requests.Last(request => request.Parameters.ContainsKey("state")).Parameters["state"] : _upstream.Asked[^1]["state"];
        Assert.That(upstream, Has.Length.EqualTo(43));
    }

    // Said by the endpoint to the app, and not by the next page to the person.
    [Test]
    public async Task What_is_too_long_to_be_carried_is_refused_at_once_and_the_app_is_told([Values] bool isForm)
    {
        var client = await OAuthClient.RegisterPublicAsync(_demo, "https://client.example/callback");
        var parameters = QueryHelpers.ParseQuery(new Uri(client.AuthorizeUrl(("state", Random(isForm ? 20_000 : 6800)))).Query).ToDictionary(p => p.Key, p => p.Value.ToString());
        using var form = new FormUrlEncodedContent(parameters);

        using var response = isForm ? await _demo.Http.PostAsync("/oauth/authorize", form) : await _demo.Http.GetAsync(QueryHelpers.AddQueryString("/oauth/authorize", parameters!));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect).Or.EqualTo(HttpStatusCode.SeeOther));
        var answer = QueryHelpers.ParseQuery(response.Headers.Location!.Query);
        Assert.That(answer["error"].ToString(), Is.EqualTo("invalid_request"));
        Assert.That(answer["state"].ToString(), Is.EqualTo(parameters["state"]));
    }

    [TestCase("demo"), TestCase("staff")]
    public async Task The_longest_that_is_not_refused_at_once_is_not_refused_later(string provider)
    {
        var server = provider == "demo" ? _demo : _federated;
        var client = await OAuthClient.RegisterPublicAsync(server, "https://client.example/callback");
        var (carried, refused) = (6000, 6800);
        while (refused - carried > 1)
        {
            var length = (carried + refused) / 2;
            using var answer = await server.Http.GetAsync(client.AuthorizeUrl(("state", Random(length))));
            (carried, refused) = answer.Headers.Location!.OriginalString.Contains("/signin", StringComparison.Ordinal) ? (length, refused) : (carried, length);
        }

        using var alice = Visitor(provider);
        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("state", Random(carried)))))["code"], Is.Not.Empty, $"with {carried} characters");
    }

    [Test]
    public async Task A_form_is_carried_like_a_query()
    {
        var client = await OAuthClient.RegisterPublicAsync(_demo, "https://client.example/callback");
        var state = Random(4000);
        using var form = new FormUrlEncodedContent(QueryHelpers.ParseQuery(new Uri(client.AuthorizeUrl(("state", state))).Query).ToDictionary(p => p.Key, p => p.Value.ToString()));
        using var response = await _demo.Http.PostAsync("/oauth/authorize", form);
        using var alice = Visitor("demo");

        var answer = await alice.AuthorizeAsync(response.Headers.Location!.OriginalString);

        Assert.That(answer["state"], Is.EqualTo(state));
    }

    [Test]
    public async Task A_sign_in_may_come_back_to_another_node()   // docs/interoperability.md, "Any server of several"
    {
        await using var nodes = await Nodes.StartAsync(2, database: null,
            [.. _upstream.SettingsOf("staff")]);
        var (first, second) = (nodes.Servers[0].BaseUrl, nodes.Servers[1].BaseUrl);
        _upstream.RedirectUris.Add(first + "/oauth/callback/staff");
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(first) };
        var client = await OAuthClient.RegisterPublicAsync(http, "https://client.example/callback");
        using var alice = new Person(first, provider: second);
        var state = Random(4000);

        var left = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl(("state", state))), button: "staff");
        using var answer = await http.GetAsync(left.Address);
        var consent = await alice.Browser.GetAsync(second + answer.Headers.Location!.PathAndQuery);
        var end = await alice.Browser.SubmitAsync(consent, button: "allow");

        Assert.That(end.Query["state"], Is.EqualTo(state));
        Assert.That(end.Query["code"], Is.Not.Empty);
    }

    private Person Visitor(string provider) => provider switch
    {
        "demo" => new Person(_demo),
        "google" => new Person(_federated, "alice@example.com", _google.Origin),
        _ => new Person(_federated, provider: _upstream.Origin) { ProviderId = provider },
    };

    // Fixed, and no less dense than what a client draws.
    private static string Random(int length)
    {
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var random = new Random(length);
        return new string([.. Enumerable.Range(0, length).Select(_ => letters[random.Next(letters.Length)])]);
    }

    private static string Json(int length) => """{"nonce":"a b+c/d=","to":"https://client.example/a?b=c&d"}""" is var json && length >= json.Length
        ? json[..^1] + ",\"x\":\"" + Random(length - json.Length - 7) + "\"}"
        : Random(length);
}
