using System.Net;
using System.Text.Json;
using McpIdentity.Tests.Support;
using static McpIdentity.Tests.Clients.StatementCalls;

namespace McpIdentity.Tests.Clients;

/// <summary>What a software statement does for its client: whether it is let in, what an update may change, what its identifier says.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class StatementLifeTests
{
    private const string Token = "handed out to the team";

    private static readonly StatementIssuer Issuer = new();

    /// <summary>Whoever holds a copy of one can send it: it lets in what it fixed itself (docs/registration.md, "Software statements").</summary>
    [TestCase("Token"), TestCase("Approval"), TestCase("Hosts")]
    public async Task It_lets_a_client_in_as_a_token_does_where_it_says_where_the_answers_go_and_else_it_does_not(string policy)
    {
        await using var server = await TestServer.StartAsync([
            .. Issuer.Settings, $"OAuth:Registration:Policy={policy}", $"OAuth:Registration:InitialAccessToken={Token}",
            .. policy == "Hosts" ? (string[])["OAuth:Registration:AllowedRedirectHosts:0=known.example"] : []]);
        using var alice = new Person(server);
        var key = SigningClient.NewKey();
        object keys = new { keys = new[] { SigningClient.Jwk(key) } };

        var vouched = await server.RegisterAsync(new { software_statement = Issuer.Sign(Editor) });
        await OAuthClient.Of(server, vouched.Text("client_id")!, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice);
        var service = await server.RegisterAsync(new { software_statement = Issuer.Sign(new { jwks = keys, token_endpoint_auth_method = "private_key_jwt", grant_types = new[] { "client_credentials" } }) });
        using var own = await new SigningClient(server.Http, server.Clock, server.BaseUrl, service.Text("client_id")!, key).TokenAsync();
        Assert.That(own.StatusCode, Is.EqualTo(HttpStatusCode.OK), await own.Content.ReadAsStringAsync());

        foreach (var (sent, isAtKnownHosts) in new (object, bool)[]
        {
            (new { redirect_uris = Redirects }, false),
            (new { software_statement = Issuer.Sign(new { client_name = "An editor" }), redirect_uris = Redirects }, false),
            (new { software_statement = Issuer.Sign(new { jwks = keys }), redirect_uris = Redirects, token_endpoint_auth_method = "private_key_jwt" }, false),
            (new { software_statement = Issuer.Sign(new { client_name = "A service" }), grant_types = new[] { "client_credentials" } }, false),
            (new { software_statement = Issuer.Sign(new { redirect_uris = new[] { "https://known.example/cb" } }), grant_types = new[] { "authorization_code", "client_credentials" } }, true),
            (new { software_statement = Issuer.Sign(new { jwks = keys }), grant_types = new[] { "client_credentials" } }, false),
        })
        {
            using var response = await PostAsync(server, sent);
            var answer = await response.JsonAsync();
            var isStatement = JsonSerializer.SerializeToElement(sent).TryGetProperty("software_statement", out _);
            switch (policy)
            {
                case "Token":
                    Assert.That((response.StatusCode, answer.Text("error")), Is.EqualTo(isStatement ? (HttpStatusCode.BadRequest, "unapproved_software_statement") : (HttpStatusCode.Unauthorized, "invalid_token")));
                    await server.RegisterAsync(sent, Token);
                    break;
                case "Hosts" when !isAtKnownHosts:
                    Assert.That(answer.Text("error"), Is.EqualTo("invalid_redirect_uri"));
                    break;
                case "Approval":
                    using (var early = await SendAsync(server, answer, HttpMethod.Put, new { client_id = answer.Text("client_id") }))
                    {
                        Assert.That(await early.Content.ReadAsStringAsync(), Does.Contain("waits for the approval"));
                    }

                    break;
                default:
                    Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
                    break;
            }
        }

        using var wrong = await PostAsync(server, new { software_statement = Issuer.Sign(Editor) }, "wrong");
        Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "a token that is wrong is said to be wrong");
    }

    /// <summary>RFC 7592 §2: over a restart too.</summary>
    [Test]
    [Category("RFC 7592")]
    public async Task It_is_read_back_and_an_update_changes_nothing_that_a_statement_fixed()
    {
        using var folder = new TemporaryFolder();
        string[] settings = [.. Issuer.Settings, $"Database:ConnectionString=Data Source={folder.File("kept.db")}", "OAuth:Registration:Policy=Approval", $"Server:Port={Ports.Next()}"];
        var statement = Issuer.Sign(Editor);
        JsonElement client;
        await using (var server = await TestServer.StartAsync(settings))
        {
            client = await server.RegisterAsync(new { software_statement = statement, client_uri = "https://client.example" });
        }

        await using (var server = await TestServer.StartAsync(settings))
        {
            using var read = await SendAsync(server, client, HttpMethod.Get);
            Assert.That((await read.JsonAsync()).Text("software_statement"), Is.EqualTo(statement));

            object id = client.Text("client_id")!;
            Assert.That(await ErrorOfAsync(new { client_id = id, redirect_uris = Redirects }), Is.EqualTo("invalid_software_statement"), "left out");
            Assert.That(await ErrorOfAsync(new { client_id = id, redirect_uris = Redirects, software_statement = Issuer.Sign(Editor, signWith: SigningClient.NewKey()) }), Is.EqualTo("invalid_software_statement"));
            Assert.That(await ErrorOfAsync(new { client_id = id, redirect_uris = new[] { "https://evil.example/cb" }, software_statement = Issuer.Sign(new { client_name = "Mine" }) }), Is.EqualTo("unapproved_software_statement"), "one that does not say where answers go");

            using var same = await SendAsync(server, client, HttpMethod.Put, new { client_id = id, client_name = "Claude", redirect_uris = new[] { "https://evil.example/cb" }, software_statement = statement, client_uri = "https://client.example/new" });
            var updated = await same.JsonAsync();
            Assert.That(same.StatusCode, Is.EqualTo(HttpStatusCode.OK), updated.GetRawText());
            Assert.That((updated.Text("client_name"), updated.GetProperty("redirect_uris")[0].GetString(), updated.Text("client_uri"), updated.Text("software_statement")),
                Is.EqualTo(("An editor", Redirects[0], "https://client.example/new", statement)));
            using var alice = new Person(server);
            await OAuthClient.Of(server, client.Text("client_id")!, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice); // and does not wait

            var next = Issuer.Sign(new { client_name = "An editor 2", redirect_uris = new[] { "https://client.example/two" } });
            using var newer = await SendAsync(server, updated, HttpMethod.Put, new { client_id = id, software_statement = next });
            client = await newer.JsonAsync();
            Assert.That((client.Text("client_name"), client.Text("software_statement")), Is.EqualTo(("An editor 2", next)));

            async Task<string?> ErrorOfAsync(object update)
            {
                using var response = await SendAsync(server, client, HttpMethod.Put, update);
                return await response.OAuthErrorAsync();
            }
        }

        await using (var server = await TestServer.StartAsync([.. settings[2..]]))
        {
            // The operator trusts the issuer no more: the client goes on, and changes nothing.
            using var read = await SendAsync(server, client, HttpMethod.Get);
            Assert.That((await read.JsonAsync()).Text("client_name"), Is.EqualTo("An editor 2"));
            using var update = await SendAsync(server, client, HttpMethod.Put, new { client_id = client.Text("client_id"), software_statement = client.Text("software_statement") });
            Assert.That(await update.OAuthErrorAsync(), Is.EqualTo("unapproved_software_statement"));
        }
    }

    [Test]
    [Category("RFC 7592")]
    public async Task A_client_that_registered_without_one_is_let_in_by_one_that_an_update_holds()
    {
        await using var server = await TestServer.StartAsync([.. Issuer.Settings, "OAuth:Registration:Policy=Hosts", "OAuth:Registration:AllowedRedirectHosts:0=known.example"]);
        var client = await server.RegisterAsync(new { redirect_uris = new[] { "https://known.example/cb" } });

        using var without = await SendAsync(server, client, HttpMethod.Put, new { client_id = client.Text("client_id"), redirect_uris = Redirects });
        using var with = await SendAsync(server, client, HttpMethod.Put, new { client_id = client.Text("client_id"), software_statement = Issuer.Sign(Editor) });

        Assert.That(await without.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));
        Assert.That(with.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    /// <summary>The statement is longer than an identifier may be: what comes back is who vouched.</summary>
    [TestCase("Token", true), TestCase("Token", false), TestCase("Approval", true), TestCase("Approval", false)]
    public async Task Where_the_identifier_says_what_was_registered_it_says_who_vouched_for_it(string policy, bool isStillTrusted)
    {
        string[] settings = ["OAuth:Registration:SignedClientIds=true", $"OAuth:Registration:Policy={policy}"];
        JsonElement client;
        await using (var first = await TestServer.StartAsync([.. settings, .. Issuer.Settings]))
        {
            client = await first.RegisterAsync(new { software_statement = Issuer.Sign(Editor) });
            Assert.That(client.Text("client_id"), Does.StartWith("mcpc_").And.Length.LessThan(400));
        }

        await using var server = await TestServer.StartAsync([.. settings, .. isStillTrusted ? Issuer.Settings : []]); // an empty database
        using var alice = new Person(server);
        var again = OAuthClient.Of(server, client.Text("client_id")!, null, OAuthClient.DefaultRedirectUri);
        if (isStillTrusted)
        {
            await again.ConnectAsync(alice);
        }
        else
        {
            var page = await alice.Browser.GetAsync(again.AuthorizeUrl());
            Assert.That(page.Address.AbsolutePath, Is.EqualTo(policy == "Token" ? "/oauth/authorize" : "/waiting"), "an error page, or that of a client which waits for an operator");
        }
    }
}
