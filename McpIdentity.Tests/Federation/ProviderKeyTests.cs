using System.Net;
using McpIdentity.Mcp.Credentials;
using McpIdentity.Mcp.IssuerKeys;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Federation;

/// <summary>The whole life of a provider's keys: strange ones, new ones, none. The same for Google, which has a handler of its own.</summary>
[Category("Federation"), Category("RFC 7517")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ProviderKeyTests
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
        _google.AutoSubmit = true;
        _server = await TestServer.StartAsync([.. _upstream.SettingsOf("acme"), .. _google.Settings]);
        (_upstream.Clock, _google.Clock) = (_server.Clock, _server.Clock);
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/acme");
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [SetUp]
    public void Reset()
    {
        _upstream.Reset();
        _google.Reset();
        Forget();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
        await _google.DisposeAsync();
    }

    [Test]
    public async Task Strange_keys_beside_a_good_one_change_nothing([Values("acme", "google")] string provider)
    {
        KeysOf(provider).Foreign.AddRange([.. StandInKeys.Strange, KeysOf(provider).Namesake]);
        var added = await SignInAsync(provider);
        KeysOf(provider).Foreign.Clear();
        Forget();
        var removed = await SignInAsync(provider);

        Assert.That((added.Status, removed.Status), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)), added.Body + removed.Body);
    }

    [Test]
    public async Task A_new_key_is_met_by_the_first_who_signs_in_and_so_is_the_next([Values("acme", "google")] string provider)
    {
        var statuses = new List<HttpStatusCode> { (await SignInAsync(provider)).Status };
        foreach (var keyId in new[] { "second", "third", "third", null, null })   // with a new id, under the old one, and without any
        {
            KeysOf(provider).Rotate(keyId);
            statuses.Add((await SignInAsync(provider)).Status);
        }

        Assert.That(statuses, Is.All.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task While_the_keys_cannot_be_read_those_that_are_known_serve(
        [Values("acme", "google")] string provider, [Values("Reset", "Error", "Html", "Broken", "Huge", "WrongShape")] string fault)
    {
        await SignInAsync(provider);
        FaultsOf(provider)[KeyPathOf(provider)] = StandInFaults.Of(fault);
        _server.Clock.Advance(PublishedKeys.MaxAge + PublishedKeys.Pause);

        Assert.That((await SignInAsync(provider)).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    private StandInKeys KeysOf(string provider) => provider == "google" ? _google.Keys : _upstream.Keys;

    private IDictionary<string, Microsoft.AspNetCore.Http.RequestDelegate> FaultsOf(string provider) => provider == "google" ? _google.Faults : _upstream.Faults;

    private static string KeyPathOf(string provider) => provider == "google" ? "/oauth2/v3/certs" : "/jwks";

    // What is known becomes too old to be used without asking.
    private void Forget() => _server.Clock.Advance(PublishedKeys.MaxAge + PublishedKeys.Pause);

    private async Task<BrowserPage> SignInAsync(string provider)
    {
        using var browser = new NoScriptBrowser(_server.BaseUrl, _upstream.Origin, _google.Origin);
        return await browser.SubmitAsync(await browser.GetAsync(_client.AuthorizeUrl()), button: provider);
    }
}
