using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Persistence;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Tests.Clients.Assertions;

/// <summary>Clients of the configuration that sign: their keys in a setting, in a file, or at an address of theirs.</summary>
[Category("RFC 7523")]
[Parallelizable(ParallelScope.All)]
internal sealed class ConfiguredKeyTests
{
    private const string Secret = "0f4c1e9a7b3d58264c0e";

    [TestCase("a setting"), TestCase("a file"), TestCase("an address")]
    public async Task A_service_signs_with_the_keys_that_the_operator_named(string where)
    {
        using var folder = new TemporaryFolder();
        await using var host = await DocumentHost.StartAsync();
        var key = SigningClient.NewKey();
        await File.WriteAllTextAsync(folder.File("keys.json"), SigningClient.JwksOf(key));
        var setting = where switch
        {
            "a setting" => "Jwks=" + SigningClient.JwksOf(key),
            "a file" => "Jwks=" + folder.File("keys.json"),
            _ => "JwksUri=" + host.Serve("/jwks", context => context.Response.WriteAsync(SigningClient.JwksOf(key))),
        };
        await using var server = await TestServer.StartAsync(
            ["OAuth:StaticClients:0:ClientId=backend", $"OAuth:StaticClients:0:{setting}", $"OAuth:StaticClients:0:Resources:0={ResourceOf(7)}", $"OAuth:Resources:0={ResourceOf(7)}", .. DocumentHost.Settings]);
        var client = Of(server, key);

        using var token = await client.TokenAsync(null, ("resource", ResourceOf(7)));
        var answer = await token.JsonAsync();
        Assert.That(token.StatusCode, Is.EqualTo(HttpStatusCode.OK), answer.GetRawText());
        using var introspection = await client.PostAsync("/oauth/introspect", null, ("token", answer.Text("access_token")));
        Assert.That((await introspection.JsonAsync()).GetProperty("active").GetBoolean(), Is.True);
        using var unsigned = await OAuthClient.Of(server, "backend", null, "").TokenAsync(("grant_type", "client_credentials"));
        Assert.That(await unsigned.OAuthErrorAsync(), Is.AnyOf("invalid_client", "invalid_request"));
    }

    [Test]
    public async Task A_client_that_goes_from_a_secret_to_keys_and_back_has_one_of_them_at_a_time()
    {
        using var folder = new TemporaryFolder();
        var key = SigningClient.NewKey();
        string[] client = [$"Database:ConnectionString=Data Source={folder.File("kept.db")}", "OAuth:StaticClients:0:ClientId=backend"];
        string[] secret = [.. client, $"OAuth:StaticClients:0:ClientSecret={Secret}"];
        string[] keys = [.. client, $"OAuth:StaticClients:0:Jwks={SigningClient.JwksOf(key)}"];

        await AssertAsync(secret, bySecret: true);
        await AssertAsync(keys, bySecret: false);
        var stamp = await AssertAsync(keys, bySecret: false);
        Assert.That(await AssertAsync(keys, bySecret: false), Is.EqualTo(stamp), "an unchanged client is not written");
        await AssertAsync([.. client, $"OAuth:StaticClients:0:Jwks={SigningClient.JwksOf(SigningClient.NewKey())}"], bySecret: null);
        await AssertAsync(secret, bySecret: true);

        async Task<string?> AssertAsync(string[] settings, bool? bySecret)
        {
            await using var server = await TestServer.StartAsync(settings);
            using var withSecret = await OAuthClient.Of(server, "backend", Secret, "").TokenAsync(("grant_type", "client_credentials"));
            using var withKey = await Of(server, key).TokenAsync();
            Assert.That((withSecret.StatusCode == HttpStatusCode.OK, withKey.StatusCode == HttpStatusCode.OK), Is.EqualTo((bySecret == true, bySecret == false)));
            await using var scope = server.Services.CreateAsyncScope();
            return (await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking().SingleAsync()).ConcurrencyToken;
        }
    }

