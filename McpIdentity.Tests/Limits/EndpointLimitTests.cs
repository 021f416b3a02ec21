using System.Net;
using System.Net.Http.Json;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Limits;

/// <summary>How often the authorization server's endpoints and pages may be asked.</summary>
[Category("SEED-060")]
[Parallelizable(ParallelScope.Self)]
internal sealed class EndpointLimitTests
{
    private const int Max = 4;

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "Mcp:RateLimiting:Enabled=true", $"Mcp:RateLimiting:AuthEndpointMaxRequests={Max}", $"Mcp:RateLimiting:RegistrationMaxRequests={Max}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    // Every test begins with a window in which nobody has asked yet.
    [SetUp]
    public void BeginAnew() => _server.Clock.Advance(TimeSpan.FromMinutes(2));

    [Test]
    [Category("RFC 7521")]
    public async Task A_client_that_only_its_assertion_names_has_its_own_count()
    {
        var clients = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => SigningClient.RegisterAsync(_server, SigningClient.NewKey())));
        for (var request = 1; request <= Max; request++)
        {
            using var allowed = await clients[0].TokenAsync();
            Assert.That((int)allowed.StatusCode, Is.EqualTo(200), $"request {request}");
        }

        using var refused = await clients[0].TokenAsync();
        using var other = await clients[1].TokenAsync();

        Assert.That(((int)refused.StatusCode, (int)other.StatusCode), Is.EqualTo((429, 200)));
    }

    [TestCase("AuthEndpointMaxRequests", "0"), TestCase("RegistrationMaxRequests", "0")]
    [Category("SEED-057")]
    public void A_limit_that_could_not_work_stops_the_start(string setting, string value) => Assert.That(
        async () => await TestServer.StartAsync($"Mcp:RateLimiting:{setting}={value}"),
        Throws.Exception.With.Message.Contains($"Mcp:RateLimiting:{setting} is {value}"));

    [TestCase("GET", "/oauth/authorize"), TestCase("GET", "/OAuth/Authorize/"), TestCase("GET", "/signin"), TestCase("GET", "/login"), TestCase("GET", "/consent")]
    [TestCase("GET", "/oauth/callback?code=x&state=y"), TestCase("POST", "/oauth/token"), TestCase("POST", "/oauth/token/")]
    [TestCase("POST", "/oauth/revoke"), TestCase("POST", "/oauth/introspect"), TestCase("POST", "/register"), TestCase("POST", "/oauth/register")]
    public async Task The_request_after_the_last_allowed_one_is_429_in_the_words_of_oauth(string method, string url)
    {
        for (var request = 1; request <= Max; request++)
        {
            using var allowed = await SendAsync(method, url);
            Assert.That((int)allowed.StatusCode, Is.Not.EqualTo(429).And.LessThan(500), $"request {request}");
        }

        using var refused = await SendAsync(method, url);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)refused.StatusCode, Is.EqualTo(429));
            Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("temporarily_unavailable"));
            Assert.That(refused.Headers.RetryAfter?.Delta?.TotalSeconds, Is.InRange(1, 60));
            Assert.That(refused.Headers.GetValues("RateLimit-Limit").Single(), Is.EqualTo($"{Max}"));
        }

        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var later = await SendAsync(method, url);
        Assert.That((int)later.StatusCode, Is.Not.EqualTo(429));
    }

    [Test]
    public async Task A_person_reads_a_page_that_says_how_long_to_wait()
    {
        using var alice = new Person(_server);
        for (var visit = 0; visit < Max; visit++)
        {
            await alice.Browser.GetAsync("/consent?request=x");
        }

        var page = await alice.Browser.GetAsync("/consent?request=x");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)page.Status, Is.EqualTo(429));
            Assert.That(page.Document!.Body!.TextContent, Does.Contain("too fast").And.Contain("60 seconds").And.Not.Contain("Reference"), "a flood leaves one line, not one a page");
            Assert.That(page.Headers!.RetryAfter, Is.Not.Null);
        }
    }

    [Test, Category("B-11")]
    public async Task Metadata_and_keys_are_in_no_bucket()
    {
        foreach (var url in new[] { "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/.well-known/oauth-protected-resource/mcp" })
        {
            for (var request = 0; request < Max * 3; request++)
            {
                using var response = await _server.Http.GetAsync(url);
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                Assert.That(response.Headers.Contains("RateLimit-Limit"), Is.False);
            }
        }
    }

    [Test]
    public async Task One_endpoint_does_not_use_up_another()
    {
        for (var request = 0; request <= Max; request++)
        {
            using var _ = await SendAsync("POST", "/register");
        }

        using var token = await SendAsync("POST", "/oauth/token");
        Assert.That((int)token.StatusCode, Is.Not.EqualTo(429));
    }

    // Hosted clients come from a few addresses with the tokens of many people (docs/interoperability.md, "Many people behind one address").
    [Test]
    public async Task Behind_one_address_every_grant_refreshes_by_itself()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        List<string> refreshTokens = [];
        for (var person = 0; person < Max * 2; person++)
        {
            BeginAnew();
            using var alice = new Person(_server);
            refreshTokens.Add((await client.ConnectAsync(alice)).Text("refresh_token")!);
        }

        BeginAnew();
        foreach (var refreshToken in refreshTokens)
        {
            using var response = await client.RefreshAsync(refreshToken);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        List<int> ofOne = [];
        for (var attempt = 0; attempt < Max; attempt++)
        {
            using var response = await client.RefreshAsync(refreshTokens[0], ("scope", "mcp:admin"));
            ofOne.Add((int)response.StatusCode);
        }

        Assert.That(ofOne, Is.EqualTo([400, 400, 400, 429]), "one grant has its own limit");
    }

    [Test, Category("B-17")]
    public async Task An_invented_client_id_neither_escapes_nor_locks_out()
    {
        async Task<int> AskAsync(string clientId, string forwardedFor = "203.0.113.1")
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/token")
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "refresh_token", ["refresh_token"] = "guess", ["client_id"] = clientId }),
                Headers = { { "X-Forwarded-For", forwardedFor } },
            };
            using var response = await _server.Http.SendAsync(request);
            return (int)response.StatusCode;
        }

        for (var number = 0; number < Max; number++)
        {
            Assert.That(await AskAsync("victim", $"203.0.113.{number}"), Is.EqualTo(401));
        }

        Assert.That(await AskAsync("victim", "203.0.113.99"), Is.EqualTo(429), "X-Forwarded-For changes nothing");
        Assert.That(await AskAsync("somebody else"), Is.EqualTo(401), "another client of this address goes on");
        var statuses = new List<int>();
        for (var number = 0; number < Max * 10; number++)
        {
            statuses.Add(await AskAsync($"invented{number}"));
        }

        Assert.That(statuses[^1], Is.EqualTo(429), "all clients of one address together have a limit too");
    }

    private Task<HttpResponseMessage> SendAsync(string method, string url) => _server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), url)
    {
        Content = method == "GET" ? null
            : url.EndsWith("register", StringComparison.Ordinal) ? JsonContent.Create(new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri } })
            : new StringContent("grant_type=refresh_token", Encoding.ASCII, "application/x-www-form-urlencoded"),
    });
}
