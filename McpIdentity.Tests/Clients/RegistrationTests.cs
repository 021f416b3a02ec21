using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Clients;

/// <summary>Dynamic client registration, SEED-046.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class RegistrationTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("SEED-046"), Category("B-08")]
    public async Task A_public_client_gets_an_identifier_and_no_secret()
    {
        using var response = await RegisterAsync(new
        {
            redirect_uris = new[] { "http://127.0.0.1:3000/callback" },
            token_endpoint_auth_method = "none",
            client_name = "A client",
        });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
        var client = await response.JsonAsync();
        Assert.Multiple(() =>
        {
            Assert.That(client.Text("client_id"), Does.Match("^[A-Za-z0-9]{22,}$"), "128 random bits, and no option of a command line");
            Assert.That(client.Text("token_endpoint_auth_method"), Is.EqualTo("none"));
            Assert.That(client.TryGetProperty("client_secret", out _), Is.False);
            Assert.That(client.TryGetProperty("client_secret_expires_at", out _), Is.False);
            Assert.That(client.GetProperty("client_id_issued_at").GetInt64(), Is.EqualTo(_server.Clock.GetUtcNow().ToUnixTimeSeconds()));
            Assert.That(Strings(client, "grant_types"), Is.EqualTo(["authorization_code", "refresh_token"]), "a person's own program would else have them sign in every hour");
            Assert.That(Strings(client, "response_types"), Is.EqualTo(["code"]));
        });
    }

    [TestCase(null, "client_secret_basic")]
    [TestCase("client_secret_basic", "client_secret_basic")]
    [TestCase("client_secret_post", "client_secret_post")]
    [Category("SEED-046")]
    public async Task A_confidential_client_gets_a_secret_that_does_not_expire(string? asked, string registered)
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { "https://client.example/cb" }, token_endpoint_auth_method = asked });

        var client = await response.JsonAsync();
        Assert.That(client.Text("token_endpoint_auth_method"), Is.EqualTo(registered));
        Assert.That(client.Text("client_secret"), Has.Length.GreaterThanOrEqualTo(43), "256 random bits");
        Assert.That(client.GetProperty("client_secret_expires_at").GetInt64(), Is.Zero);
        Assert.That(Strings(client, "grant_types"), Is.EqualTo(["authorization_code"]), "RFC 7591 §2: the default");
    }

    [Test]
    public async Task The_answer_holds_no_null_and_no_empty_member()   // docs/interoperability.md, "No null in the answer"
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { "https://client.example/cb" }, client_name = "", logo_uri = (string?)null, contacts = Array.Empty<string>(), client_uri = "" });

        var client = await response.JsonAsync();
        foreach (var member in client.EnumerateObject())
        {
            Assert.That(member.Value.ValueKind, Is.Not.EqualTo(JsonValueKind.Null), member.Name);
            Assert.That(member.Value.ToString(), Is.Not.Empty, member.Name);
            Assert.That(member.Value.ToString(), Is.Not.EqualTo("[]"), member.Name);
        }
    }

    [TestCaseSource(nameof(Members))]
    public async Task An_empty_member_is_absent(string member)   // docs/interoperability.md, "Empty members"
    {
        // redirect_uris is required of a client with a browser; one that is empty is absent for a service.
        var needed = member == "redirect_uris" ? """ "grant_types":["client_credentials"] """ : """ "redirect_uris":["https://c.example/"] """;
        using var absent = await PostAsync($"{{{needed}}}");
        using var empty = await PostAsync($$"""{ {{needed}}, "{{member}}":"" }""");
        using var isNull = await PostAsync($$"""{ {{needed}}, "{{member}}":null }""");

        Assert.That(absent.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(empty.StatusCode, Is.EqualTo(HttpStatusCode.Created), await empty.Content.ReadAsStringAsync());
        Assert.That(isNull.StatusCode, Is.EqualTo(HttpStatusCode.Created), await isNull.Content.ReadAsStringAsync());
        var expected = Names(await absent.JsonAsync());
        Assert.That(Names(await empty.JsonAsync()), Is.EqualTo(expected));
        Assert.That(Names(await isNull.JsonAsync()), Is.EqualTo(expected));

        static string[] Names(JsonElement client) => [.. client.EnumerateObject().Where(property => property.Name != "client_id" && property.Name != "client_secret").Select(property => property.ToString())];
    }

    // Every member that we read, so that a new one is tried too; and two that we do not keep.
    private static IEnumerable<string> Members => typeof(ClientMetadata).GetProperties()
        .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)).Concat(["software_statement", "initiate_login_uri"]);

    [TestCase("grant_types"), TestCase("response_types"), TestCase("contacts")]
    public async Task A_list_of_empty_texts_is_an_empty_list(string member)
    {
        using var response = await PostAsync($$"""{"redirect_uris":["https://c.example/"],"{{member}}":["", null]}""");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        Assert.That(Strings(await response.JsonAsync(), "grant_types"), Is.EqualTo(["authorization_code"]));
    }

    // RFC 7591 §3.2.1, RFC 6749 §3.1.2.3: what was registered is echoed, kept and compared as it was written.
    [TestCase("https://c.example/cb", "https://c.example:443/cb", "https://C.example/cb", "https://c.example./cb", "https://c.example/%63b", "https://c.example/cb/", "HTTPS://c.example/cb")]
    [TestCase("https://c.example", "https://c.example/", "https://c.example?", "https://c.example:443")]
    [TestCase("https://c.example/a%2fb?x=%41", "https://c.example/a%2Fb?x=%41", "https://c.example/a%2Fb?x=A", "https://c.example/a/b?x=A")]
    [TestCase("com.example.app:/cb", "com.example.app:///cb", "com.example.App:/cb", "com.example.app:/cb?")]
    [TestCase("http://127.0.0.1:4711/cb", "http://localhost:4711/cb", "http://LOCALHOST:4711/cb", "http://[::1]:4711/cb", "http://127.0.0.1:4711/c%62")]
    [TestCase("https://xn--bcher-kva.example/cb", "https://XN--bcher-kva.example/cb")]
    public async Task Spellings_of_a_redirect_uri_are_redirect_uris_of_their_own(params string[] spellings)
    {
        using var response = await RegisterAsync(new { redirect_uris = spellings, token_endpoint_auth_method = "none", client_name = "Spelling" });
        var registered = await response.JsonAsync();
        using var alice = new Person(_server);

        Assert.That(Strings(registered, "redirect_uris"), Is.EqualTo(spellings));
        foreach (var spelling in spellings)
        {
            var all = OAuthClient.Of(_server, registered.Text("client_id")!, null, spelling);
            var sent = await alice.LeaveAsync(all.AuthorizeUrl());
            var code = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(sent.Query)["code"].ToString();
            using var others = await all.RedeemAsync(code, ("redirect_uri", spellings.First(other => other != spelling)));
            using var own = await all.RedeemAsync(code);
            var one = await OAuthClient.RegisterAsync(_server, new { redirect_uris = new[] { spelling }, token_endpoint_auth_method = "none" });

            Assert.That(sent.OriginalString, Does.StartWith(spelling), "the answer goes where it was asked to");
            Assert.That(await others.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), spelling);
            Assert.That(own.StatusCode, Is.EqualTo(HttpStatusCode.OK), spelling);
            foreach (var other in spellings.Where(other => other != spelling))
            {
                using var refused = await _server.Http.GetAsync(one.AuthorizeUrl(("redirect_uri", other)));
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), $"{spelling} was registered, {other} is asked for");
            }
        }
    }

    [Test]
    [Category("SEED-006"), Category("SEED-046")]
    public async Task Several_redirect_uris_of_every_safe_kind_are_echoed()   // docs/interoperability.md, "Private schemes", "Several redirect URIs"
    {
        string[] uris =
        [
            "https://vscode.dev/redirect", "https://insiders.vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/",
            "http://localhost:4000/oauth/callback/debug", "http://[::1]:7777/cb", "https://claude.ai/api/mcp/auth_callback",
            "cursor://anysphere.cursor-mcp/oauth/callback", "com.example.app:/oauth2redirect", "https://chatgpt.com/connector/oauth/a-b_c?x=1",
        ];

        using var response = await RegisterAsync(new { redirect_uris = uris, application_type = "web" });

        var client = await response.JsonAsync();
        Assert.That(Strings(client, "redirect_uris"), Is.EqualTo(uris));
        Assert.That(client.Text("application_type"), Is.EqualTo("native"));
    }

    [TestCase("javascript:alert(1)")]
    [TestCase("data:text/html,x")]
    [TestCase("file:///etc/passwd")]
    [TestCase("vbscript:x")]
    [TestCase("about:blank")]
    [TestCase("blob:https://client.example/x")]
    [TestCase("ws://client.example/cb")]
    [TestCase("JavaScript:alert(1)")]
    [TestCase("http://client.example/callback")]
    [TestCase("http://localhost.evil.example/callback")]
    [TestCase("http://127.0.0.1.evil.example/callback")]
    [TestCase("https://client.example/cb#fragment")]
    [TestCase("https://client.example/cb#")]
    [TestCase("https://user:password@client.example/cb")]
    [TestCase("https://client.example/../cb")]
    [TestCase("https://client.example/a/%2e%2e/cb")]
    [TestCase("https://client.example/*")]
    [TestCase("https://*.client.example/cb")]
    [TestCase("https://client.example\\@evil.example/cb")]
    [TestCase("https://client.example/c b")]
    [TestCase("https://client.example/\u0000")]
    [TestCase("https://")]
    [TestCase("/relative")]
    [TestCase("//client.example/cb")]
    [TestCase("not a uri")]
    [TestCase("")]
    [Category("SEED-046"), Category("B-08")]
    public async Task A_dangerous_redirect_uri_is_refused(string redirectUri)
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { redirectUri } });

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [TestCase("""{"redirect_uris":[]}""")]
    [TestCase("""{}""")]
    [TestCase("""{"redirect_uris":[1]}""")]
    [TestCase("""{"redirect_uris":["\ud800"]}""")]
    [TestCase("""{"redirect_uris":[null]}""")]
    [TestCase("""{"redirect_uris":[{}]}""")]
    [TestCase("""{"redirect_uris":null,"grant_types":["authorization_code"]}""")]
    [Category("SEED-046")]
    public async Task Redirect_uris_that_are_missing_or_no_text_are_refused(string body)
    {
        using var response = await PostAsync(body);

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
    }

    [Test]
    public async Task Twenty_redirect_uris_are_accepted_and_twenty_one_are_not()
    {
        using var twenty = await RegisterAsync(new { redirect_uris = Uris(20) });
        using var more = await RegisterAsync(new { redirect_uris = Uris(21) });
        using var tooLong = await RegisterAsync(new { redirect_uris = new[] { "https://client.example/" + new string('a', 2048) } });

        Assert.That(twenty.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await more.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
        Assert.That(await tooLong.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));

        static string[] Uris(int count) => [.. Enumerable.Range(0, count).Select(i => $"https://client.example/{i}")];
    }

    [TestCase("""{"redirect_uris":["https://c.example/"],"grant_types":["password"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"grant_types":["implicit"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"response_types":["token"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"private_key_jwt"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"magic"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"application_type":"toaster"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"jwks_uri":"https://c.example/jwks"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"logo_uri":"javascript:alert(1)"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"client_name":"a\u0000b"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"client_name":7}""")]
    [TestCase("""{"redirect_uris":"https://c.example/"}""")]
    [TestCase("""{"grant_types":["client_credentials"],"token_endpoint_auth_method":"none"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"redirect_uris":["https://evil.example/"]}""")]
    [TestCase("""["https://c.example/"]""")]
    [TestCase("""{"redirect_uris":["https://c.example/"]""")]
    [TestCase("null")]
    [TestCase("")]
    [TestCase("\0")]
    [Category("SEED-046"), Category("B-20")]
    public async Task Metadata_that_is_wrong_is_refused(string body)
    {
        using var response = await PostAsync(body);

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [Test]
    public async Task Only_json_is_read()
    {
        using var response = await _server.Http.PostAsync("/register", new FormUrlEncodedContent([new("redirect_uris", "https://c.example/")]));

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [TestCase(false)]
    [TestCase(true)]
    [Category("B-20")]
    public async Task A_body_of_more_than_64_kb_is_refused(bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register")
        {
            Content = new StringContent($$"""{"client_name":"{{new string('x', 70_000)}}"}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = chunked;

        using var response = await _server.Http.SendAsync(request);

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [Test]
    public async Task Grants_of_other_servers_are_left_out_of_the_answer()   // docs/interoperability.md, "Grants of other servers"
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { "https://c.example/" }, grant_types = new[] { "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer" } });

        Assert.That(Strings(await response.JsonAsync(), "grant_types"), Is.EqualTo(["authorization_code", "refresh_token"]));
    }

    [Test]
    public async Task Scopes_of_other_servers_are_dropped_and_the_rest_is_echoed()   // docs/interoperability.md, "Scopes at registration"
    {
        using var response = await RegisterAsync(new { redirect_uris = new[] { "https://c.example/" }, scope = "claudeai mcp:call unknown" });

        Assert.That((await response.JsonAsync()).Text("scope"), Is.EqualTo("mcp:call"));
    }

    [Test]
    [Category("SEED-046"), Category("B-08")]
    public async Task A_thousand_registrations_at_once_get_a_thousand_identifiers()
    {
        var clients = await Task.WhenAll(Enumerable.Range(0, 1000).Select(async _ =>
        {
            using var response = await RegisterAsync(new { redirect_uris = new[] { "https://c.example/" }, token_endpoint_auth_method = "none" });
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            return (await response.JsonAsync()).Text("client_id");
        }));

        Assert.That(clients, Is.Unique);
    }

    [Test]
    public async Task A_registration_without_an_own_content_length_works()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/register")   // docs/interoperability.md, "Older paths"
        {
            Content = JsonContent.Create(new { redirect_uris = new[] { "https://c.example/" } }, new MediaTypeHeaderValue("application/json")),
        };
        request.Headers.TransferEncodingChunked = true;

        using var response = await _server.Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_service_registers_itself_only_where_that_is_allowed()
    {
        await using var strict = await TestServer.StartAsync("OAuth:Registration:AllowClientCredentials=false");
        var service = new { grant_types = new[] { "client_credentials" } };

        using var refused = await strict.Http.PostAsJsonAsync("/register", service);
        using var accepted = await RegisterAsync(service);

        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
        Assert.That(accepted.StatusCode, Is.EqualTo(HttpStatusCode.Created));
    }

    private Task<HttpResponseMessage> RegisterAsync(object metadata) => _server.Http.PostAsJsonAsync("/register", metadata);

    private Task<HttpResponseMessage> PostAsync(string body) => _server.Http.PostAsync("/register", new StringContent(body, Encoding.UTF8, "application/json"));

    private static string?[] Strings(JsonElement json, string member) => [.. json.GetProperty(member).EnumerateArray().Select(item => item.GetString())];
}
