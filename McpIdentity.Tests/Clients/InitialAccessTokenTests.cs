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

/// <summary>Tokens that an operator hands to those who may register clients.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class InitialAccessTokenTests
{
    private const string Configured = "handed out to the team";

    private static readonly object Metadata = new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, token_endpoint_auth_method = "none" };

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "OAuth:Registration:RequireInitialAccessToken=true", $"OAuth:Registration:InitialAccessToken={Configured}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Each_of_several_tokens_registers_clients_beside_the_one_of_the_configuration_and_the_client_says_which()
    {
        var (one, other) = (await AddAsync("one"), await AddAsync("other"));

        foreach (var (token, name) in new[] { (one, "one"), (other, "other"), (Configured, "configuration") })
        {
            using var response = await RegisterAsync(token);
            var clientId = (await response.JsonAsync()).Text("client_id");
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            Assert.That(InitialAccessTokens.NameIn(await InDatabaseAsync(db => db.Clients.Where(client => client.ClientId == clientId).Select(client => client.Properties).SingleAsync())), Is.EqualTo(name));
        }
    }

    [Test]
    public async Task A_token_that_has_expired_was_revoked_or_is_used_up_registers_nothing()
    {
        var now = _server.Clock.GetUtcNow();
        foreach (var token in new[]
        {
            await AddAsync("expired", stored => stored.ExpiresAt = now), await AddAsync("revoked", stored => stored.RevokedAt = now.AddDays(-1)),
            await AddAsync("used up", stored => (stored.MaxUses, stored.Uses) = (3, 3)),
        })
        {
            using var response = await RegisterAsync(token);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Bearer error=\"invalid_token\""));
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_token"));
        }

        Assert.That((await RegisterAsync(await AddAsync("good", stored => (stored.ExpiresAt, stored.MaxUses) = (now.AddMinutes(1), 1)))).StatusCode, Is.EqualTo(HttpStatusCode.Created));
    }

    [Test]
    public async Task A_registration_that_is_refused_burns_no_use()
    {
        var token = await AddAsync("for one client", stored => stored.MaxUses = 1);
        using var refused = await RegisterAsync(token, new { redirect_uris = new[] { "javascript:alert(1)" } });
        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_redirect_uri"));

        using var registered = await RegisterAsync(token);

        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await InDatabaseAsync(db => db.InitialAccessTokens.Where(stored => stored.Name == "for one client").Select(stored => stored.Uses).SingleAsync()), Is.EqualTo(1));
    }

    [TestCase("SQLite"), TestCase("PostgreSQL", Category = "Postgres")]
    [Category("Slow")]
    public async Task Of_registrations_at_once_at_two_nodes_as_many_succeed_as_the_token_has_uses(string provider)
    {
        var database = provider == "SQLite" ? null : await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await using var nodes = await Nodes.StartAsync(
            2, database, "OAuth:Registration:RequireInitialAccessToken=true", $"OAuth:Registration:InitialAccessToken={Configured}");
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
        {
            Folder = nodes.First.Folder,
            Environment = database is null ? new Dictionary<string, string?>() : new Dictionary<string, string?> { ["DATABASE_URL"] = PostgresServer.UrlOf(database) },
            Arguments =
            [
                "clients", "tokens", "create", "five", "--uses", "5",
                .. database is null ? [$"--Database:ConnectionString=Data Source={Path.Combine(nodes.First.Folder, "mcpidentity.db")}"] : Array.Empty<string>(),
            ],
        });
        Assert.That(exitCode, Is.Zero, output);
        var token = output.Split('\n').First(line => line.StartsWith("mcpi_", StringComparison.Ordinal)).Trim();

        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
        {
            while (true)
            {
                using var response = await RegisterAsync(token, http: nodes.Servers[i % 2].Http);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable) // a slow machine: what was answered so has not happened
                {
                    return response.StatusCode;
                }
            }
        }));

        Assert.That(answers.Count(status => status == HttpStatusCode.Created), Is.EqualTo(5));
        Assert.That(answers.Count(status => status == HttpStatusCode.Unauthorized), Is.EqualTo(19));
    }

    private async Task<HttpResponseMessage> RegisterAsync(string token, object? metadata = null, HttpClient? http = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = JsonContent.Create(metadata ?? Metadata) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await (http ?? _server.Http).SendAsync(request);
    }

    private async Task<string> AddAsync(string name, Action<InitialAccessToken>? change = null)
    {
        var token = InitialAccessTokens.Generate();
        var stored = new InitialAccessToken { Id = InitialAccessTokens.HashOf(token), Name = name, CreatedAt = _server.Clock.GetUtcNow().AddDays(-2) };
        change?.Invoke(stored);
        await InDatabaseAsync(db =>
        {
            db.InitialAccessTokens.Add(stored);
            return db.SaveChangesAsync();
        });
        return token;
    }

    private async Task<T> InDatabaseAsync<T>(Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
