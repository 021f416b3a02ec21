using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Federation;

/// <summary>What a client asks of the sign-in reaches the provider, and what comes back is true: OpenID Connect Core §3.1.2.1, against a provider with a session of its own.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class SignInDemandTests
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
        _server = await TestServer.StartAsync(
        [
            .. _upstream.SettingsOf("acme"),
            "OAuth:Providers:acme:DisplayName=Acme staff",
            .. _upstream.SettingsOf("gitlab"),
            .. _upstream.SettingsOfGitHub,
            .. _google.Settings,
        ]);
        (_upstream.Clock, _google.Clock) = (_server.Clock, _server.Clock);
        foreach (var id in new[] { "acme", "gitlab", "github" })
        {
            _upstream.RedirectUris.Add($"{_server.BaseUrl}/oauth/callback/{id}");
        }

        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [SetUp]
    public void Reset()
    {
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

    [Test]
    public async Task A_max_age_that_is_no_age_is_no_fault_of_ours([Values("acme", "github", "google")] string provider, [Values("-1", "-300000000000", "-9223372036854775808", "9223372036854775807")] string maxAge)
    {
        using var alice = Visitor(provider);

        var answer = await alice.AuthorizeAsync(_client.AuthorizeUrl(("max_age", maxAge)));

        Assert.That(answer.ContainsKey("code") || answer["error"] == "login_required", string.Join('&', answer));
    }

    [TestCase("acme", "login", "login", "0")]
    [TestCase("acme", "select_account", "select_account", null)]
    [TestCase("acme", "consent", null, null)]
    [TestCase("gitlab", "select_account", "login", null)]
    [TestCase("github", "login", "select_account", null)]
    [TestCase("google", "login", "select_account", null)]
    [TestCase("google", "select_account", "select_account", null)]
    public async Task A_prompt_is_handed_on_in_the_words_of_the_provider(string provider, string prompt, string? upstream, string? maxAge)
    {
        using var alice = Visitor(provider);
        await _client.AuthorizeAsync(alice, ("prompt", prompt), ("login_hint", "alice@example.com"));

        var asked = provider == "google" ? _google.Requests[0].Parameters : _upstream.Asked[0];

        Assert.That((asked.GetValueOrDefault("prompt"), asked.GetValueOrDefault("max_age")), Is.EqualTo((upstream, maxAge)));
        Assert.That(asked.GetValueOrDefault(provider == "github" ? "login" : "login_hint"), Is.EqualTo("alice@example.com"));
    }

    [Test]
    public async Task A_provider_that_has_no_select_account_is_asked_to_sign_in_anew()
    {
        _upstream.PromptValues = ["none", "login", "consent"];
        _server.Clock.Advance(TimeSpan.FromHours(1)); // what is known of it is too old
        using var alice = Visitor("acme");
        await _client.AuthorizeAsync(alice, ("prompt", "select_account"));

        Assert.That(_upstream.Asked[0]["prompt"], Is.EqualTo("login"));
        _upstream.PromptValues = null;
        _server.Clock.Advance(TimeSpan.FromHours(1));
    }

    [Test]
    public async Task Not_you_leads_to_the_other_account()
    {
        _upstream.OtherAccount = "bob";
        using var person = Visitor("acme");
        var url = _client.AuthorizeUrl(("scope", "openid email mcp"), ("login_hint", "alice@example.com"), ("prompt", "consent"));
        var consent = await person.Browser.SubmitAsync(await person.Browser.GetAsync(url), button: "acme");
        Assert.That(consent.Document!.Body!.TextContent, Does.Contain("Alice Liddell").And.Contain("alice@example.com").And.Contain("Acme staff"));

        var signIn = await person.Browser.SubmitAsync(consent, button: "other");
        var again = await person.Browser.SubmitAsync(signIn, button: "acme");

        Assert.That(_upstream.Asked[1]["prompt"], Is.EqualTo("select_account"));
        Assert.That(_upstream.Asked[1], Does.Not.ContainKey("login_hint"), "it would lead back to the same account");
        Assert.That(again.Document!.Body!.TextContent, Does.Contain("bob@example.com"));
    }

    [Test]
    public async Task A_max_age_that_the_providers_session_does_not_meet_means_a_fresh_sign_in_there_and_auth_time_is_the_providers()
    {
        var yesterday = _server.Clock.GetUtcNow().AddDays(-1);
        _upstream.SignedInAt = yesterday;
        using var alice = Visitor("acme");
        var relaxed = AuthTimeOf(await _client.ConnectAsync(alice, ("scope", "openid mcp"), ("max_age", "172800")));
        var strict = AuthTimeOf(await _client.ConnectAsync(alice, ("scope", "openid mcp"), ("max_age", "3600")));

        Assert.That(relaxed, Is.EqualTo(yesterday.ToUnixTimeSeconds()), "when the person signed in, not when we heard of it");
        Assert.That(strict, Is.EqualTo(_server.Clock.GetUtcNow().ToUnixTimeSeconds()));
        Assert.That(_upstream.Asked.Select(asked => asked["max_age"]), Is.EqualTo(new[] { "172800", "3600" }));
    }

    [TestCase("acme", "max_age", "3600", true, false)]
    [TestCase("acme", "prompt", "login", true, false)]
    [TestCase("acme", "max_age", "3600", false, true, TestName = "Who does not say when cannot meet a max_age")]
    [TestCase("github", "max_age", "3600", false, false, TestName = "GitHub never says when")]
    [TestCase("google", "max_age", "3600", false, false, TestName = "Google never says when")]
    public async Task What_the_provider_did_not_do_is_login_required(string provider, string parameter, string value, bool ignores, bool hides)
    {
        (_upstream.SignedInAt, _upstream.IgnoresFreshness, _upstream.HidesAuthTime) = (_server.Clock.GetUtcNow().AddDays(-1), ignores, hides);
        using var alice = Visitor(provider);

        var answer = await alice.AuthorizeAsync(_client.AuthorizeUrl((parameter, value), ("scope", "openid mcp")));

        Assert.That((answer.GetValueOrDefault("error"), answer.GetValueOrDefault("state")), Is.EqualTo(("login_required", "the state")));
    }

    [Test]
    public async Task A_provider_that_does_not_say_when_somebody_signed_in_leaves_auth_time_out()
    {
        using var alice = Visitor("github");

        var tokens = await _client.ConnectAsync(alice, ("scope", "openid mcp"));

        Assert.That(new JsonWebToken(tokens.Text("id_token")).TryGetPayloadValue<long>("auth_time", out _), Is.False);
    }

    [Test]
    [Requirement("MCP-20")]
    public async Task Google_is_not_asked_for_tokens_that_nobody_uses_and_none_is_kept()
    {
        using var alice = Visitor("google");
        var token = new JsonWebToken((await _client.ConnectAsync(alice)).Text("access_token"));

        Assert.That(_google.Requests[0].Parameters.GetValueOrDefault("access_type"), Is.Not.EqualTo("offline"));
        var kept = await _server.Services.GetRequiredService<SignInSessions>().FindUpstreamTokensAsync(token.GetClaim("sid").Value, CancellationToken.None);
        Assert.That((kept?.AccessToken, kept?.RefreshToken), Is.EqualTo(((string?)null, (string?)null)));
    }

    private static long AuthTimeOf(System.Text.Json.JsonElement tokens) => new JsonWebToken(tokens.Text("id_token")).GetPayloadValue<long>("auth_time");

    private Person Visitor(string provider) => new(_server, provider: provider == "google" ? _google.Origin : _upstream.Origin) { ProviderId = provider };
}
