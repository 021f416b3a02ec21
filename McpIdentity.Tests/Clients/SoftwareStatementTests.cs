using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using static McpIdentity.Tests.Clients.StatementCalls;

namespace McpIdentity.Tests.Clients;

/// <summary>What somebody whom the operator trusts has signed about a client.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class SoftwareStatementTests
{
    private static readonly StatementIssuer Issuer = new();

    private readonly RecordedLog _log = new();
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(_log).SetMinimumLevel(LogLevel.Information), Issuer.Settings);

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
    }

    /// <summary>RFC 7591 §2.3, §3.2.1.</summary>
    [Test]
    public async Task What_it_says_takes_the_place_of_what_the_client_says_and_the_answer_holds_it_as_it_was_sent()
    {
        var statement = Issuer.Sign(new { client_name = "An editor", redirect_uris = Redirects, software_id = "editor", contacts = "", iat = 1, jti = "1", sub = "editor", exp = 4102444800L, client_id = "mine" });

        var client = await RegisterAsync(new
        {
            software_statement = statement,
            client_name = "Claude",
            redirect_uris = new[] { "https://evil.example/cb" },
            software_id = "other",
            token_endpoint_auth_method = "none",
            client_uri = "https://client.example",
            contacts = new[] { "dev@client.example" },
        });

        Assert.Multiple(() =>
        {
            Assert.That(client.Text("client_name"), Is.EqualTo("An editor"));
            Assert.That(client.GetProperty("redirect_uris").EnumerateArray().Select(uri => uri.GetString()), Is.EqualTo(Redirects));
            Assert.That(client.Text("software_id"), Is.EqualTo("editor"));
            Assert.That(client.Text("token_endpoint_auth_method"), Is.EqualTo("none"), "of which it says nothing, what the client says");
            Assert.That(client.Text("client_uri"), Is.EqualTo("https://client.example"));
            Assert.That(client.GetProperty("contacts")[0].GetString(), Is.EqualTo("dev@client.example"), "an empty text says nothing");
            Assert.That(client.Text("client_id"), Is.Not.EqualTo("mine"));
            Assert.That(client.Text("software_statement"), Is.EqualTo(statement));
            Assert.That(new[] { "iss", "iat", "jti", "sub", "exp" }.Where(claim => client.TryGetProperty(claim, out _)), Is.Empty);
            Assert.That(_log.Lines, Has.Some.Contains($"Client {client.Text("client_id")} was registered by a software statement of {StatementIssuer.Name}"));
        });
        using var alice = new Person(_server);
        await OAuthClient.Of(_server, client.Text("client_id")!, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice);
    }

    /// <summary>No member that is added some day may be left to the client where the statement says it.</summary>
    [Test]
    public void Every_member_that_is_read_is_overridden()
    {
        var members = typeof(ClientMetadata).GetProperties().Where(property => property.Name != nameof(ClientMetadata.SoftwareStatement)).ToList();
        var (sent, said) = (new ClientMetadata(), new ClientMetadata());
        foreach (var member in members)
        {
            member.SetValue(said, ValueOf(member.PropertyType));
        }

        sent.Override(said);
        Assert.That(members.Where(member => member.GetValue(sent) is null).Select(member => member.Name), Is.Empty);

        static object ValueOf(Type type) =>
            type == typeof(string) ? "x" : type == typeof(JsonElement?) ? JsonElement.Parse("{}") : type == typeof(IReadOnlyList<string>) ? (string[])["x"] : (JsonElement[])[JsonElement.Parse("1")];
    }

    [TestCaseSource(nameof(BadStatements))]
    public async Task One_that_is_wrong_is_refused_with_the_code_of_the_RFC(string error, Func<TestServer, object?> statement)
    {
        using var response = await PostAsync(_server, new { software_statement = statement(_server), redirect_uris = Redirects, client_name = "An app" });

        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo(error));
    }

    private static IEnumerable<TestCaseData> BadStatements()
    {
        const string Invalid = "invalid_software_statement", Unapproved = "unapproved_software_statement";
        var other = SigningClient.NewKey("publisher");
        var publicKey = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(SigningClient.JwksOf(Issuer.Key))) { KeyId = "publisher" };

        yield return Case("a number", Invalid, _ => 7);
        yield return Case("an array", Invalid, _ => new[] { Issuer.Sign(Editor) });
        yield return Case("an object", Invalid, _ => new { iss = StatementIssuer.Name });
        yield return Case("a bool", Invalid, _ => true);
        yield return Case("no JWT", Invalid, _ => "hello");
        yield return Case("only dots", Invalid, _ => "..");
        yield return Case("white space", Invalid, _ => Issuer.Sign(Editor) + " ");
        yield return Case("a JWE", Invalid, _ => $"{SigningClient.Encode("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}")}..AAAA.AAAA.AAAA");
        yield return Case("in the JSON form of JWS", Invalid, _ => JsonSerializer.Serialize(new { payload = "e30", signature = "AAAA" }));
        yield return Case("an array within", Invalid, _ => Issuer.SignRaw($"[\"{StatementIssuer.Name}\"]"));
        yield return Case("no JSON within", Invalid, _ => Issuer.SignRaw("iss"));
        yield return Case("signed by another", Invalid, _ => Issuer.Sign(Editor, signWith: other));
        yield return Case("changed after it was signed", Invalid, _ => Issuer.Sign(Editor).Split('.') is var parts ? $"{parts[0]}.{SigningClient.Encode($"{{\"iss\":\"{StatementIssuer.Name}\",\"client_name\":\"Mine\"}}")}.{parts[2]}" : "");
        yield return Case("not signed", Invalid, _ => Issuer.Sign(Editor, new { alg = "none" }));
        yield return Case("signed with the public key as a secret", Invalid, _ => Issuer.Sign(Editor, new { alg = "HS256" }, publicKey));
        yield return Case("without an algorithm", Invalid, _ => Issuer.Sign(Editor).Split('.') is var parts ? $"{SigningClient.Encode("{}")}.{parts[1]}.{parts[2]}" : "");
        yield return Case("with a key of its own", Invalid, _ => Issuer.Sign(Editor, new { kid = "mine", jwk = SigningClient.Jwk(other) }, other));
        yield return Case("with an extension that we do not know", Invalid, _ => Issuer.Sign(Editor, new { crit = new[] { "b64" }, b64 = false }));
        yield return Case("an access token", Invalid, _ => Issuer.Sign(Editor, new { typ = "at+jwt" }));
        yield return Case("without an issuer", Invalid, _ => Issuer.SignRaw("{\"client_name\":\"An editor\"}"));
        yield return Case("an issuer that is no text", Invalid, _ => Issuer.SignRaw("{\"iss\":[\"https://publisher.example\"]}"));
        yield return Case("of an unknown issuer", Unapproved, _ => Issuer.Sign(new { iss = "https://stranger.example" }, signWith: other));
        yield return Case("of an issuer with a slash too much", Unapproved, _ => Issuer.Sign(new { iss = StatementIssuer.Name + "/" }));
        yield return Case("expired", Invalid, server => Issuer.Sign(new { exp = Now(server) - 61 }));
        yield return Case("an end that is no number", Invalid, _ => Issuer.Sign(new { exp = "tomorrow" }));
        yield return Case("not yet valid", Invalid, server => Issuer.Sign(new { nbf = Now(server) + 61 }));
        yield return Case("for another server", Invalid, _ => Issuer.Sign(new { aud = new[] { "https://other.example" } }));
        yield return Case("a member twice", Invalid, _ => Issuer.SignRaw($"{{\"iss\":\"{StatementIssuer.Name}\",\"client_name\":\"a\",\"client_name\":\"b\"}}"));
        yield return Case("half a surrogate pair", Invalid, _ => Issuer.SignRaw($"{{\"iss\":\"{StatementIssuer.Name}\",\"client_name\":\"\\ud800\"}}"));
        yield return Case("a name that is a number", Invalid, _ => Issuer.Sign(new { client_name = 7 }));
        yield return Case("grants that are a text", Invalid, _ => Issuer.Sign(new { grant_types = "authorization_code" }));
        yield return Case("redirect URIs that are a text", Invalid, _ => Issuer.Sign(new { redirect_uris = "https://client.example/cb" }));
        yield return Case("deep", Invalid, _ => Issuer.SignRaw($"{{\"iss\":\"{StatementIssuer.Name}\",\"x\":{new string('[', 40)}{new string(']', 40)}}}"));
        yield return Case("20 KB", Invalid, _ => Issuer.Sign(new { x = new string('x', 20_000) }));
        // The body as a whole.
        yield return Case("100 KB", "invalid_client_metadata", _ => Issuer.Sign(new { x = new string('x', 100_000) }));
        // What it says is under the rules of every registration.
        yield return Case("a dangerous redirect URI", "invalid_redirect_uri", _ => Issuer.Sign(new { redirect_uris = new[] { "javascript:alert(1)" } }));
        yield return Case("a redirect URI that is a number", "invalid_redirect_uri", _ => Issuer.Sign(new { redirect_uris = new[] { 7 } }));
        yield return Case("no redirect URI", "invalid_redirect_uri", _ => Issuer.Sign(new { redirect_uris = Array.Empty<string>() }));
        yield return Case("an unknown grant", "invalid_client_metadata", _ => Issuer.Sign(new { grant_types = new[] { "password" } }));
        yield return Case("keys without a key", "invalid_client_metadata", _ => Issuer.Sign(new { jwks = new { keys = Array.Empty<object>() } }));

        static TestCaseData Case(string name, string error, Func<TestServer, object?> statement) => new TestCaseData(error, statement).SetName($"{{m}}({name})");
        static long Now(TestServer server) => server.Clock.GetUtcNow().ToUnixTimeSeconds();
    }

    [Test]
    public async Task One_is_good_until_it_expires_under_whichever_usual_type_and_for_us_by_name()
    {
        var now = _server.Clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var statement in new[]
        {
            Issuer.Sign(Editor, new { typ = "JWT" }), Issuer.Sign(Editor, new { typ = "application/jwt" }), Issuer.Sign(Editor, new { kid = (string?)null }),
            Issuer.Sign(new { redirect_uris = Redirects, exp = now + 1, nbf = now, aud = _server.BaseUrl }),
            Issuer.Sign(new { redirect_uris = Redirects, aud = new[] { "https://other.example", $"{_server.BaseUrl}/register" } }),
        })
        {
            await RegisterAsync(new { software_statement = statement });
        }
    }

    [TestCase("""{"software_statement":null}"""), TestCase("""{"software_statement":""}"""), TestCase("{}")]
    public async Task Where_nobody_must_vouch_a_client_without_one_is_registered_as_ever(string members)
    {
        var client = await RegisterAsync(JsonSerializer.Deserialize<Dictionary<string, object?>>(members)!.Append(new("redirect_uris", Redirects)).ToDictionary());

        Assert.That(client.TryGetProperty("software_statement", out _), Is.False);
    }

    /// <summary>RFC 7591 §3.1.1: a server that supports none may ignore it.</summary>
    [Test]
    public async Task Where_nobodys_count_whatever_it_is_is_ignored()
    {
        await using var server = await TestServer.StartAsync();
        foreach (var statement in new object[] { Issuer.Sign(Editor), "hello", 7 })
        {
            var client = await server.RegisterAsync(new { software_statement = statement, redirect_uris = Redirects, client_name = "Another" });
            Assert.That((client.Text("client_name"), client.TryGetProperty("software_statement", out _)), Is.EqualTo(("Another", false)));
        }
    }

    [Test]
    public async Task Keys_that_the_issuer_publishes_are_read_once_and_again_for_one_that_is_new_and_one_that_is_away_is_a_503()
    {
        await using var host = await DocumentHost.StartAsync();
        var issuer = new StatementIssuer();
        var isAway = true;
        var uri = host.Serve("/jwks", context =>
        {
            context.Response.StatusCode = isAway ? 500 : 200;
            return context.Response.WriteAsync(isAway ? "" : SigningClient.JwksOf(issuer.Key));
        });
        await using var server = await TestServer.StartAsync($"OAuth:Registration:SoftwareStatements:0:Issuer={StatementIssuer.Name}", $"OAuth:Registration:SoftwareStatements:0:JwksUri={uri}");

        using var early = await PostAsync(server, new { software_statement = issuer.Sign(Editor) });
        Assert.That((early.StatusCode, (await early.JsonAsync()).Text("error")), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "temporarily_unavailable")));
        Assert.That(host.TimesAsked("/jwks"), Is.EqualTo(1));

        isAway = false;
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        await server.RegisterAsync(new { software_statement = issuer.Sign(Editor) });
        await server.RegisterAsync(new { software_statement = issuer.Sign(Editor) });
        Assert.That(host.TimesAsked("/jwks"), Is.EqualTo(2));

        issuer.Key = SigningClient.NewKey("next");
        await server.RegisterAsync(new { software_statement = issuer.Sign(Editor) });
        Assert.That(host.TimesAsked("/jwks"), Is.EqualTo(3));
    }

    [Test]
    public async Task Issuers_whose_statements_nobody_could_check_stop_the_start_with_one_list()
    {
        var good = SigningClient.JwksOf(SigningClient.NewKey());
        const string Of = "OAuth:Registration:SoftwareStatements:";
        var message = (await Assert.CatchAsync(() => TestServer.StartAsync(
            $"{Of}0:Jwks={good}",
            $"{Of}1:Issuer=b",
            $"{Of}2:Issuer=c", $"{Of}2:Jwks={good}", $"{Of}2:JwksUri=https://c.example/jwks",
            $"{Of}3:Issuer=d", $"{Of}3:JwksUri=http://d.example/jwks",
            $"{Of}4:Issuer=e", $"{Of}4:Jwks=/no/such/file.json",
            $"{Of}5:Issuer=e", $"{Of}5:Jwks={{\"keys\":[]}}")))!.Message;

        Assert.That(message, Does.Contain($"{Of}0:Issuer is missing")
            .And.Contain($"{Of}1: set Jwks or JwksUri").And.Contain($"{Of}2: set Jwks or JwksUri")
            .And.Contain($"{Of}3:JwksUri is 'http://d.example/jwks'")
            .And.Contain($"{Of}4:Jwks is neither JSON nor a file").And.Contain($"{Of}5:Jwks holds no key")
            .And.Contain("has the issuer 'e' 2 times"));
    }

    private Task<JsonElement> RegisterAsync(object metadata) => _server.RegisterAsync(metadata);
}
