using System.Net;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Federation;

/// <summary>A provider that fails at its token endpoint, its userinfo or its keys: a page that says so, never that the person's browser erred.</summary>
[Category("Federation"), Category("SEED-088")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ProviderFaultTests
{
    private static readonly string[] Faults = ["Reset", "Error", "Html", "Broken", "WrongShape", "Truncated", "Huge"];

    private readonly RecordedLog _log = new();
    private StandInProvider _upstream = null!;
    private StandInGoogle _google = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _google = await StandInGoogle.StartAsync();
        _google.AutoSubmit = true;
        _server = await TestServer.StartAsync(
            builder => builder.Logging.AddProvider(_log),
            [.. _upstream.SettingsOf("acme"), .. _upstream.SettingsOfGitHub, .. _google.Settings]);
        (_upstream.Clock, _google.Clock) = (_server.Clock, _server.Clock);
        _upstream.RedirectUris.UnionWith([_server.BaseUrl + "/oauth/callback/acme", _server.BaseUrl + "/oauth/callback/github"]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        await _google.DisposeAsync();
        _log.Dispose();
    }

    [TestCase("acme", "/token"), TestCase("acme", "/userinfo")]
    [TestCase("github", "/token"), TestCase("github", "/user"), TestCase("github", "/user/emails")]
    [TestCase("google", "/token"), TestCase("google", "/oauth2/v3/userinfo")]
    public async Task What_the_provider_does_wrong_is_told_as_its_doing(string provider, string path)
    {
        foreach (var fault in Faults)
        {
            FaultsOf(provider)[path] = StandInFaults.Of(fault);

            var page = await SignInAsync(provider);

            FaultsOf(provider).Remove(path);
            AssertTold(page, $"{provider} {path} {fault}");
        }
    }

    // Before anything is known of them; what is known serves on (ProviderKeyTests).
    [Test]
    public async Task Keys_that_cannot_be_read_are_told_at_the_sign_in_and_the_next_one_works([Values("acme", "google")] string provider)
    {
        var path = provider == "google" ? "/oauth2/v3/certs" : "/jwks";
        await using var fresh = await TestServer.StartAsync(
            provider == "google"
                ? [
                    .. _google.Settings,
                ]
                : [
                    .. _upstream.SettingsOf("acme"),
                ]);
        _upstream.RedirectUris.Add(fresh.BaseUrl + "/oauth/callback/acme");
        var client = await OAuthClient.RegisterPublicAsync(fresh);
        foreach (var fault in Faults)
        {
            FaultsOf(provider)[path] = StandInFaults.Of(fault);

            var page = await SignInAsync(provider, fresh, client);

            FaultsOf(provider).Remove(path);
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable).Or.EqualTo(HttpStatusCode.BadGateway), $"{fault}: {page.Body}");
            Assert.That(page.Body, Does.Contain("provider_").And.Contain("Reference").And.Not.Contain("invalid_state"), fault);
            fresh.Clock.Advance(TimeSpan.FromSeconds(31));
        }

        (_upstream.Clock, _google.Clock) = (fresh.Clock, fresh.Clock);
        var good = await SignInAsync(provider, fresh, client);
        (_upstream.Clock, _google.Clock) = (_server.Clock, _server.Clock);
        Assert.That(good.Status, Is.EqualTo(HttpStatusCode.OK), good.Body);
    }

    [Test]
    [Category("Slow")]
    public Task A_provider_that_hangs_is_told_as_one() => Task.WhenAll(((string[])["acme", "google"]).Select(async provider =>
    {
        FaultsOf(provider)["/token"] = StandInFaults.Hang;

        var page = await SignInAsync(provider);

        FaultsOf(provider).Clear();
        AssertTold(page, provider);
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), provider);
    }));

    private void AssertTold(BrowserPage page, string why)
    {
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable).Or.EqualTo(HttpStatusCode.BadGateway), $"{why}: {page.Body}");
        Assert.That(page.Body, Does.Contain("provider_unavailable").And.Contain("Reference"), why);
        var reference = page.Document!.QuerySelectorAll("dd code")[^1].TextContent;
        Assert.That(_log.Lines.Any(line => line.Contains("provider_unavailable", StringComparison.Ordinal) && line.Contains(reference, StringComparison.Ordinal)), Is.True, why);
    }

    private IDictionary<string, Microsoft.AspNetCore.Http.RequestDelegate> FaultsOf(string provider) => provider == "google" ? _google.Faults : _upstream.Faults;

    private Task<BrowserPage> SignInAsync(string provider) => SignInAsync(provider, _server, _client);

    private async Task<BrowserPage> SignInAsync(string provider, TestServer server, OAuthClient client)
    {
        using var browser = new NoScriptBrowser(server.BaseUrl, _upstream.Origin, _google.Origin);
        return await browser.SubmitAsync(await browser.GetAsync(client.AuthorizeUrl()), button: provider);
    }
}
