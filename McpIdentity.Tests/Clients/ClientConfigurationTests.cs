using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Clients;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Clients;

/// <summary>A client that looks after its own registration.</summary>
[Category("RFC 7592")]
[Parallelizable(ParallelScope.All)]
internal sealed class ClientConfigurationTests
{
    private static readonly object Metadata = new
    {
        redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
        client_name = "An editor",
        client_uri = "https://client.example",
        contacts = new[] { "dev@client.example" },
        token_endpoint_auth_method = "client_secret_basic",
        grant_types = new[] { "authorization_code", "refresh_token" },
        software_id = "editor",
    };

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_client_reads_what_it_registered_without_the_secret_of_which_we_keep_a_hash()
    {
        var registered = await RegisterAsync(Metadata);
        Assert.That(registered.Text("registration_client_uri"), Is.EqualTo($"{_server.BaseUrl}/register/{registered.Text("client_id")}"));
        Assert.That(registered.Text("registration_access_token"), Does.Match("^mcpr_[A-Za-z0-9_-]{43}$"));

        using var response = await SendAsync(registered, HttpMethod.Get);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
        string[] onceOnly = ["client_secret", "client_secret_expires_at", "registration_access_token"];
        Assert.That(
            (await response.JsonAsync()).EnumerateObject().Select(member => (member.Name, member.Value.ToString())),
            Is.EquivalentTo(registered.EnumerateObject().Where(member => !onceOnly.Contains(member.Name)).Select(member => (member.Name, member.Value.ToString()))));
    }

    /// <summary>RFC 7592 §2.2: a key that is left out opens nothing any more.</summary>
    [TestCase("jwks"), TestCase("client_secret_basic"), TestCase("none")]
    public async Task Keys_are_read_back_and_an_update_that_leaves_their_address_out_takes_it_away(string next)
    {
        var key = SigningClient.NewKey();
        object keys = new { keys = new[] { SigningClient.Jwk(key) } };
        var registered = await RegisterAsync(new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "private_key_jwt", jwks_uri = "https://keys.example/jwks" });
        using var before = await SendAsync(registered, HttpMethod.Get);
        Assert.That((await before.JsonAsync()).Text("jwks_uri"), Is.EqualTo("https://keys.example/jwks"));

        var updated = await UpdateAsync(registered, new
        {
            client_id = registered.Text("client_id"),
            redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
            token_endpoint_auth_method = next == "jwks" ? "private_key_jwt" : next,
            jwks = next == "jwks" ? keys : null,
        });

        using var after = await SendAsync(updated, HttpMethod.Get);
        var now = await after.JsonAsync();
        Assert.That(now.TryGetProperty("jwks_uri", out _), Is.False);
        Assert.That(now.TryGetProperty("jwks", out var read), Is.EqualTo(next == "jwks"));
        if (next == "jwks")
        {
            Assert.That(read.GetProperty("keys")[0].Text("x"), Is.EqualTo(JsonSerializer.SerializeToElement(keys).GetProperty("keys")[0].Text("x")));
            // What was read can be sent back as it is.
            await UpdateAsync(updated, new { client_id = now.Text("client_id"), redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "private_key_jwt", jwks = read });
        }

