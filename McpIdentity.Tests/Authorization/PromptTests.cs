using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Authorization;

/// <summary>Who has to sign in again, and as whom: <c>prompt</c>, <c>max_age</c> and <c>id_token_hint</c> of OpenID Connect Core §3.1.2.1.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PromptTests
{
    private const string None = "";
    private const string SignIn = "/signin";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Prompts_are_honoured_and_end()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none"))))["error"], Is.EqualTo("login_required"));
        await client.AuthorizeAsync(alice, ("prompt", "login"));
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("prompt", "login"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin"]));
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("prompt", "consent"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]));
        await client.AuthorizeAsync(alice, ("prompt", "none"));
        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none"), ("scope", "email"))))["error"], Is.EqualTo("consent_required"));
    }

    [Test]
    public async Task A_sign_in_that_is_older_than_max_age_is_repeated()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.AuthorizeAsync(alice);
        server.Clock.Advance(TimeSpan.FromMinutes(2));
        alice.PagesSeen.Clear();

        await client.AuthorizeAsync(alice, ("max_age", "600"));
        await client.AuthorizeAsync(alice, ("max_age", "9999999999999"));
        Assert.That(alice.PagesSeen, Is.Empty);
        await client.AuthorizeAsync(alice, ("max_age", "60"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin"]));
    }

    [TestCase("none", "login_required", None)]
    [TestCase(null, "login_required", SignIn)]
    [TestCase("consent", "login_required", SignIn)]
    public async Task An_answer_about_somebody_else_than_the_hint_names_is_none(string? prompt, string error, string pages)   // OpenID Connect Core §3.1.2.2
    {
        var (client, hint) = await HintOfAliceAsync();
        using var bob = new Person(_server, "bob");
        await client.AuthorizeAsync(bob, ("scope", "openid"));
        bob.PagesSeen.Clear();

        var answer = await bob.AuthorizeAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint), ("prompt", prompt)));

        Assert.That(string.Join(' ', bob.PagesSeen), Is.EqualTo(pages));
        Assert.That(answer["error"], Is.EqualTo(error));
        Assert.That(answer, Does.Not.ContainKey("code"));
    }

    [Test]
    public async Task The_person_of_the_hint_goes_on_and_may_sign_in_for_it()
    {
        var (client, hint) = await HintOfAliceAsync();
        using var browser = new Person(_server, "bob");
        await client.AuthorizeAsync(browser);
        using var alice = new Person(_server, "alice");
        await client.AuthorizeAsync(alice, ("scope", "openid"));

        Assert.That(await alice.AuthorizeAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint), ("prompt", "none"))), Contains.Key("code"));

        // At Bob's browser it is Alice who signs in then.
        var page = await browser.Browser.GetAsync(client.AuthorizeUrl(("scope", "openid"), ("id_token_hint", hint)));
        Assert.That(page.Address.AbsolutePath, Is.EqualTo(SignIn));
        page = await browser.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.IsOutside, page.ToString());
        Assert.That(page.Address.Query, Does.Contain("code="));
    }

    [TestCase("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")]
    [TestCase("x")]
    public async Task With_a_hint_that_is_none_of_ours_the_person_is_asked(string hint)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("id_token_hint", hint), ("prompt", "none"))))["error"], Is.EqualTo("login_required"));
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice, ("id_token_hint", hint));
        Assert.That(alice.PagesSeen, Is.EqualTo([SignIn]));
    }

    private async Task<(OAuthClient Client, string IdToken)> HintOfAliceAsync()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        return (client, (await client.ConnectAsync(alice, ("scope", "openid"))).Text("id_token")!);
    }
}
