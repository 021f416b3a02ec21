using System.Net;
using McpIdentity.Server.Hosting;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What whoever starts the server sees: SEED-001, SEED-025, SEED-026, SEED-072, SEED-077; docs/production.md.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class FirstRunTests
{
    [Test]
    [Category("SEED-001"), Category("SEED-026"), Category("SEED-032")]
    public async Task Nothing_configured_the_server_makes_what_it_needs_and_says_what_it_does()
    {
        await using var server = await ServerProcess.StartAsync();
        await server.StopAsync();

        Assert.That(server.Output, Does.Contain(server.BaseUrl)
            .And.Contain("SQLite").And.Contain("migrations applied")
            .And.Contain("alice and bob")
            .And.Contain(server.McpUrl).And.Contain("auth type: oauth")
            .And.Contain($"claude mcp add --transport http mcpidentity {server.McpUrl}"));
        Assert.That(server.ExitCode, Is.Zero, "SIGTERM is an orderly end");
    }

    [Test]
    [Category("SEED-025"), Category("SEED-068"), Category("SEED-069"), Category("SEED-072")]
    public async Task Port_and_google_come_from_the_environment_and_from_env_oauth()   // SEED-068, SEED-069, SEED-072
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-env-");
        try
        {
            var port = Ports.Next();
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, ".env.oauth"),
                "# from the guide\r\nGOOGLE_CLIENT_ID=\"file-id\"\r\nexport GOOGLE_CLIENT_SECRET='from the file'\r\nENCRYPTION_KEY=0123456789abcdef0123456789abcdef01234567\r\n");

            await using var server = await ServerProcess.StartAsync(new ServerStart
            {
                Folder = folder.FullName,
                Port = port,
                Environment = new Dictionary<string, string?> { ["GOOGLE_CLIENT_ID"] = "environment-id" },
            });

            Assert.That(server.Output, Does.Contain("Google"));
            var client = await OAuthClient.RegisterPublicAsync(server.Http);
            using var alice = new Person(server.BaseUrl);
            var atGoogle = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "google");
            Assert.That(atGoogle.Address.Host, Is.EqualTo("accounts.google.com"));
            Assert.That(atGoogle.Query["client_id"], Is.EqualTo("environment-id"), "the environment wins over the file");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    [Category("SEED-025"), Category("SEED-026")]
    public async Task Production_refuses_to_start_with_one_list_of_all_that_is_missing()   // docs/production.md
    {
        await using var server = ServerProcess.Launch(new ServerStart { EnvironmentName = "Production" });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("Server:PublicBaseUrl").And.Contain("ENCRYPTION_KEY").And.Contain("GOOGLE_CLIENT_ID"));
        Assert.That(server.Output, Does.Not.Contain("   at "), "an operator needs no stack");
    }

    [Test]
    [Category("SEED-025")]
    public async Task Google_comes_from_user_secrets_in_development()
    {
        using var home = new TemporaryFolder();
        Directory.CreateDirectory(home.File(".microsoft/usersecrets/mcpidentity-server"));
        await File.WriteAllTextAsync(
            home.File(".microsoft/usersecrets/mcpidentity-server/secrets.json"), """{ "OAuth:GoogleClientId": "secret-id", "OAuth": { "GoogleClientSecret": "from the secrets" } }""");

        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Environment = new Dictionary<string, string?> { ["HOME"] = home.Path, ["APPDATA"] = null },
        });

        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);
        var atGoogle = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "google");
        Assert.That((atGoogle.Address.Host, atGoogle.Query["client_id"]), Is.EqualTo(("accounts.google.com", "secret-id")));
    }

    [TestCase("prune", "--dryrun"), TestCase("prune", "nonsense"), TestCase("keygen", "--foo"), TestCase("serve", "--jest"), TestCase("config", "show", "--Server:Port")]
    [Category("SEED-026")]
    public async Task A_word_that_no_verb_knows_and_that_is_no_setting_is_refused(params string[] words)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = words });

        Assert.That(exitCode, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain($"{words[^1]} is no option of {words[^2]} and no setting"));
    }

    /// <summary>What a full disk or an editor can leave behind must not be read as a key, nor be replaced by another one.</summary>
    [Test]
    [Category("SEED-026")]
    public async Task A_key_file_that_is_empty_stops_the_start_and_is_named()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("data"));
        await File.WriteAllTextAsync(folder.File("data/encryption.key"), "");
        await using var server = ServerProcess.Launch(new ServerStart { Folder = folder.Path });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain("data/encryption.key is empty").And.Not.Contain("Production"));
    }

    [TestCase("--OAuth:EncryptionKey=0123456789012345678901234567890", "OAuth:EncryptionKey must be at least 32 characters (got 31)")]
    [TestCase("--OAuth:GoogleClinetId=x", "OAuth:GoogleClinetId is not a setting. Did you mean GoogleClientId?")]
    [TestCase("--Mcp:Auth:AuthType=foo", "foo")]
    [TestCase("--Oath:Enabled=false", "Oath in the command line is not a section. There are Server, Database, OAuth, Jwt, Mcp, Cors, Branding, Gateway, Policy, Telemetry, Admin, Audit.")]
    [TestCase("--OAuth:Registration:MaxRedirectUris=many", "OAuth:Registration:MaxRedirectUris is 'many'")]
    [TestCase("--Server:PublicBaseUrl=ftp://x", "Server:PublicBaseUrl")]
    [TestCase("--Database:Provider=Oracle", "Sqlite, Postgres")]
    [TestCase("--OAuth:AccessTokenLifetime=00:00:00", "OAuth:AccessTokenLifetime")]
    [Category("SEED-001"), Category("SEED-026"), Category("B-02")]
    public async Task A_setting_that_is_wrong_stops_the_start_and_is_named(string setting, string message)   // SEED-001, SEED-026
    {
        await using var server = ServerProcess.Launch(new ServerStart { Arguments = [setting] });

        Assert.That(await server.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(server.Output, Does.Contain(message));
    }

    [Test]
    [Category("SEED-088")]
    [Category("Slow")]
    public async Task A_port_that_is_taken_is_named()   // SEED-088
    {
        await using var first = await ServerProcess.StartAsync();
        await using var second = ServerProcess.Launch(new ServerStart { Port = first.Port });

        Assert.That(await second.WaitForExitAsync(), Is.Not.Zero);
        Assert.That(second.Output, Does.Contain(first.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)).And.Contain("in use"));
    }

    [Test]
    [Category("Slow")]
    public async Task Migrate_creates_the_database_and_says_what_it_did()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-migrate-");
        try
        {
            var start = new ServerStart { Folder = folder.FullName, Arguments = ["migrate", $"--Database:ConnectionString=Data Source={folder.FullName}/new/x.db"] };
            var (exitCode, output) = await ServerProcess.RunAsync(start);
            var again = await ServerProcess.RunAsync(start);

            Assert.That(exitCode, Is.Zero, output);
            Assert.That(output, Does.Contain("Applied:").And.Contain("Initial"));
            Assert.That(File.Exists(Path.Combine(folder.FullName, "new", "x.db")), Is.True);
            Assert.That(again.Output, Does.Contain("Up to date"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    [Category("SEED-074"), Category("B-07")]
    [Category("Slow")]
    public async Task Nothing_sensitive_is_readable_in_the_data_folder()   // SEED-028
    {
        await using var server = await ServerProcess.StartAsync();
        var client = await OAuthClient.RegisterAsync(server.Http, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "refresh_token" } });
        using var alice = new Person(server.BaseUrl);
        var tokens = await client.ConnectAsync(alice);
        var cookie = alice.Cookies.GetAllCookies().Single(c => c.Name == "mcpidentity").Value;
        await server.StopAsync();

        foreach (var file in Directory.EnumerateFiles(server.Folder, "*", SearchOption.AllDirectories))
        {
            var content = System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file));
            foreach (var secret in new[] { client.Secret!, tokens.Text("access_token")!, tokens.Text("refresh_token")!, cookie, "-----BEGIN" })
            {
                Assert.That(content, Does.Not.Contain(secret), file);
            }
        }
    }

    [Test]
    public async Task The_demo_users_do_not_exist_outside_development()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart { EnvironmentName = "Staging" });
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(page.Document!.QuerySelector("[name=username]"), Is.Null);
    }
}
