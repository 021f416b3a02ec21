using System.Net;
using System.Net.Http.Headers;
using System.Text;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Authorization;

/// <summary>
/// RFC 6749 §3.1, §3.2: what an endpoint does not know it ignores, and a parameter without a value is absent. Each foreign
/// parameter is sent to each place, once and, where nobody knows it, twice.
/// </summary>
[Category("RFC 6749")]
[Parallelizable(ParallelScope.All)]
internal sealed class UnknownParameterTests
{
    // Of other flows, other specifications and other servers; some of them OpenIddict knows and refuses.
    private static readonly (string Name, string Value)[] Foreign =
    [
        ("audience", "https://api.example/"), ("foo", "bar"), ("claims", """{"id_token":{"email":null}}"""), ("id_token", "x"), ("display", "popup"),
        ("acr_values", "1"), ("registration", "{}"), ("username", "u"), ("password", "p"), ("device_code", "d"),
        ("user_code", "u"), ("subject_token", "t"), ("subject_token_type", "urn:x"), ("actor_token", "t"), ("actor_token_type", "urn:x"),
        ("requested_token_type", "urn:x"), ("assertion", "a"), ("post_logout_redirect_uri", "https://c.example/"), ("error", "e"), ("iss", "https://i.example"),
        ("dpop_jkt", "x"), ("authorization_details", "[]"), ("access_type", "offline"), ("client_metadata", "{}"), ("Scope2", "mcp:admin"),
    ];

    // Of other places of ours.
    private static readonly Dictionary<string, (string Name, string Value)[]> OfOtherPlaces = new()
    {
        ["authorize"] = [("code", "c"), ("code_verifier", "v"), ("refresh_token", "r"), ("grant_type", "password"), ("token", "t"), ("client_secret", "s"), ("client_assertion", "a")],
        ["code"] = [("scope", "mcp:admin"), ("refresh_token", "r"), ("token", "t"), ("response_type", "token"), ("nonce", "n"), ("state", "s"), ("code_challenge", "c"), ("prompt", "none")],
        ["refresh"] = [("code", "c"), ("code_verifier", "short"), ("redirect_uri", "https://elsewhere.example/"), ("token", "t"), ("response_type", "token"), ("state", "s")],
        ["client credentials"] = [("code", "c"), ("code_verifier", "short"), ("redirect_uri", "not a uri"), ("refresh_token", "r"), ("token", "t"), ("state", "s")],
        ["introspection"] = [("scope", "x"), ("resource", "not a uri"), ("grant_type", "password"), ("code", "c"), ("refresh_token", "r"), ("token_type_hint", "no such type")],
        ["revocation"] = [("scope", "x"), ("resource", "not a uri"), ("grant_type", "password"), ("code", "c"), ("refresh_token", "r"), ("token_type_hint", "no such type")],
        ["userinfo"] = [("scope", "x"), ("resource", "not a uri"), ("client_id", "nobody"), ("client_secret", "s"), ("schema", "openid")],
    };

    // Known there, and good without a value.
    private static readonly Dictionary<string, string[]> Optional = new()
    {
        ["authorize"] = ["response_mode", "scope", "resource", "nonce", "prompt", "max_age", "login_hint", "id_token_hint", "request", "request_uri", "state"],
        ["code"] = ["redirect_uri", "resource", "client_secret", "client_assertion", "client_assertion_type"],
        ["refresh"] = ["scope", "resource", "client_secret", "client_assertion", "client_assertion_type"],
        ["client credentials"] = ["scope", "resource", "client_secret", "client_assertion", "client_assertion_type"],
        ["introspection"] = ["token_type_hint", "client_secret", "client_assertion", "client_assertion_type"],
        ["revocation"] = ["token_type_hint", "client_secret", "client_assertion", "client_assertion_type"],
        ["userinfo"] = [],
    };

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    private static IEnumerable<string> Places => OfOtherPlaces.Keys;

