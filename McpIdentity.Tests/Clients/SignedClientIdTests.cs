using System.Net;
using System.Net.Http.Json;
using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Commands;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Clients;

/// <summary>Identifiers that say what was registered: a client goes on where the database was lost.</summary>
[Category("RFC 7591")]
[Parallelizable(ParallelScope.All)]
internal sealed class SignedClientIdTests
{
    private const string On = "OAuth:Registration:SignedClientIds=true";
    private const string Key = "a test key of more than thirty-two characters"; // the one of every TestServer
    private const string OtherKey = "some other key of more than thirty-two characters";

    private static readonly string[] VsCode = ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"];

    private static readonly object Public = new
    {
        redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
        client_name = "Ein Editor \"für\" alle",
        token_endpoint_auth_method = "none",
        grant_types = new[] { "authorization_code", "refresh_token" },
    };

    private static readonly object Confidential = new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, client_name = "A back end", grant_types = new[] { "authorization_code", "refresh_token" } };

    [TestCase(true), TestCase(false)]
    public async Task A_client_signs_in_at_the_first_try_after_the_database_was_lost(bool isPublic)
    {
        var (lost, client) = await RegisterAndLoseAsync(isPublic ? Public : Confidential);
        await using var server = await TestServer.StartAsync(On); // the same key, and an empty database

        var again = OAuthClient.Of(server, client.ClientId, client.Secret, client.RedirectUri);
        using var alice = new Person(server);
        var tokens = await again.ConnectAsync(alice);

        using var refreshed = await again.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var stored = await InDatabaseAsync(server, db => db.Clients.SingleAsync());
        Assert.That((stored.DisplayName, stored.RedirectUris, stored.Permissions, stored.ApplicationType, stored.ClientSecret), Is.EqualTo((lost.DisplayName, lost.RedirectUris, lost.Permissions, lost.ApplicationType, lost.ClientSecret)));
    }

    [Test]
    public async Task At_the_token_endpoint_too_a_service_goes_on_and_a_wrong_secret_is_wrong()
    {
        var (_, client) = await RegisterAndLoseAsync(new { client_name = "A service", grant_types = new[] { "client_credentials" } });
        await using var server = await TestServer.StartAsync(On);

        using var wrong = await OAuthClient.Of(server, client.ClientId, client.Secret!.Altered(), "").TokenAsync(("grant_type", "client_credentials"));
        using var right = await OAuthClient.Of(server, client.ClientId, client.Secret, "").TokenAsync(("grant_type", "client_credentials"));

        Assert.That(await wrong.OAuthErrorAsync(), Is.EqualTo("invalid_client"));
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Many_requests_at_once_give_it_one_row()
    {
        var (_, client) = await RegisterAndLoseAsync(new { client_name = "A service", grant_types = new[] { "client_credentials" } });
        await using var server = await TestServer.StartAsync(On);

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ =>
        {
            using var response = await OAuthClient.Of(server, client.ClientId, client.Secret, "").TokenAsync(("grant_type", "client_credentials"));
            return response.StatusCode;
        }));

        Assert.That(answers, Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(await InDatabaseAsync(server, db => db.Clients.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task A_changed_cut_or_foreign_identifier_is_unknown_and_so_is_every_one_where_they_are_off()
    {
        var (_, client) = await RegisterAndLoseAsync(Public);
        await using var server = await TestServer.StartAsync(On);
        await using var off = await TestServer.StartAsync();
        await using var foreign = await TestServer.StartAsync(On, $"OAuth:EncryptionKey={OtherKey}");
        var id = client.ClientId;

        for (var i = 5; i < id.Length; i += 7)
        {
            Assert.That(await IsKnownAsync(server, id.Altered(i)), Is.False, $"changed at {i}");
        }

        foreach (var wrong in (string[])[id[..^1], id[..5], id[..40], id + "A", id[5..], "mcpc_", "mcpc_" + new string('A', 200), id.ToUpperInvariant(), id + "\n"])
        {
            Assert.That(await IsKnownAsync(server, wrong), Is.False, wrong);
        }

        Assert.That(await IsKnownAsync(off, id), Is.False, "off");
        Assert.That(await IsKnownAsync(foreign, id), Is.False, "of a server with another key");
        Assert.That(await InDatabaseAsync(server, db => db.Clients.CountAsync()), Is.Zero, "nothing was stored");
        Assert.That(await IsKnownAsync(server, id), Is.True);
    }

    [TestCase(true), TestCase(false)]
    public async Task Under_a_new_encryption_key_it_goes_on_as_long_as_the_previous_one_is_named(bool isPublic)
    {
        var (_, client) = await RegisterAndLoseAsync(isPublic ? Public : Confidential);
        await using var server = await TestServer.StartAsync(On, $"OAuth:EncryptionKey={OtherKey}", $"OAuth:PreviousEncryptionKeys:0={Key}");
        using var alice = new Person(server);

        await OAuthClient.Of(server, client.ClientId, client.Secret, client.RedirectUri).ConnectAsync(alice);
    }

    [Test]
    public async Task A_client_that_deleted_itself_does_not_come_back()
    {
        await using var server = await TestServer.StartAsync(On);
        using var response = await server.Http.PostAsJsonAsync("/register", Public);
        var client = await response.JsonAsync();
        using var delete = new HttpRequestMessage(HttpMethod.Delete, client.Text("registration_client_uri")) { Headers = { { "Authorization", $"Bearer {client.Text("registration_access_token")}" } } };

        using var deleted = await server.Http.SendAsync(delete);

        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await IsKnownAsync(server, client.Text("client_id")!), Is.False);
        var row = await InDatabaseAsync(server, db => db.Clients.SingleAsync());
        Assert.That((row.DisplayName, row.RedirectUris, row.Permissions), Is.EqualTo(((string?)null, (string?)null, (string?)null)), "nothing of it is kept but its identifier");
    }

    [Test]
    public async Task One_that_the_operator_disabled_stays_so_and_one_that_was_pruned_comes_back()
    {
        await using var server = await TestServer.StartAsync(On);
        var (disabled, unused) = (await OAuthClient.RegisterAsync(server, Public), await OAuthClient.RegisterAsync(server, Public));
        Assert.That(disabled.ClientId, Is.Not.EqualTo(unused.ClientId), "each registration is its own");
        await InDatabaseAsync(server, db => db.SetClientDisabledAsync(disabled.ClientId, server.Clock.GetUtcNow(), CancellationToken.None));

        server.Clock.Advance(TimeSpan.FromHours(25));
        await using (var scope = server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, CancellationToken.None);
        }

        Assert.That(await InDatabaseAsync(server, db => db.Clients.Select(client => client.ClientId).ToListAsync()), Is.EqualTo([disabled.ClientId]));
        Assert.That(await IsKnownAsync(server, disabled.ClientId), Is.False);
        using var alice = new Person(server);
        await unused.ConnectAsync(alice);
    }

    [Test]
    public async Task A_registration_that_does_not_fit_gets_an_identifier_that_says_nothing_and_real_ones_fit()
    {
        await using var server = await TestServer.StartAsync(On);

        var large = await OAuthClient.RegisterAsync(server, new { redirect_uris = Enumerable.Range(0, 20).Select(i => $"https://client.example/{Guid.NewGuid():N}{Guid.NewGuid():N}/{i}").ToArray() });
        var real = await OAuthClient.RegisterAsync(server, new { redirect_uris = VsCode, client_name = "Visual Studio Code", token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code", "refresh_token" } });

        Assert.That(large.ClientId, Has.Length.EqualTo(24));
        Assert.That(real.ClientId, Does.StartWith("mcpc_").And.Length.LessThan(400));
        TestContext.Out.WriteLine($"VS Code's: {real.ClientId.Length} characters");
    }

    [Test]
    public async Task Where_clients_are_approved_one_that_comes_back_waits_and_one_that_a_token_vouched_for_does_not()
    {
        const string Token = "handed out to the team";
        string[] settings = [On, "OAuth:Registration:Policy=Approval", $"OAuth:Registration:InitialAccessToken={Token}"];
        await using var first = await TestServer.StartAsync(settings);
        var waiting = await OAuthClient.RegisterAsync(first, Public);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = JsonContent.Create(Public), Headers = { { "Authorization", $"Bearer {Token}" } } };
        using var response = await first.Http.SendAsync(request);
        var vouched = (await response.JsonAsync()).Text("client_id")!;
        await using var server = await TestServer.StartAsync(settings);
        using var alice = new Person(server);

        Assert.That((await alice.Browser.GetAsync(OAuthClient.Of(server, waiting.ClientId, null, waiting.RedirectUri).AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/waiting"));
        await OAuthClient.Of(server, vouched, null, OAuthClient.DefaultRedirectUri).ConnectAsync(alice);
    }

    [TestCase("OAuth:Registration:Policy=Off", false)]
    [TestCase("OAuth:Registration:Policy=Token", false)]
    [TestCase("OAuth:Registration:Policy=Hosts", false, "OAuth:Registration:AllowedRedirectHosts:0=other.example")]
    [TestCase("OAuth:Registration:Policy=Hosts", true, "OAuth:Registration:AllowedRedirectHosts:0=client.example")]
    [TestCase("OAuth:Registration:AllowedRedirectUriSchemes:0=cursor", false)]
    public async Task One_that_could_not_register_today_does_not_come_back(string policy, bool comesBack, params string[] more)
    {
        var (_, client) = await RegisterAndLoseAsync(Public);
        await using var server = await TestServer.StartAsync([On, policy, .. more, .. policy.EndsWith("Token", StringComparison.Ordinal) ? new[] { "OAuth:Registration:InitialAccessToken=handed out to the team" } : []]);

        using var answer = await OAuthClient.Of(server, client.ClientId, null, client.RedirectUri).RefreshAsync("none");

        Assert.That(await answer.OAuthErrorAsync(), Is.EqualTo(comesBack ? "invalid_grant" : "invalid_client"));
    }

    [Test]
    [Category("Slow")]
    public async Task The_operator_deletes_one_for_good()
    {
        await using var server = await ServerProcess.StartAsync("--" + On);
        var client = await OAuthClient.RegisterAsync(server.Http, new { client_name = "A service", grant_types = new[] { "client_credentials" } });

        Assert.That(await SaysAsync(0, "delete", client.ClientId, "--yes"), Does.Contain("deleted"));
        Assert.That(await SaysAsync(0, "list"), Does.Match($"(?m)^{client.ClientId} .* deleted "));
        Assert.That(await SaysAsync(ExitCode.Conflict, "enable", client.ClientId), Does.Contain("was deleted"));
        using var response = await client.TokenAsync(("grant_type", "client_credentials"));
        Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_client"));

        async Task<string> SaysAsync(int expected, params string[] verb)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
            {
                Folder = server.Folder,
                Arguments = ["clients", .. verb, $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
            });
            Assert.That(exitCode, Is.EqualTo(expected), output);
            return output;
        }
    }

    private static async Task<(OpenIddict.EntityFrameworkCore.Models.OpenIddictEntityFrameworkCoreApplication Row, OAuthClient Client)> RegisterAndLoseAsync(object metadata)
    {
        await using var server = await TestServer.StartAsync(On);
        var client = await OAuthClient.RegisterAsync(server, metadata);
        return (await InDatabaseAsync(server, db => db.Clients.AsNoTracking().SingleAsync()), client);
    }

    private static async Task<bool> IsKnownAsync(TestServer server, string clientId)
    {
        using var response = await OAuthClient.Of(server, clientId, null, OAuthClient.DefaultRedirectUri).RefreshAsync("unknown");
        return await response.OAuthErrorAsync() switch
        {
            "invalid_client" => false,
            "invalid_grant" => true,
            var other => throw new AssertionException($"{other}"),
        };
    }

    private static async Task<T> InDatabaseAsync<T>(TestServer server, Func<McpIdentityDbContext, Task<T>> work)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>());
    }
}
