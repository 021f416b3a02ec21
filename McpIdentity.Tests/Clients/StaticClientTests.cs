using System.Net;
using McpIdentity.Mcp;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Revocation;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Tests.Clients;

/// <summary>Clients that the operator registers in the configuration.</summary>
[Category("LINK-10")]
[Parallelizable(ParallelScope.All)]
internal sealed class StaticClientTests
{
    private const string Secret = "a secret that an operator chose";

    [Test]
    [Category("B-01")]
    public async Task Nothing_is_registered_that_nobody_configured()
    {
        await using var server = await TestServer.StartAsync("OAuth:McpClientSecret=unused, for want of an id");

        Assert.That(await StoredAsync(server), Is.Empty);
    }

    [Test]
    public async Task The_client_of_the_seeds_names_works_after_the_start()
    {
        await using var server = await TestServer.StartAsync(
            "OAuth:McpClientId=mcp-client", $"OAuth:McpClientSecret={Secret}",
            "OAuth:McpRedirectUris=http://localhost:4000/oauth/callback/debug, https://client.example/cb");
        using var alice = new Person(server);

        var tokens = await OAuthClient.Of(server, "mcp-client", Secret, "http://localhost:4000/oauth/callback/debug").ConnectAsync(alice);
        using var wrongSecret = await OAuthClient.Of(server, "mcp-client", "another secret of an operator", "https://client.example/cb").TokenAsync(("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")));
        using var refreshed = await OAuthClient.Of(server, "mcp-client", Secret, "https://client.example/cb").RefreshAsync(tokens.Text("refresh_token")!);

