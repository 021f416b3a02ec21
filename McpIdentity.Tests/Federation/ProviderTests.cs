using System.Net;
using System.Security.Cryptography;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Federation;

/// <summary>Sign-in by GitHub, Microsoft, GitLab and any OpenID Connect issuer, against a real HTTP server that plays them.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ProviderTests
{
    private static readonly string[] Everyone = ["github", "gitlab", "keycloak", "microsoft"];
    private static readonly string[] OpenIdProviders = ["gitlab", "keycloak", "microsoft"];

    private StandInProvider _upstream = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _server = await TestServer.StartAsync(
        [
            .. _upstream.SettingsOfGitHub,
            $"OAuth:MicrosoftClientId={StandInProvider.ClientId}",
            $"OAuth:MicrosoftClientSecret={StandInProvider.ClientSecret}",
            "OAuth:MicrosoftTenant=contoso.example",
            $"OAuth:Providers:microsoft:Issuer={_upstream.Origin}",
            .. _upstream.SettingsOf("gitlab"),
            "OAuth:Providers:keycloak:Type=oidc",
            .. _upstream.SettingsOf("keycloak"),
            "OAuth:Providers:keycloak:DisplayName=Example staff",
            "OAuth:Providers:keycloak:CallbackPath=/callback/keycloak",
        ]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
        _upstream.RedirectUris.UnionWith(Everyone.Select(CallbackOf));
    }

    [SetUp]
    public void Reset() => _upstream.Reset();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [TestCaseSource(nameof(Everyone))]
    [Category("SEED-002")]
    [Category("LINK-09")]
    [Category("SEED-041")]
    public async Task A_person_signs_in_and_the_token_speaks_for_them(string provider)
    {
        using var alice = Visitor(provider);

        var tokens = await _client.ConnectAsync(alice, ("scope", "mcp email openid profile"));

        var idToken = new JsonWebToken(tokens.Text("id_token"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
        Assert.That(idToken.GetClaim("email").Value, Is.EqualTo(provider == "github" ? "octocat@example.com" : "alice@example.com"), "of GitHub the primary one, not the published one");
        Assert.That(idToken.GetClaim("name").Value, Is.EqualTo(provider == "github" ? "The Octocat" : "Alice Liddell"));
        Assert.That(idToken.GetClaim("email_verified").Value, Is.EqualTo("true"));
        Assert.That(_upstream.Asked, Has.Count.EqualTo(1));
        Assert.That(_upstream.Asked[0]["redirect_uri"], Is.EqualTo(CallbackOf(provider)));
    }

    [Test]
    [Category("SEED-002")]
    public async Task The_sign_in_page_lists_exactly_the_configured_providers_and_nothing_is_asked_upstream()   // MCP security best practices, "Confused Deputy Problem"
    {
        using var alice = Visitor("github");

        var page = await alice.Browser.GetAsync(_client.AuthorizeUrl());

        Assert.That(page.Document!.QuerySelectorAll("button").Select(button => button.TextContent.Trim()),
            Is.EqualTo(["Continue with GitHub", "Continue with GitLab", "Continue with Example staff", "Continue with Microsoft"]));
        Assert.That(page.Document.QuerySelector("[name=username]"), Is.Null, "the demo users are gone");
        Assert.That(_upstream.Asked, Is.Empty);
        Assert.That(alice.Cookies.GetAllCookies().Select(cookie => cookie.Name), Has.None.StartWith("mcpidentity-upstream"), "no upstream state yet");
    }

    [Test]
    public async Task The_same_account_at_two_providers_is_two_people_and_at_one_the_same()   // never linked by e-mail address
    {
        var subjects = new List<string>();
        foreach (var provider in new[] { "keycloak", "keycloak", "gitlab" })
        {
            using var alice = Visitor(provider);
            subjects.Add(new JsonWebToken((await _client.ConnectAsync(alice)).Text("access_token")).Subject);
        }

        Assert.That(subjects[1], Is.EqualTo(subjects[0]));
        Assert.That(subjects[2], Is.Not.EqualTo(subjects[0]));
    }

    [TestCaseSource(nameof(Everyone))]
    [Category("SEED-042")]
    [Category("B-06")]
    public async Task The_answer_belongs_to_the_browser_that_asked_and_is_good_once(string provider)
    {
        using var alice = Visitor(provider);
        using var mallory = new Person(_server);
        var signIn = await alice.Browser.GetAsync(_client.AuthorizeUrl());
        await alice.Browser.SubmitAsync(signIn, button: provider);
        var callback = alice.Browser.Visits.Single(page => page.Address.AbsolutePath.Contains("/callback/", StringComparison.Ordinal)).Address;

        var elsewhere = await mallory.Browser.GetAsync(callback.PathAndQuery);
        var again = await alice.Browser.GetAsync(callback.PathAndQuery);

        foreach (var page in new[] { elsewhere, again })
        {
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(page.Body, Does.Contain("invalid_state").And.Contain("Reference"));
        }
    }

    [TestCase("/oauth/callback/github?code=x&state=forged", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/callback/github", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/callback/gitlab?code=x", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/callback/github?error=access_denied", HttpStatusCode.BadRequest)]
    [TestCase("/callback/github?code=x&state=forged", HttpStatusCode.BadRequest)]
    [TestCase("/callback/keycloak?code=x&state=forged", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/callback/nobody?code=x&state=y", HttpStatusCode.NotFound)]
    [Category("SEED-042")]
    public async Task A_callback_without_our_state_is_a_page(string url, HttpStatusCode status)
    {
        using var alice = new Person(_server);

        var page = await alice.Browser.GetAsync(url);

        Assert.That(page.Status, Is.EqualTo(status));
        Assert.That(page.Body, status == HttpStatusCode.NotFound ? Does.Contain("not_found") : Does.Contain("invalid_state").And.Contain("Reference"));
    }

    [Test]
    [Category("SEED-042")]
    public async Task A_sign_in_that_took_too_long_is_a_page()
    {
        await using var server = await TestServer.StartAsync(_upstream.SettingsOf("slow"));
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var atProvider = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "slow");
        server.Clock.Advance(TimeSpan.FromMinutes(11));

        var page = await alice.Browser.GetAsync(QueryHelpers.AddQueryString("/oauth/callback/slow", new Dictionary<string, string?> { ["code"] = "x", ["state"] = atProvider.Query["state"] }));

        Assert.That(page.Body, Does.Contain("invalid_state"));
    }

    [Test]
    [Category("SEED-042")]
    [Category("B-06")]
    public async Task An_id_token_that_is_not_of_this_sign_in_is_refused(
        [ValueSource(nameof(OpenIdProviders))] string provider,
        [Values("nonce", "no nonce", "issuer", "audience", "expired", "signature", "unsigned")] string wrong)
    {
        _upstream.Bend = token => Bend(token, wrong);

        var page = await SignInAsync(provider);

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain("invalid_id_token").And.Contain("Reference"));
    }

    [TestCaseSource(nameof(Everyone))]
    [Category("SEED-088")]
    public async Task What_the_person_declines_is_told_in_words(string provider)
    {
        _upstream.AuthorizationError = "access_denied";

        Assert.That((await SignInAsync(provider)).Body, Does.Contain("access_denied").And.Contain("did not sign in"));
    }

    [TestCaseSource(nameof(Everyone))]
    [Category("SEED-088")]
    public async Task A_redirect_uri_that_is_not_registered_is_named_exactly(string provider)   // GitHub's way to say it
    {
        _upstream.AuthorizationError = "redirect_uri_mismatch";

        var page = await SignInAsync(provider);

        Assert.That(page.Body, Does.Contain("redirect_uri_mismatch"));
        Assert.That(page.Document!.Body!.TextContent, Does.Contain($"register exactly {CallbackOf(provider)} at"));
    }

    [TestCase("github", 200, "incorrect_client_credentials", "GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET", TestName = "GitHub answers a wrong secret with 200")]
    [TestCase("microsoft", 401, "invalid_client", "MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET", TestName = "Microsoft answers a wrong secret with 401")]
    [TestCase("gitlab", 401, "invalid_client", "OAuth:Providers:gitlab:ClientId", TestName = "GitLab answers a wrong secret with 401")]
    [Category("SEED-088")]
    public async Task A_client_secret_that_is_refused_is_told_with_the_settings_to_check(string provider, int status, string error, string settings)
    {
        _upstream.TokenAnswer = Results.Json(new { error, error_description = "Wrong." }, statusCode: status);

        var page = await SignInAsync(provider);

        Assert.That(page.Body, Does.Contain("invalid_client").And.Contain("Reference"));
        Assert.That(page.Document!.Body!.TextContent, Does.Contain(settings));
    }

    [TestCaseSource(nameof(Everyone))]
    [Category("SEED-088")]
    public async Task A_provider_that_fails_is_a_page(string provider)
    {
        _upstream.TokenAnswer = Results.StatusCode(503);
        var atToken = await SignInAsync(provider);
        _upstream.TokenAnswer = Results.Content("<html>Hotel network</html>", "text/html");
        var notJson = await SignInAsync(provider);
        _upstream.TokenAnswer = null;
        _upstream.UserInfoIsDown = true;
        var atUserInfo = await SignInAsync(provider);

        foreach (var page in new[] { atToken, notJson, atUserInfo })
        {
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadGateway));
            Assert.That(page.Body, Does.Contain("provider_unavailable").And.Contain("Reference"));
        }
    }

    [Test]
    [Category("SEED-088")]
    public async Task An_error_of_the_providers_own_is_shown_harmless()
    {
        _upstream.AuthorizationError = "<script>alert(1)</script>";

        var page = await SignInAsync("keycloak");

        Assert.That(page.Body, Does.Contain("provider_refused"));
        Assert.That(page.Body, Does.Not.Contain("<script"));
        Assert.That(page.Body, Does.Not.Contain("own words"), "what a stranger may have written is for the log");
    }

    [Test]
    [Category("SEED-042")]
    public async Task An_address_that_nobody_verified_is_not_admitted()
    {
        _upstream.Claims["email_verified"] = false;
        _upstream.Emails = [new { email = "octocat@example.com", primary = true, verified = false }];
        var atGitHub = await SignInAsync("github");
        var atKeycloak = await SignInAsync("keycloak");
        _upstream.Claims.Remove("email_verified");
        _upstream.Emails = [];
        var gitHubSaysNothing = await SignInAsync("github");
        var keycloakSaysNothing = await SignInAsync("keycloak");

        foreach (var page in new[] { atGitHub, atKeycloak, gitHubSaysNothing, keycloakSaysNothing })
        {
            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(page.Body, Does.Contain("email_not_verified"));
        }
    }

    [Test]
    public async Task Userinfo_of_someone_else_is_refused()   // OpenID Connect Core §5.3.2
    {
        _upstream.Bend = token => token.Claims["sub"] = "someone else";

        Assert.That((await SignInAsync("keycloak")).Status, Is.EqualTo(HttpStatusCode.BadGateway));
    }

    [Test]
    public async Task The_state_cookie_is_not_for_scripts_and_goes_with_the_answer()
    {
        using var alice = new Person(_server);
        await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(_client.AuthorizeUrl()), button: "github");

        var cookie = alice.Cookies.GetAllCookies().Single(c => c.Name.StartsWith("mcpidentity-upstream", StringComparison.Ordinal));
        Assert.That(cookie.HttpOnly, Is.True);
        Assert.That(alice.Browser.Visits[^1].Headers!.GetValues("Set-Cookie").Single(c => c.StartsWith("mcpidentity-upstream", StringComparison.Ordinal)), Does.Contain("samesite=lax"));
    }

    private async Task<BrowserPage> SignInAsync(string provider)
    {
        using var alice = Visitor(provider);
        return await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(_client.AuthorizeUrl()), button: provider);
    }

    private static void Bend(SecurityTokenDescriptor token, string wrong)
    {
        switch (wrong)
        {
            case "nonce":
                token.Claims["nonce"] = "of another sign-in";
                break;
            case "no nonce":
                token.Claims.Remove("nonce");
                break;
            case "issuer":
                token.Issuer = "https://issuer.example";
                break;
            case "audience":
                token.Audience = "another-client";
                break;
            case "expired":
                (token.IssuedAt, token.NotBefore, token.Expires) = (token.IssuedAt?.AddHours(-2), token.NotBefore?.AddHours(-2), token.Expires?.AddHours(-1));
                break;
            case "signature":
                token.SigningCredentials = new SigningCredentials(new RsaSecurityKey(RSA.Create(2048)) { KeyId = "stand-in" }, SecurityAlgorithms.RsaSha256)
                {
                    CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
                };
                break;
            default:
                token.SigningCredentials = null;
                break;
        }
    }

    private string CallbackOf(string provider) => _server.BaseUrl + (provider == "keycloak" ? "/callback/keycloak" : $"/oauth/callback/{provider}");

    private Person Visitor(string provider) => new(_server, provider: _upstream.Origin) { ProviderId = provider };
}