    [Test]
    public async Task Keys_that_could_not_work_stop_the_start_with_one_list()
    {
        var good = SigningClient.JwksOf(SigningClient.NewKey());
        var message = (await Assert.CatchAsync(() => TestServer.StartAsync(
            "OAuth:StaticClients:0:ClientId=a", $"OAuth:StaticClients:0:Jwks={good}", "OAuth:StaticClients:0:JwksUri=https://a.example/jwks",
            "OAuth:StaticClients:1:ClientId=b", $"OAuth:StaticClients:1:Jwks={good}", $"OAuth:StaticClients:1:ClientSecret={Secret}",
            "OAuth:StaticClients:2:ClientId=c", "OAuth:StaticClients:2:Jwks=/no/such/file.json",
            "OAuth:StaticClients:3:ClientId=d", "OAuth:StaticClients:3:Jwks={\"keys\":",
            "OAuth:StaticClients:4:ClientId=e", "OAuth:StaticClients:4:Jwks={\"keys\":[]}",
            "OAuth:StaticClients:5:ClientId=f", "OAuth:StaticClients:5:JwksUri=http://f.example/jwks",
            "OAuth:StaticClients:6:ClientId=g", "OAuth:StaticClients:6:Jwks={\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}")))!.Message;

        Assert.That(message, Does.Contain("OAuth:StaticClients:0: set Jwks or JwksUri")
            .And.Contain("OAuth:StaticClients:1: a client has a secret or keys")
            .And.Contain("OAuth:StaticClients:2:Jwks is neither JSON nor a file")
            .And.Contain("OAuth:StaticClients:3:Jwks is no JSON")
            .And.Contain("OAuth:StaticClients:4:Jwks holds no key")
            .And.Contain("OAuth:StaticClients:5:JwksUri must be an https URL")
            .And.Contain("OAuth:StaticClients:6:Jwks holds a private or symmetric key"));
    }

    [Test]
    [Category("Storage"), Category("Slow")]
    public async Task While_the_database_is_locked_nobody_is_told_that_the_client_is_unknown()
    {
        var key = SigningClient.NewKey();
        await using var server = await TestServer.StartAsync("OAuth:StaticClients:0:ClientId=backend", $"OAuth:StaticClients:0:Jwks={SigningClient.JwksOf(key)}");
        var client = Of(server, key);
        var assertion = client.NewAssertion();
        string path;
        await using (var scope = server.Services.CreateAsyncScope())
        {
            path = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database.GetConnectionString()!;
        }

        await using (var other = new SqliteConnection(path))
        {
            await other.OpenAsync();
            await using var transaction = await other.BeginTransactionAsync();
            using var response = await client.TokenAsync(assertion);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await response.Content.ReadAsStringAsync());
            Assert.That((await response.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));
            await transaction.RollbackAsync();
        }

        using var again = await client.TokenAsync(assertion);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK), "it was not spent");
    }

    [Test]
    [Category("Postgres"), Category("Redis"), Category("Nginx"), Category("Storage"), Category("Slow")]
    public async Task Of_two_nodes_one_takes_an_assertion()
    {
        var key = SigningClient.NewKey();
        await using var cluster = await Cluster.StartAsync("OAuth:StaticClients:0:ClientId=backend", $"OAuth:StaticClients:0:Jwks={SigningClient.JwksOf(key)}");
        for (var round = 0; round < 5; round++)
        {
            var client = new SigningClient(cluster.Node(0).Http, TimeProvider.System, cluster.BaseUrl, "backend", key);
            var assertion = client.NewAssertion();
            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => client.At(cluster.Node(i % 2).Http).TokenAsync(assertion)));

            Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.OK), Is.EqualTo(1), $"round {round}");
            Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized), Is.EqualTo(9), $"round {round}");
        }
    }

    private static string ResourceOf(int number) => $"https://mcp{number}.example/mcp";

    private static SigningClient Of(TestServer server, Microsoft.IdentityModel.Tokens.SecurityKey key) => new(server.Http, server.Clock, server.BaseUrl, "backend", key);
}