        Assert.That(await wrongSecret.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Public_clients_services_and_generated_secrets_are_configured_alike()
    {
        const string Generated = "mcps_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
        await using var server = await TestServer.StartAsync(
            "OAuth:StaticClients:0:ClientId=desktop", "OAuth:StaticClients:0:Name=The desktop app", "OAuth:StaticClients:0:RedirectUris:0=http://127.0.0.1/callback",
            "OAuth:StaticClients:1:ClientId=nightly-job", $"OAuth:StaticClients:1:ClientSecret={Generated}");
        using var alice = new Person(server);
        var desktop = OAuthClient.Of(server, "desktop", secret: null, "http://127.0.0.1:50123/callback");

        var page = await alice.Browser.GetAsync(desktop.AuthorizeUrl());
        var tokens = await desktop.ConnectAsync(alice);
        using var service = await OAuthClient.Of(server, "nightly-job", Generated, "").TokenAsync(("grant_type", "client_credentials"), ("scope", "mcp"));

        Assert.That(page.Document!.Body!.TextContent, Does.Contain("The desktop app").And.Not.Contain("named itself"), "the operator named it");
        Assert.That(tokens.Text("refresh_token"), Is.Not.Null);
        Assert.That(service.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var stored = await StoredAsync(server);
        Assert.That(stored.Single(client => client.ClientId == "nightly-job").ClientSecret, Does.StartWith("sha256:"), "256 random bits need no slow hash");
    }

    /// <summary>PBKDF2 costs a hundred times what the rest of a token request does.</summary>
    [Test]
    public async Task A_secret_that_a_person_chose_costs_its_slow_hash_once_and_a_wrong_one_each_time()
    {
        await using var server = await TestServer.StartAsync("OAuth:StaticClients:0:ClientId=nightly", $"OAuth:StaticClients:0:ClientSecret={Secret}");
        var proven = server.Services.GetRequiredService<ProvenSecrets>();
        var client = OAuthClient.Of(server, "nightly", Secret, "");
        var wrong = OAuthClient.Of(server, "nightly", Secret + "!", "");

        Assert.That(await StatusesAsync(client, 5), Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(proven.Derivations, Is.EqualTo(1));
        Assert.That(await StatusesAsync(wrong, 3), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(proven.Derivations, Is.EqualTo(4), "a guess never profits from what is remembered");
        Assert.That(await StatusesAsync(client, 2), Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(proven.Derivations, Is.EqualTo(4));

        await using (var scope = server.Services.CreateAsyncScope())
        {
            var clients = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
            var stored = await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationStore<OpenIddictEntityFrameworkCoreApplication>>().FindByClientIdAsync("nightly", CancellationToken.None);
            await clients.UpdateAsync(stored!, "another secret of an operator", CancellationToken.None);
        }

        Assert.That(await StatusesAsync(client, 1), Is.All.EqualTo(HttpStatusCode.Unauthorized), "what was remembered was the old secret's");
        Assert.That(await StatusesAsync(OAuthClient.Of(server, "nightly", "another secret of an operator", ""), 2), Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(proven.Derivations, Is.EqualTo(6));

        static async Task<List<HttpStatusCode>> StatusesAsync(OAuthClient client, int times)
        {
            var statuses = new List<HttpStatusCode>();
            for (var i = 0; i < times; i++)
            {
                using var response = await client.TokenAsync(("grant_type", "client_credentials"));
                statuses.Add(response.StatusCode);
            }

            return statuses;
        }
    }

    [Test]
    public async Task A_changed_client_follows_the_configuration_and_a_removed_one_is_disabled()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-static-");
        try
        {
            string[] database = [$"Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "kept.db")}"];
            string[] configured = [.. database, "OAuth:StaticClients:0:ClientId=partner", $"OAuth:StaticClients:0:ClientSecret={Secret}", "OAuth:StaticClients:0:RedirectUris:0=https://partner.example/cb"];
            string firstHash, refreshToken;
            await using (var server = await TestServer.StartAsync(configured))
            {
                using var alice = new Person(server);
                refreshToken = (await OAuthClient.Of(server, "partner", Secret, "https://partner.example/cb").ConnectAsync(alice)).Text("refresh_token")!;
                firstHash = (await StoredAsync(server)).Single().ClientSecret!;
                Assert.That(firstHash, Does.Not.Contain(Secret).And.Not.StartWith("sha256:"), "what a person chose is hashed slowly");
            }

            await using (var server = await TestServer.StartAsync(configured))
            {
                Assert.That((await StoredAsync(server)).Single().ClientSecret, Is.EqualTo(firstHash), "an unchanged client is not written");
            }

            await using (var server = await TestServer.StartAsync([.. database, "OAuth:StaticClients:0:ClientId=partner", "OAuth:StaticClients:0:ClientSecret=the next secret of the operator", "OAuth:StaticClients:0:RedirectUris:0=https://partner.example/new"]))
            {
                using var alice = new Person(server);
                var next = OAuthClient.Of(server, "partner", "the next secret of the operator", "https://partner.example/new");
                Assert.That((await next.ConnectAsync(alice)).Text("access_token"), Is.Not.Null);
                using var old = await OAuthClient.Of(server, "partner", Secret, "https://partner.example/cb").RefreshAsync(refreshToken);
                Assert.That(await old.OAuthErrorAsync(), Is.EqualTo("invalid_client"), "the old secret");
                var page = await alice.Browser.GetAsync(next.AuthorizeUrl(("redirect_uri", "https://partner.example/cb")));
                Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest), "the old redirect URI");
            }

            await using (var server = await TestServer.StartAsync(database))
            {
                using var alice = new Person(server);
                var removed = OAuthClient.Of(server, "partner", "the next secret of the operator", "https://partner.example/new");
                Assert.That((await alice.Browser.GetAsync(removed.AuthorizeUrl())).Status, Is.EqualTo(HttpStatusCode.BadRequest));
                using var refresh = await removed.RefreshAsync(refreshToken);
                Assert.That((int)refresh.StatusCode, Is.InRange(400, 401));
            }

            await using (var server = await TestServer.StartAsync(configured))
            {
                using var alice = new Person(server);
                var back = OAuthClient.Of(server, "partner", Secret, "https://partner.example/cb");
                using var refresh = await back.RefreshAsync(refreshToken);
                Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "what was revoked stays revoked");
                server.Clock.Advance(RevocationList.Skew + TimeSpan.FromSeconds(1));
                Assert.That((await back.ConnectAsync(alice)).Text("access_token"), Is.Not.Null);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    [Category("Slow")]
    public async Task A_configured_client_that_an_operator_disabled_stays_so_and_one_that_is_configured_again_works_again()
    {
        using var folder = new TemporaryFolder();
        string[] database = [$"Database:ConnectionString=Data Source={folder.File("kept.db")}"];
        string[] configured = [.. database, "OAuth:StaticClients:0:ClientId=job", $"OAuth:StaticClients:0:ClientSecret={Secret}"];
        Assert.That(await IsServedAsync(configured), Is.True);
        await CommandAsync("clients", "disable", "job");

        Assert.That(await IsServedAsync(configured), Is.False, "a start is no reason to enable it");
        Assert.That(await IsServedAsync(database), Is.False);
        Assert.That(await CommandAsync("clients", "list"), Does.Contain("disabled"));
        await CommandAsync("clients", "enable", "job");
        Assert.That(await IsServedAsync(database), Is.False, "what is not configured any more serves nobody, with whatever secret it had");
        Assert.That(await IsServedAsync(configured), Is.True, "the operator configured it again");
        Assert.That(await CommandAsync("clients", "list"), Does.Contain("enabled"));

        async Task<bool> IsServedAsync(string[] settings)
        {
            await using var server = await TestServer.StartAsync(settings);
            using var answer = await OAuthClient.Of(server, "job", Secret, "").TokenAsync(("grant_type", "client_credentials"), ("scope", "mcp"));
            return answer.StatusCode == HttpStatusCode.OK;
        }

        async Task<string> CommandAsync(params string[] verb)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = folder.Path, Arguments = [.. verb, $"--{database[0]}"] });
            Assert.That(exitCode, Is.Zero, output);
            return output;
        }
    }

    [Test]
    public async Task A_client_that_registered_itself_is_never_taken_over()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-static-");
        try
        {
            var database = $"Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "kept.db")}";
            string clientId;
            await using (var server = await TestServer.StartAsync(database))
            {
                clientId = (await OAuthClient.RegisterPublicAsync(server)).ClientId;
            }

            await Assert.ThrowsAsync<InvalidOperationException>(
                () => TestServer.StartAsync(database, $"OAuth:StaticClients:0:ClientId={clientId}", "OAuth:StaticClients:0:RedirectUris:0=https://attacker.example/cb"));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task Clients_that_could_not_work_stop_the_start_with_one_list()
    {
        var message = (await Assert.CatchAsync(() => TestServer.StartAsync(
            "OAuth:StaticClients:0:ClientId=a", "OAuth:StaticClients:0:RedirectUris:0=javascript:alert(1)",
            "OAuth:StaticClients:1:ClientId=a", $"OAuth:StaticClients:1:ClientSecret={Secret}", "OAuth:StaticClients:1:GrantTypes:0=password",
            "OAuth:StaticClients:2:ClientId=https://metadata.example/client", "OAuth:StaticClients:2:ClientSecret=short",
            "OAuth:McpClientId=without-anything",
            "OAuth:Registration:RequireInitialAccessToken=true")))!.Message;

        Assert.That(message, Does.Contain("javascript:alert(1)")
            .And.Contain("configured twice")
            .And.Contain("'password' is not served")
            .And.Contain("OAuth:StaticClients:2: the client id must be")
            .And.Contain("at least 16 characters (got 5)")
            .And.Contain("MCP_REDIRECT_URIS")
            .And.Contain("OAuth:Registration:InitialAccessToken"));
    }

    private static async Task<List<OpenIddictEntityFrameworkCoreApplication>> StoredAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Set<OpenIddictEntityFrameworkCoreApplication>().AsNoTracking().ToListAsync();
    }
}
