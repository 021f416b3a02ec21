using System.Net;
using McpIdentity.Server.Clients.Assertions;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Clients.Assertions;

/// <summary>Keys at a client's <c>jwks_uri</c>: read when they are needed, kept, read again for a new key, and not more often than that.</summary>
[Category("RFC 7523")]
// One clock for all of them.
[Parallelizable(ParallelScope.Self)]
internal sealed class PublishedClientKeyTests
{
    private static int _clients;

    private TestServer _server = null!;
    private DocumentHost _host = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _host = await DocumentHost.StartAsync();
        _server = await TestServer.StartAsync(["Mcp:RateLimiting:Enabled=false", .. DocumentHost.Settings]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _host.DisposeAsync();
    }

    [Test]
    public async Task They_are_not_read_at_the_registration_and_once_when_they_are_needed()
    {
        var (client, path) = await RegisterAsync(() => [SigningClient.NewKey()]);
        Assert.That(_host.TimesAsked(path), Is.Zero, "a stranger must not make us ask any address");

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.TokenAsync()));

        Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.Unauthorized), "of another key");
        Assert.That(_host.TimesAsked(path), Is.InRange(1, 2), "whoever waits, waits for the same reading; one more looks for a newer key");
    }

    [Test]
    public async Task A_new_key_is_met_when_it_signs_and_invented_ones_cause_no_more_than_one_reading()
    {
        SecurityKey[] published = [SigningClient.NewKey("first")];
        var (client, path) = await RegisterAsync(() => published);
        client.Key = published[0];
        await AssertTokenAsync(client);
        Assert.That(_host.TimesAsked(path), Is.EqualTo(1));

        client.Key = SigningClient.NewKey("second");
        published = [published[0], client.Key];
        await AssertTokenAsync(client);
        Assert.That(_host.TimesAsked(path), Is.EqualTo(2), "it was published before it signed");

        _server.Clock.Advance(ClientKeys.PauseAfterChange);
        for (var i = 0; i < 5; i++)
        {
            using var response = await client.TokenAsync(client.NewAssertion(signWith: SigningClient.NewKey("invented")));
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        }

        Assert.That(_host.TimesAsked(path), Is.EqualTo(3));
        await AssertTokenAsync(client);
    }

    /// <summary>A document is read again every few minutes, and its client written anew: what was read at its jwks_uri is not thereby lost.</summary>
    [Test]
    public async Task Keys_of_a_client_with_a_document_outlast_a_reading_of_the_document_while_their_host_is_down()
    {
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var key = SigningClient.NewKey();
        var keys = _host.Serve("/document-keys", context => context.Response.WriteAsync(SigningClient.JwksOf(key)));
        var id = _host.Publish("/signing-client.json", new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "private_key_jwt", jwks_uri = keys }, "max-age=60");
        var client = new SigningClient(server.Http, server.Clock, server.BaseUrl, id, key);
        await AssertAuthenticatedAsync();

        _host.Serve("/document-keys", context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        server.Clock.Advance(TimeSpan.FromMinutes(10));
        using var page = await server.Http.GetAsync(OAuthClient.Of(server, id, null, OAuthClient.DefaultRedirectUri).AuthorizeUrl());
        Assert.That(_host.TimesAsked("/signing-client.json"), Is.EqualTo(2));

        await AssertAuthenticatedAsync();

        async Task AssertAuthenticatedAsync()
        {
            using var answer = await client.PostAsync("/oauth/token", client.NewAssertion(), ("grant_type", "refresh_token"), ("refresh_token", "none"));
            Assert.That((await answer.JsonAsync()).Text("error"), Is.EqualTo("invalid_grant"), "the client is known; its refresh token is not");
        }
    }

    [Test]
    public async Task A_key_that_was_taken_away_is_refused_when_the_known_ones_are_old()
    {
        SecurityKey[] published = [SigningClient.NewKey("leaked"), SigningClient.NewKey("good")];
        var (client, _) = await RegisterAsync(() => published);
        client.Key = published[0];
        await AssertTokenAsync(client);
        published = [published[1]];

        _server.Clock.Advance(ClientKeys.MaxAge);

        using var response = await client.TokenAsync();
        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
    }

    [Test]
    public async Task While_they_cannot_be_read_known_ones_serve_for_a_day_and_nobody_is_told_that_the_client_is_unknown()
    {
        SecurityKey[]? published = [SigningClient.NewKey()];
        var (client, _) = await RegisterAsync(() => published);
        client.Key = published[0];
        await AssertTokenAsync(client);
        (published, var key) = (null, client.Key);

        _server.Clock.Advance(ClientKeys.MaxAge);
        await AssertTokenAsync(client);
        client.Key = SigningClient.NewKey("new");
        using (var unknown = await client.TokenAsync())
        {
            await AssertUnavailableAsync(unknown);
        }

        client.Key = key;
        _server.Clock.Advance(ClientKeys.MaxAgeOnError);
        foreach (var path in (string[])["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
        {
            using var old = await client.PostAsync(path, null, ("grant_type", "client_credentials"), ("token", "anything"));
            await AssertUnavailableAsync(old);
        }

        published = [(ECDsaSecurityKey)key];
        _server.Clock.Advance(ClientKeys.PauseOnError);
        await AssertTokenAsync(client);
    }

    [TestCase("[]"), TestCase("no JSON"), TestCase("""{"keys":[]}"""), TestCase("""{"keys":[{"kty":"oct","k":"AAAA"}]}"""), TestCase("private")]
    public async Task What_is_no_key_set_is_as_good_as_nothing(string body)
    {
        var key = SigningClient.NewKey();
        var (client, _) = await RegisterAsync(() => throw new InvalidOperationException("not asked"), body == "private" ? $$"""{"keys":[{"kty":"EC","d":"AA"}]}""" : body);

        using var response = await client.TokenAsync(client.NewAssertion(signWith: key));

        await AssertUnavailableAsync(response);
    }

    [TestCase("http://127.0.0.1:1/jwks"), TestCase("https://10.0.0.1/jwks"), TestCase("https://169.254.169.254/latest/meta-data")]
    public async Task An_address_within_our_network_is_never_asked(string uri)
    {
        using var response = await _server.Http.PostAsync("/register", new StringContent(
            $$"""{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"{{uri}}"}""", System.Text.Encoding.UTF8, "application/json"));
        if (uri.StartsWith("http:", StringComparison.Ordinal))
        {
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
            return;
        }

        var client = new SigningClient(_server.Http, _server.Clock, _server.BaseUrl, (await response.JsonAsync()).Text("client_id")!, SigningClient.NewKey());
        using var token = await client.TokenAsync();

        await AssertUnavailableAsync(token);
    }

    [TestCase("jwks"), TestCase("jwks_uri")]
    public async Task A_client_that_is_known_by_its_document_signs_too(string member)
    {
        var key = SigningClient.NewKey();
        var path = $"/document/{member}";
        var keys = _host.Serve($"{path}/keys", context => context.Response.WriteAsync(SigningClient.JwksOf(key)));
        var id = _host.Publish(path, new Dictionary<string, object>
        {
            ["client_name"] = "Signing",
            ["redirect_uris"] = new[] { OAuthClient.DefaultRedirectUri },
            ["token_endpoint_auth_method"] = "private_key_jwt",
            [member] = member == "jwks" ? new { keys = new[] { SigningClient.Jwk(key) } } : keys,
        });
        var walker = OAuthClient.Of(_server, id, null, OAuthClient.DefaultRedirectUri);
        using var alice = new Person(_server);
        var code = await walker.AuthorizeAsync(alice);
        using var unsigned = await walker.RedeemAsync(code);
        Assert.That(await unsigned.OAuthErrorAsync(), Is.EqualTo("invalid_client"));

        using var signed = await new SigningClient(_server.Http, _server.Clock, _server.BaseUrl, id, key)
            .PostAsync("/oauth/token", null, ("grant_type", "authorization_code"), ("code", code), ("code_verifier", walker.Verifier));

        Assert.That(signed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await signed.Content.ReadAsStringAsync());
    }

    private async Task<(SigningClient Client, string Path)> RegisterAsync(Func<SecurityKey[]?> published, string? body = null)
    {
        var path = $"/jwks/{Interlocked.Increment(ref _clients)}";
        var uri = _host.Serve(path, context =>
        {
            if (body is null && published() is null)
            {
                context.Response.StatusCode = 500;
                return Task.CompletedTask;
            }

            return context.Response.WriteAsync(body ?? SigningClient.JwksOf(published()!));
        });
        return (await SigningClient.RegisterAsync(_server, SigningClient.NewKey(), new
        {
            token_endpoint_auth_method = "private_key_jwt",
            grant_types = new[] { "client_credentials" },
            jwks_uri = uri,
        }), path);
    }


    private static async Task AssertTokenAsync(SigningClient client)
    {
        using var response = await client.TokenAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
    }

    private static async Task AssertUnavailableAsync(HttpResponseMessage response)
    {
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await response.Content.ReadAsStringAsync());
        Assert.That((await response.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));
        Assert.That(response.Headers.RetryAfter?.Delta, Is.EqualTo(ClientKeys.PauseOnError));
    }
}
