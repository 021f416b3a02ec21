using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Registration where the operator wants a say in it.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class RegistrationPolicyTests
{
    private const string Token = "handed out to the team";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:Registration:RequireInitialAccessToken=true", $"OAuth:Registration:InitialAccessToken={Token}",
        "OAuth:Registration:AllowedRedirectUriSchemes:0=https", "OAuth:Registration:AllowedRedirectUriSchemes:1=http-loopback");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(null, "Bearer")]
    [TestCase("wrong", "Bearer error=\"invalid_token\"")]
    public async Task Without_the_initial_access_token_nothing_is_registered(string? token, string challenge)
    {
        using var response = await RegisterAsync("https://client.example/cb", token);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo(challenge));
        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_token"));
    }

    [TestCase("https://client.example/cb", true)]
    [TestCase("http://127.0.0.1:3000/cb", true)]
    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback", false)]
    [Category("SEED-006")]
    public async Task With_it_the_allowed_schemes_are_registered(string redirectUri, bool isAllowed)
    {
        using var response = await RegisterAsync(redirectUri, Token);

        Assert.That(response.StatusCode, Is.EqualTo(isAllowed ? HttpStatusCode.Created : HttpStatusCode.BadRequest));
        if (!isAllowed)
        {
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
        }
    }

    private async Task<HttpResponseMessage> RegisterAsync(string redirectUri, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register")
        {
            Content = JsonContent.Create(new { redirect_uris = new[] { redirectUri }, token_endpoint_auth_method = "none" }),
        };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await _server.Http.SendAsync(request);
    }
}