    [TestCaseSource(nameof(Places))]
    public async Task What_a_place_does_not_know_it_ignores(string place)
    {
        var send = await SenderAsync(place);

        using (Assert.EnterMultipleScope())
        {
            foreach (var (name, value) in Foreign.Concat(OfOtherPlaces[place]))
            {
                Assert.That(await send([(name, value)]), Is.EqualTo("good"), $"{name}={value}");
            }

            foreach (var (name, value) in Foreign)
            {
                Assert.That(await send([(name, value), (name, value + "2")]), Is.EqualTo("good"), $"{name} twice");
            }

            Assert.That(await send([.. Foreign, .. OfOtherPlaces[place]]), Is.EqualTo("good"), "all at once");
        }
    }

    [TestCaseSource(nameof(Places))]
    public async Task A_parameter_without_a_value_is_absent(string place)
    {
        var send = await SenderAsync(place);

        using (Assert.EnterMultipleScope())
        {
            foreach (var name in Optional[place])
            {
                Assert.That(await send([(name, "")]), Is.EqualTo("good"), $"{name}=");
            }
        }
    }

    // What stays refused: docs/spec-divergences.md, "What stays refused".
    [TestCase("authorize", "request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported")]
    [TestCase("authorize", "request_uri", "https://client.example/request", "request_uri_not_supported")]
    [TestCase("authorize", "response_mode", "fragment", "invalid_request")]
    [TestCase("authorize", "prompt", "none login", "invalid_request")]
    [TestCase("authorize", "prompt", "none create", "invalid_request")]
    [TestCase("code", "redirect_uri", "http://127.0.0.1:4711/elsewhere", "invalid_grant")]
    [TestCase("code", "resource", "https://elsewhere.example/", "invalid_target")]
    [TestCase("refresh", "resource", "https://elsewhere.example/", "invalid_target")]
    [TestCase("code", "resource", "no address", "invalid_target"), TestCase("code", "resource", "/mcp", "invalid_target")]
    [TestCase("refresh", "resource", "https://elsewhere.example/#x", "invalid_target")]
    [TestCase("refresh", "scope", "mcp:admin", "invalid_scope")]
    [TestCase("code", "client_secret", "a secret", "invalid_client")]
    public async Task What_is_known_and_wrong_is_refused(string place, string name, string value, string error)
    {
        var send = await SenderAsync(place);

        Assert.That(await send([(name, value)]), Is.EqualTo(error));
    }

    // OpenID Connect Core §3.1.2.1: better ignored than refused, so that new values can be introduced.
    [TestCase("create"), TestCase("create enroll"), TestCase("consent create")]
    public async Task A_prompt_that_nobody_knows_is_ignored(string prompt)
    {
        var send = await SenderAsync("authorize");

        Assert.That(await send([("prompt", prompt)]), Is.EqualTo("good"));
    }

