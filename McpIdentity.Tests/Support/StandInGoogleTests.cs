using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.Google;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Support;

/// <summary>ASP.NET Core's own Google handler against the stand-in, before our server relies on it.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class StandInGoogleTests
{
    private const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"; // RFC 7636, appendix B
    private const string Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    private StandInGoogle _google = null!;
    private WebApplication _app = null!;
    private string _origin = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _google = await StandInGoogle.StartAsync();
        _origin = $"http://localhost:{Ports.Next()}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddAuthorization();
        builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie().AddGoogle(options =>
        {
            (options.ClientId, options.ClientSecret) = (StandInGoogle.ClientId, StandInGoogle.ClientSecret);
            options.AuthorizationEndpoint = _google.AuthorizationEndpoint;
            options.TokenEndpoint = _google.TokenEndpoint;
            options.UserInformationEndpoint = _google.UserInfoEndpoint;
            options.CorrelationCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.CorrelationCookie.SameSite = SameSiteMode.Lax;
            options.SaveTokens = true;
            options.UsePkce = true;
            options.AccessType = "offline";
            options.Events.OnRemoteFailure = async context =>
            {
                context.HandleResponse();
                await context.Response.WriteAsync("failed: " + context.Failure!.Message);
            };
        });
        _app = builder.Build();
        _app.Urls.Add(_origin);
        _app.UseAuthentication();
        _app.MapGet("/", (ClaimsPrincipal user) => user.Identity!.IsAuthenticated
            ? Results.Text(string.Join('|', user.FindFirstValue(ClaimTypes.NameIdentifier), user.FindFirstValue(ClaimTypes.Email), user.Identity.Name))
            : Results.Challenge(authenticationSchemes: [GoogleDefaults.AuthenticationScheme]));
        await _app.StartAsync();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _app.DisposeAsync();
        await _google.DisposeAsync();
    }

    [Test]
    public async Task Someone_signs_in_at_a_page_without_JavaScript()
    {
        using var browser = Browser();
        var alice = new GoogleAccount("alice@example.com", "Alice", "Liddell");

        var signIn = await browser.GetAsync("/");
        var home = await browser.SubmitAsync(signIn, new Dictionary<string, string> { ["email"] = alice.Email });

        Assert.That(home.Body, Is.EqualTo($"{alice.Subject}|alice@example.com|Alice Liddell"));
        Assert.That(_google.Requests.Select(request => request.Path),
            Is.EqualTo((string[])["/o/oauth2/v2/auth", "/signin/identifier", "/token", "/oauth2/v3/userinfo"]));
        Assert.That(_google.Requests[2].Parameters, Does.ContainKey("code_verifier"));
    }

    [Test]
    public async Task With_auto_submit_no_page_is_shown()
    {
        _google.AutoSubmit = true;
        _google.SignedIn = "bob@example.com";
        using var browser = Browser();

        var home = await browser.GetAsync("/");

        Assert.That(home.Body, Does.Contain("|bob@example.com|"));
    }

    [TestCase(GoogleFailure.AccessDenied, "Access was denied")]
    [TestCase(GoogleFailure.TokenInvalidGrant, "invalid_grant")]
    [TestCase(GoogleFailure.TokenInvalidClient, "invalid_client")]
    [TestCase(GoogleFailure.TokenUnavailable, "invalid start of a value")]
    [TestCase(GoogleFailure.TokenNotJson, "invalid start of a value")]
    [TestCase(GoogleFailure.UserInfoUnauthorized, "retrieving Google user information")]
    [TestCase(GoogleFailure.UserInfoUnavailable, "retrieving Google user information")]
    public async Task A_failure_of_Google_reaches_the_handler(GoogleFailure failure, string message)
    {
        _google.AutoSubmit = true;
        _google.Failure = failure;
        using var browser = Browser();

        var page = await browser.GetAsync("/");

        Assert.That(page.Body, Does.StartWith("failed: ").And.Contain(message));
    }

    [TestCase("client_id=someone-else", "invalid_client")]
    [TestCase("response_type=token", "unsupported_response_type")]
    [TestCase("scope=openid", "invalid_scope")]
    [TestCase("state=", "state")]
    [TestCase("code_challenge_method=plain", "code_challenge")]
    public async Task A_wrong_authorization_request_ends_at_Google(string change, string error)
    {
        using var browser = Browser();

        var page = await browser.GetAsync(AuthorizationRequest(change));

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain(error));
    }

    [TestCase("client_secret=wrong", "invalid_client")]
    [TestCase("code=unknown", "invalid_grant")]
    [TestCase("redirect_uri=http://localhost/other", "redirect_uri_mismatch")]
    [TestCase("code_verifier=another", "invalid_grant")]
    [TestCase("grant_type=password", "unsupported_grant_type")]
    public async Task A_wrong_token_request_is_refused_in_the_words_of_Google(string change, string error)
    {
        using var http = new HttpClient();

        using var response = await http.PostAsync(_google.TokenEndpoint, TokenRequest(await CodeAsync(), change));

        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain($"\"error\":\"{error}\""));
    }

    [Test]
    public async Task A_code_is_redeemed_once_and_its_id_token_is_signed_and_carries_the_nonce()
    {
        using var http = new HttpClient();
        var code = await CodeAsync("nonce=n-0S6");

        using var first = await http.PostAsync(_google.TokenEndpoint, TokenRequest(code));
        using var second = await http.PostAsync(_google.TokenEndpoint, TokenRequest(code));

        var tokens = await first.Content.ReadAsStringAsync();
        var idToken = await new JsonWebTokenHandler().ValidateTokenAsync(
            JsonDocument.Parse(tokens).RootElement.GetProperty("id_token").GetString(),
            new TokenValidationParameters
            {
                ValidIssuer = "https://accounts.google.com",
                ValidAudience = StandInGoogle.ClientId,
                IssuerSigningKeys = new JsonWebKeySet(await http.GetStringAsync(_google.JwksUri)).GetSigningKeys(),
            });
        Assert.That(idToken.IsValid, Is.True, idToken.Exception?.Message);
        Assert.That(idToken.Claims["nonce"], Is.EqualTo("n-0S6"));
        Assert.That(await second.Content.ReadAsStringAsync(), Does.Contain("invalid_grant"));
    }

    [Test]
    public async Task An_address_can_be_unverified()
    {
        _google.Add(new GoogleAccount("mallory@example.com", "Mallory", "Doe") { EmailVerified = false });
        _google.SignedIn = "mallory@example.com";
        using var http = new HttpClient();
        using var response = await http.PostAsync(_google.TokenEndpoint, TokenRequest(await CodeAsync()));
        var accessToken = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("access_token").GetString();

        http.DefaultRequestHeaders.Authorization = new("Bearer", accessToken);

        Assert.That(await http.GetStringAsync(_google.UserInfoEndpoint), Does.Contain("\"email_verified\":false"));
    }

    private NoScriptBrowser Browser() => new(_origin, _google.Origin);

    private string AuthorizationRequest(params string[] changes) => QueryHelpers.AddQueryString(_google.AuthorizationEndpoint, Changed(changes,
        ("client_id", StandInGoogle.ClientId), ("redirect_uri", "http://localhost/callback"), ("response_type", "code"), ("scope", "openid email profile"),
        ("state", "the state"), ("code_challenge", Challenge), ("code_challenge_method", "S256")));

    private async Task<string> CodeAsync(params string[] changes)
    {
        _google.AutoSubmit = true;
        using var browser = new NoScriptBrowser(_google.Origin);
        return (await browser.GetAsync(AuthorizationRequest(changes))).Query["code"]!;
    }

    private static FormUrlEncodedContent TokenRequest(string code, params string[] changes) => new(Changed(changes,
        ("grant_type", "authorization_code"), ("code", code), ("client_id", StandInGoogle.ClientId), ("client_secret", StandInGoogle.ClientSecret),
        ("redirect_uri", "http://localhost/callback"), ("code_verifier", Verifier))!);

    private static Dictionary<string, string?> Changed(string[] changes, params (string Name, string Value)[] parameters)
    {
        var form = parameters.ToDictionary(parameter => parameter.Name, parameter => (string?)parameter.Value);
        foreach (var change in changes)
        {
            var separator = change.IndexOf('=', StringComparison.Ordinal);
            form[change[..separator]] = change[(separator + 1)..];
        }

        return form;
    }
}
