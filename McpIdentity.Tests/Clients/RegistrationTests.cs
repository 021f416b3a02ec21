using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Coverage;
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
    [Requirement("MCP-14")]
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

        static string[] Names(JsonElement client) => [.. client.EnumerateObject().Where(property => property.Name is not ("client_id" or "client_secret" or "registration_client_uri" or "registration_access_token")).Select(property => property.ToString())];
    }

    // Every member that we read, so that a new one is tried too; and one that we do not keep.
    private static IEnumerable<string> Members => typeof(ClientMetadata).GetProperties()
        .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)).Append("initiate_login_uri");

    [TestCase("grant_types"), TestCase("response_types"), TestCase("contacts")]
    public async Task A_list_of_empty_texts_is_an_empty_list(string member)
    {
        using var response = await PostAsync($$"""{"redirect_uris":["https://c.example/"],"{{member}}":["", null]}""");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        Assert.That(Strings(await response.JsonAsync(), "grant_types"), Is.EqualTo(["authorization_code"]));
    }

    [TestCase("""{"redirect_uris":["https://c.example/"],"grant_types":["password"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"grant_types":["implicit"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"response_types":["token"]}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"private_key_jwt"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"token_endpoint_auth_method":"magic"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"application_type":"toaster"}""")]
    [TestCase("""{"redirect_uris":["https://c.example/"],"jwks_uri":"http://c.example/jwks"}""")]
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

    [TestCase("contacts", 21), TestCase("grant_types", 21), TestCase("response_types", 21)]
    public async Task A_list_has_an_end(string member, int count)
    {
        var values = string.Join(',', Enumerable.Repeat(member == "grant_types" ? "\"refresh_token\"" : member == "contacts" ? "\"a@a.example\"" : "\"code\"", count));
        using var response = await PostAsync($$"""{"redirect_uris":["https://a.example/cb"],"{{member}}":[{{values}}]}""");

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
    }

    [Test]
    public async Task All_that_is_kept_of_a_client_has_an_end()
    {
        var contacts = string.Join(',', Enumerable.Repeat($"\"{new string('c', 1000)}\"", 20));
        using var refused = await PostAsync($$"""{"redirect_uris":["https://a.example/cb"],"contacts":[{{contacts}}]}""");
        var uris = string.Join(',', Enumerable.Range(0, 20).Select(number => $"\"https://a.example/{new string('u', 2000)}{number}\""));
        using var alsoRefused = await PostAsync($$"""{"redirect_uris":[{{uris}}]}""");

        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
        Assert.That(await alsoRefused.OAuthErrorAsync(), Is.EqualTo("invalid_client_metadata"));
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
