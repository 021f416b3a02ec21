using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Who may register, as <c>OAuth:Registration:Policy</c> says.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class AllowedRedirectHostsTests
{
    private const string Token = "handed out to the team";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:Registration:Policy=Hosts", $"OAuth:Registration:InitialAccessToken={Token}",
        "OAuth:Registration:AllowedRedirectHosts:0=claude.ai", "OAuth:Registration:AllowedRedirectHosts:1=*.example.com",
        "OAuth:Registration:AllowedRedirectHosts:2=http-loopback", "OAuth:Registration:AllowedRedirectHosts:3=cursor:");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(true, "https://claude.ai/api/mcp/auth_callback")]
    [TestCase(true, "https://CLAUDE.ai/api/mcp/auth_callback", "https://a.b.example.com/cb")]
    [TestCase(true, "http://127.0.0.1/cb", "cursor://anysphere.cursor-mcp/oauth/callback")]
    [TestCase(false, "https://claude.ai/cb", "https://evil.example/cb")]
    [TestCase(false, "https://claude.ai.evil.example/cb")]
    [TestCase(false, "https://evilclaude.ai/cb")]
    [TestCase(false, "https://example.com/cb")]
    [TestCase(false, "https://notexample.com/cb")]
    [TestCase(false, "vscode://vscode.dev/cb")]
    public async Task Of_known_hosts_a_client_is_registered_and_of_others_it_is_not(bool isRegistered, params string[] redirectUris)
    {
        using var response = await RegisterAsync(new { redirect_uris = redirectUris, token_endpoint_auth_method = "none" });

        Assert.That(response.StatusCode, Is.EqualTo(isRegistered ? HttpStatusCode.Created : HttpStatusCode.BadRequest));
        if (!isRegistered)
        {
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
        }
    }

    [Test]
    public async Task A_service_without_redirect_uris_is_at_no_known_host()
    {
        using var response = await RegisterAsync(new { grant_types = new[] { "client_credentials" } });

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [Test]
    public async Task Whom_an_initial_access_token_vouches_for_needs_no_known_host_and_a_wrong_token_is_said_to_be_wrong()
    {
        var metadata = new { redirect_uris = new[] { "https://partner.example/cb" } };

        using var vouched = await RegisterAsync(metadata, Token);
        using var wrong = await RegisterAsync(metadata, "another");

        Assert.That((vouched.StatusCode, wrong.StatusCode), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.Unauthorized)));
    }

    [Test]
    public async Task An_update_leads_to_no_other_host_either()
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { "https://claude.ai/cb" } });
        var client = await response.JsonAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, client.Text("registration_client_uri"))
        {
            Content = JsonContent.Create(new { client_id = client.Text("client_id"), redirect_uris = new[] { "https://evil.example/cb" } }),
            Headers = { { "Authorization", $"Bearer {client.Text("registration_access_token")}" } },
        };

        using var updated = await _server.Http.SendAsync(request);

        Assert.That(await updated.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [TestCase("belong together", "OAuth:Registration:Policy=Hosts")]
    [TestCase("belong together", "OAuth:Registration:AllowedRedirectHosts:0=claude.ai")]
    [TestCase("'https://claude.ai'", "OAuth:Registration:Policy=Hosts", "OAuth:Registration:AllowedRedirectHosts:0=https://claude.ai")]
    [TestCase("'*'", "OAuth:Registration:Policy=Hosts", "OAuth:Registration:AllowedRedirectHosts:0=*")]
    [TestCase("'https:'", "OAuth:Registration:Policy=Hosts", "OAuth:Registration:AllowedRedirectHosts:0=https:")]
    [TestCase("Enabled is false: leave one", "OAuth:Registration:Policy=Open", "OAuth:Registration:Enabled=false")]
    [TestCase("RequireInitialAccessToken is true: leave one", "OAuth:Registration:Policy=Approval", "OAuth:Registration:RequireInitialAccessToken=true", "OAuth:Registration:InitialAccessToken=handed out to the team")]
    [TestCase("at least 16 characters", "OAuth:Registration:Policy=Token", "OAuth:Registration:InitialAccessToken=short")]
    [TestCase("Off, Token, Hosts, Approval, Open", "OAuth:Registration:Policy=Aproval")]
    public void Settings_that_contradict_each_other_stop_the_start(string says, params string[] settings) =>
        Assert.That(async () => await TestServer.StartAsync(settings), Throws.Exception.With.Message.Contains(says));

    [TestCase("Off", HttpStatusCode.NotFound), TestCase("Token", HttpStatusCode.Unauthorized), TestCase("Open", HttpStatusCode.Created), TestCase("Approval", HttpStatusCode.Created)]
    public async Task The_other_policies_let_in_whom_they_say(string policy, HttpStatusCode expected)
    {
        await using var server = await TestServer.StartAsync($"OAuth:Registration:Policy={policy}");

        using var response = await server.Http.PostAsJsonAsync("/register", new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri } });
        using var metadata = await server.Http.GetAsync("/.well-known/oauth-authorization-server");

        Assert.That(response.StatusCode, Is.EqualTo(expected));
        Assert.That((await metadata.JsonAsync()).TryGetProperty("registration_endpoint", out _), Is.EqualTo(policy != "Off"));
    }

    private async Task<HttpResponseMessage> RegisterAsync(object metadata, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = JsonContent.Create(metadata) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await _server.Http.SendAsync(request);
    }
}