        var stored = await InDatabaseAsync(db => db.Clients.SingleAsync(client => client.ClientId == registered.Text("client_id")));
        Assert.That(stored.Properties, Does.Not.Contain("keys.example"));
    }

    [Test]
    public async Task An_update_replaces_all_of_it_and_what_it_leaves_out_is_gone()
    {
        var registered = await RegisterAsync(Metadata);

        using var response = await SendAsync(registered, HttpMethod.Put, new
        {
            client_id = registered.Text("client_id"),
            client_secret = registered.Text("client_secret"),
            redirect_uris = new[] { "https://client.example/new" },
            client_name = "An editor, renamed",
            token_endpoint_auth_method = "client_secret_post",
            grant_types = new[] { "authorization_code" },
        });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        var updated = await response.JsonAsync();
        Assert.That(updated.TryGetProperty("client_secret", out _), Is.False, "it stays as it is");
        Assert.That(updated.Text("registration_access_token"), Is.Not.EqualTo(registered.Text("registration_access_token")));
        using var read = await SendAsync(updated, HttpMethod.Get);
        var now = await read.JsonAsync();
        Assert.Multiple(() =>
        {
            Assert.That(now.Text("client_name"), Is.EqualTo("An editor, renamed"));
            Assert.That(now.GetProperty("redirect_uris").EnumerateArray().Select(uri => uri.GetString()), Is.EqualTo(["https://client.example/new"]));
            Assert.That(now.GetProperty("grant_types").GetArrayLength(), Is.EqualTo(1));
            Assert.That(now.Text("token_endpoint_auth_method"), Is.EqualTo("client_secret_post"));
            Assert.That(now.GetProperty("client_id_issued_at").GetInt64(), Is.EqualTo(registered.GetProperty("client_id_issued_at").GetInt64()));
            Assert.That(new[] { "client_uri", "contacts", "software_id" }.Where(member => now.TryGetProperty(member, out _)), Is.Empty);
        });
    }

    [Test]
    public async Task After_an_update_people_are_sent_to_the_new_redirect_uri_alone_and_the_secret_is_good_still()
    {
        var registered = await RegisterAsync(Metadata);
        using var response = await SendAsync(registered, HttpMethod.Put, new { client_id = registered.Text("client_id"), redirect_uris = new[] { "https://client.example/new" } });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        using var alice = new Person(_server);
        var client = OAuthClient.Of(_server, registered.Text("client_id")!, registered.Text("client_secret"), "https://client.example/new");

        Assert.That((await client.ConnectAsync(alice)).Text("access_token"), Is.Not.Null);
        using var old = await _server.Http.GetAsync(client.AuthorizeUrl(("redirect_uri", OAuthClient.DefaultRedirectUri)));
        Assert.That(old.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task A_client_that_becomes_confidential_is_given_a_secret_and_one_that_becomes_public_loses_it()
    {
        var registered = await RegisterAsync(new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" });

        var confidential = await UpdateAsync(registered, new { client_id = registered.Text("client_id"), redirect_uris = new[] { OAuthClient.DefaultRedirectUri } });
        Assert.That(confidential.Text("client_secret"), Does.StartWith("mcps_"));
        Assert.That(confidential.GetProperty("client_secret_expires_at").GetInt64(), Is.Zero);
        var id = registered.Text("client_id")!;
        using var alice = new Person(_server);
        await OAuthClient.Of(_server, id, confidential.Text("client_secret"), OAuthClient.DefaultRedirectUri).ConnectAsync(alice);

        var open = await UpdateAsync(confidential, new { client_id = id, redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" });
        Assert.That(open.TryGetProperty("client_secret", out _), Is.False);
        await OAuthClient.Of(_server, id, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice);
    }

    private static IEnumerable<TestCaseData> WrongUpdates()
    {
        yield return new TestCaseData("""{"redirect_uris":["https://client.example/callback"]}""", "invalid_client_metadata").SetArgDisplayNames("without client_id");
        yield return new TestCaseData("""{"client_id":"another","redirect_uris":["https://client.example/callback"]}""", "invalid_client_metadata").SetArgDisplayNames("another client_id");
        yield return new TestCaseData("""{"client_id":"ID","client_secret":"of my own choice","redirect_uris":["https://client.example/callback"]}""", "invalid_client_metadata").SetArgDisplayNames("a secret of its own choice");
        foreach (var member in (string[])["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"])
        {
            yield return new TestCaseData($$"""{"client_id":"ID","{{member}}":0,"redirect_uris":["https://client.example/callback"]}""", "invalid_client_metadata").SetArgDisplayNames(member);
        }

        yield return new TestCaseData("""{"client_id":"ID","redirect_uris":["javascript:alert(1)"]}""", "invalid_redirect_uri").SetArgDisplayNames("a dangerous redirect URI");
        yield return new TestCaseData("""{"client_id":"ID"}""", "invalid_redirect_uri").SetArgDisplayNames("no redirect URI");
        yield return new TestCaseData("""[]""", "invalid_client_metadata").SetArgDisplayNames("no object");
        yield return new TestCaseData("""{"client_id":"ID","client_id":"ID","redirect_uris":["https://client.example/callback"]}""", "invalid_client_metadata").SetArgDisplayNames("a member twice");
    }

    [TestCaseSource(nameof(WrongUpdates))]
    public async Task An_update_that_is_wrong_changes_nothing(string body, string error)
    {
        var registered = await RegisterAsync(Metadata);
        using var content = new StringContent(body.Replace("\"ID\"", $"\"{registered.Text("client_id")}\"", StringComparison.Ordinal), System.Text.Encoding.UTF8, "application/json");

        using var response = await SendAsync(registered, HttpMethod.Put, content: content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo(error));
        using var read = await SendAsync(registered, HttpMethod.Get);
        Assert.That((await read.JsonAsync()).Text("client_uri"), Is.EqualTo("https://client.example"));
    }

    [TestCase("GET"), TestCase("PUT"), TestCase("DELETE")]
    public async Task Without_the_client_s_own_token_it_is_401_for_every_client(string method)
    {
        var (registered, other) = (await RegisterAsync(Metadata), await RegisterAsync(Metadata));
        foreach (var (clientId, token, challenge) in new[]
        {
            (registered.Text("client_id"), null, "Bearer"), (registered.Text("client_id"), "mcpr_wrong", "Bearer error=\"invalid_token\""),
            (registered.Text("client_id"), other.Text("registration_access_token"), "Bearer error=\"invalid_token\""), ("nobody", "mcpr_wrong", "Bearer error=\"invalid_token\""),
        })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), $"/register/{clientId}") { Content = JsonContent.Create(Metadata) };
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            using var response = await _server.Http.SendAsync(request);

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), clientId);
            Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo(challenge));
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_token"));
        }
    }

    [Test]
    public async Task A_client_of_the_operator_has_no_registration_that_anybody_could_change()
    {
        await using var server = await TestServer.StartAsync("OAuth:StaticClients:0:ClientId=the-desk", "OAuth:StaticClients:0:RedirectUris:0=https://client.example/callback");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/register/the-desk") { Headers = { { "Authorization", "Bearer " } } };

        using var response = await server.Http.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_deleted_client_and_all_that_it_held_are_gone_at_once()
    {
        var registered = await RegisterAsync(Metadata);
        var client = OAuthClient.Of(_server, registered.Text("client_id")!, registered.Text("client_secret"), OAuthClient.DefaultRedirectUri);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        using var deleted = await SendAsync(registered, HttpMethod.Delete);

        Assert.That((deleted.StatusCode, (await deleted.Content.ReadAsStringAsync()).Length), Is.EqualTo((HttpStatusCode.NoContent, 0)));
        using var read = await SendAsync(registered, HttpMethod.Get);
        Assert.That(read.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "RFC 7592 §2.1");
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refreshed.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        using var again = await SendAsync(registered, HttpMethod.Delete);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_client_that_the_operator_disabled_may_neither_read_nor_change_nor_delete_itself()
    {
        var registered = await RegisterAsync(Metadata);
        await InDatabaseAsync(db => db.SetClientDisabledAsync(registered.Text("client_id")!, _server.Clock.GetUtcNow(), CancellationToken.None));

        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Put, HttpMethod.Delete])
        {
            using var response = await SendAsync(registered, method, Metadata);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("access_denied"));
        }
    }

    [Test]
    public async Task A_lost_answer_locks_nobody_out_and_the_first_use_of_the_new_token_ends_the_old_one()
    {
        var first = await RegisterAsync(Metadata);
        var change = new { client_id = first.Text("client_id"), redirect_uris = new[] { OAuthClient.DefaultRedirectUri } };
        var lost = await UpdateAsync(first, change);
        var second = await UpdateAsync(first, change);

        Assert.That(await StatusAsync(lost), Is.EqualTo(HttpStatusCode.Unauthorized), "nobody received it, or whoever did was too slow");
        Assert.That(await StatusAsync(first), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync(second), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync(first), Is.EqualTo(HttpStatusCode.Unauthorized), "the new one has been used");
        Assert.That(await StatusAsync(second), Is.EqualTo(HttpStatusCode.OK));

        async Task<HttpStatusCode> StatusAsync(JsonElement client)
        {
            using var response = await SendAsync(first, HttpMethod.Get, token: client.Text("registration_access_token"));
            return response.StatusCode;
        }
    }

    [Test]
    public async Task Of_updates_at_one_moment_each_is_done_or_told_to_try_again_and_the_last_answer_is_what_is_registered()
    {
        var registered = await RegisterAsync(Metadata);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            using var response = await SendAsync(registered, HttpMethod.Put, new { client_id = registered.Text("client_id"), client_name = $"Name {i}", redirect_uris = new[] { OAuthClient.DefaultRedirectUri } });
            return (response.StatusCode, Body: await response.JsonAsync());
        }));

        Assert.That(answers.Select(answer => answer.StatusCode), Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.Conflict));
        Assert.That(answers.Where(answer => answer.StatusCode == HttpStatusCode.Conflict).Select(answer => answer.Body.Text("error")), Is.All.EqualTo("temporarily_unavailable"));
        using var read = await SendAsync(registered, HttpMethod.Get);
        var name = (await read.JsonAsync()).Text("client_name");
        Assert.That(answers.Where(answer => answer.StatusCode == HttpStatusCode.OK).Select(answer => answer.Body.Text("client_name")), Does.Contain(name));
    }

    [Test]
    public async Task The_second_of_two_changes_that_read_the_same_row_is_refused()
    {
        var registered = await RegisterAsync(Metadata);
        await using var left = _server.Services.CreateAsyncScope();
        await using var right = _server.Services.CreateAsyncScope();
        var (one, other) = (left.ServiceProvider.GetRequiredService<ClientConfiguration>(), right.ServiceProvider.GetRequiredService<ClientConfiguration>());
        var (id, token) = (registered.Text("client_id")!, registered.Text("registration_access_token")!);
        var (here, there) = (await one.FindAsync(id, token, CancellationToken.None), await other.FindAsync(id, token, CancellationToken.None));

        await one.ReplaceAsync(here!, new ClientUpdate { ClientId = id, ClientName = "One" }, statement: null, token, CancellationToken.None);

        Assert.That(
            async () => await other.ReplaceAsync(there!, new ClientUpdate { ClientId = id, ClientName = "Other" }, statement: null, token, CancellationToken.None),
            Throws.TypeOf<OpenIddict.Abstractions.OpenIddictExceptions.ConcurrencyException>());
    }

    [TestCase("/register"), TestCase("/oauth/register")]
    public async Task The_address_is_for_web_pages_too_and_takes_these_methods_alone(string path)
    {
        var registered = await RegisterAsync(Metadata);
        using var preflight = new HttpRequestMessage(HttpMethod.Options, $"{path}/x") { Headers = { { "Origin", "https://app.example" }, { "Access-Control-Request-Method", "PUT" } } };
        using var allowed = await _server.Http.SendAsync(preflight);
        using var post = await _server.Http.PostAsync($"{path}/x", null);
        using var read = await SendAsync(registered, HttpMethod.Get, path: path);

        Assert.That(allowed.Headers.GetValues("Access-Control-Allow-Methods").Single(), Does.Contain("PUT"));
        Assert.That((post.StatusCode, string.Join(", ", post.Content.Headers.Allow)), Is.EqualTo((HttpStatusCode.MethodNotAllowed, "GET, PUT, DELETE")));
        Assert.That(read.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_token_is_stored_as_a_hash()
    {
        var registered = await RegisterAsync(Metadata);

        var stored = await InDatabaseAsync(db => db.Clients.AsNoTracking().SingleAsync(client => client.ClientId == registered.Text("client_id")));

        Assert.That(stored.Properties, Does.Contain("registration_access_tokens").And.Not.Contain(registered.Text("registration_access_token")![5..]));
    }

    private async Task<JsonElement> RegisterAsync(object metadata)
    {
        using var response = await _server.Http.PostAsJsonAsync("/register", metadata);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private async Task<JsonElement> UpdateAsync(JsonElement client, object update)
    {
        using var response = await SendAsync(client, HttpMethod.Put, update);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private async Task<HttpResponseMessage> SendAsync(
        JsonElement client, HttpMethod method, object? body = null, string path = "/register", string? token = null, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, $"{path}/{client.Text("client_id")}") { Content = content ?? (body is null ? null : JsonContent.Create(body)) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token ?? client.Text("registration_access_token"));
        return await _server.Http.SendAsync(request);
    }

    private async Task<T> InDatabaseAsync<T>(Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