    // RFC 6749 §3.1.2.3: with one registered redirect URI it may be left out, also without a value, and also for an error.
    [TestCase(null), TestCase("")]
    public async Task A_redirect_uri_may_be_left_out_where_there_is_one(string? absent)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var two = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { "https://c.example/1", "https://c.example/2" }, token_endpoint_auth_method = "none" });
        using var alice = new Person(_server);

        var code = await client.AuthorizeAsync(alice, ("redirect_uri", absent), ("scope", "openid mcp"));
        var refused = await alice.LeaveAsync(client.AuthorizeUrl(("redirect_uri", absent), ("resource", "https://elsewhere.example/")));
        using var tokens = await client.RedeemAsync(code, ("redirect_uri", absent));
        using var ambiguous = await _server.Http.GetAsync(two.AuthorizeUrl(("redirect_uri", absent)));

        Assert.That(tokens.StatusCode, Is.EqualTo(HttpStatusCode.OK), await tokens.Content.ReadAsStringAsync());
        Assert.That(refused.AbsoluteUri, Does.StartWith(client.RedirectUri + "?error=invalid_target"));
        Assert.That(ambiguous.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    // OAuth 2.1 §10.2: the redirect URI is compared when it is sent, and PKCE binds the code when it is not.
    [Test]
    public async Task A_code_is_redeemed_without_its_redirect_uri_and_never_without_its_verifier()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);

        using var wrong = await client.RedeemAsync(code, ("redirect_uri", client.RedirectUri + "/"));
        using var unbound = await client.RedeemAsync(code, ("redirect_uri", null), ("code_verifier", null));
        using var guessed = await client.RedeemAsync(code, ("redirect_uri", null), ("code_verifier", new string('x', 43)));
        using var right = await client.RedeemAsync(code, ("redirect_uri", null));

        Assert.That(await wrong.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(await unbound.OAuthErrorAsync(), Is.EqualTo("invalid_request"));
        Assert.That(await guessed.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK), await right.Content.ReadAsStringAsync());
    }

    /// <summary>Sends a request that is good, with further parameters: "good", or the error that came back.</summary>
    private async Task<Func<(string Name, string Value)[], Task<string?>>> SenderAsync(string place)
    {
        var alice = new Person(_server);
        var client = place is "client credentials" or "introspection" ? await OAuthClient.RegisterServiceAsync(_server) : await OAuthClient.RegisterPublicAsync(_server);
        var service = place is "client credentials" or "introspection" ? (await (await client.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token") : null;
        var tokens = service is null && place != "authorize" ? await client.ConnectAsync(alice) : default;
        return place switch
        {
            "authorize" => async more =>
            {
                var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("state", null)) + Query(more));
                return answer.ContainsKey("code") ? "good" : answer["error"];
            }
            ,
            "code" => async more =>
            {
                var code = await client.AuthorizeAsync(alice);
                return await PostAsync("/oauth/token", client, [("grant_type", "authorization_code"), ("code", code), ("code_verifier", client.Verifier), .. more], "access_token");
            }
            ,
            "refresh" => async more =>
            {
                tokens = tokens.ValueKind == default ? await client.ConnectAsync(alice) : tokens;
                return await PostAsync("/oauth/token", client, [("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")!), .. more], "access_token");
            }
            ,
            "client credentials" => more => PostAsync("/oauth/token", client, [("grant_type", "client_credentials"), .. more], "access_token"),
            "introspection" => more => PostAsync("/oauth/introspect", client, [("token", service!), .. more], "iss"),
            "revocation" => more => PostAsync("/oauth/revoke", client, [("token", "a token of nobody"), .. more], null),
            "userinfo" => async more =>
            {
                using var get = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo?" + Query(more));
                using var post = new HttpRequestMessage(HttpMethod.Post, "/oauth/userinfo") { Content = Form(more) };
                get.Headers.Authorization = post.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Text("access_token"));
                using var first = await _server.Http.SendAsync(get);
                using var second = await _server.Http.SendAsync(post);
                return first.IsSuccessStatusCode && second.IsSuccessStatusCode ? "good" : $"{first.StatusCode} {second.StatusCode}";
            }
            ,
            _ => throw new ArgumentException(place),
        };
    }

    private async Task<string?> PostAsync(string path, OAuthClient client, (string Name, string Value)[] fields, string? member)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (client.Secret is null)
        {
            fields = [("client_id", client.ClientId), .. fields];
        }
        else
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client.ClientId}:{client.Secret}")));
        }

        request.Content = Form(fields);
        using var response = await _server.Http.SendAsync(request);
        return response.StatusCode == HttpStatusCode.OK && (member is null || (await response.JsonAsync()).TryGetProperty(member, out _))
            ? "good"
            : await response.OAuthErrorAsync();
    }

    private static FormUrlEncodedContent Form((string Name, string Value)[] fields) => new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));

    private static string Query((string Name, string Value)[] fields) =>
        string.Concat(fields.Select(field => $"&{field.Name}={Uri.EscapeDataString(field.Value)}"));
}
