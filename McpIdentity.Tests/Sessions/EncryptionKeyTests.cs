using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Server.Keys;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Sessions;

/// <summary>What becomes of everything when the encryption key is changed: SEED-033, SEED-090, B-07.</summary>
[Category("SEED-033")]
[Category("SEED-090")]
[Category("B-07")]
[Parallelizable(ParallelScope.All)]
internal sealed class EncryptionKeyTests
{
    private const string Key = "the first key of more than thirty-two characters";
    private const string NextKey = "the second key of more than thirty-two characters";

    [TestCase("Database")]
    [TestCase("File")]
    [Category("Slow")]
    public async Task Without_the_previous_key_the_server_starts_and_everybody_signs_in_anew(string type)
    {
        using var folder = new TemporaryFolder();
        var port = Ports.Next();
        using var alice = new Person($"http://localhost:{port}");
        string accessToken;
        string refreshToken;
        OAuthClient client;
        await using (var before = await ServerProcess.StartAsync(Start(folder, port, type, Key)))
        {
            client = await OAuthClient.RegisterPublicAsync(before.Http);
            var tokens = await client.ConnectAsync(alice);
            (accessToken, refreshToken) = (tokens.Text("access_token")!, tokens.Text("refresh_token")!);
            Assert.That((await before.Http.CallToolAsync(accessToken)).Status, Is.EqualTo(HttpStatusCode.OK));
            await before.StopAsync();
        }

        await using var after = await ServerProcess.StartAsync(Start(folder, port, type, NextKey));
        client = client.At(after.Http);

        var (status, challenge) = await after.Http.CallToolAsync(accessToken);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(challenge, Does.Contain("Session not found"));
        using var refresh = await client.RefreshAsync(refreshToken);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"), "the cookie opens nothing");
        var anew = await client.ConnectAsync(alice);
        Assert.That((await after.Http.CallToolAsync(anew.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(after.Output.Split("cannot be decrypted and count as signed out").Length - 1, Is.EqualTo(1), after.Output);
        Assert.That(after.Output, Does.Contain("1 sign-in sessions cannot be decrypted"));
        Assert.That(after.Output, Does.Not.Contain("unhandled exception"));
    }

    [Test]
    public async Task What_a_node_with_the_previous_key_still_writes_is_found_by_a_later_pass()
    {
        using var folder = new TemporaryFolder();
        var database = $"Database:ConnectionString=Data Source={folder.File("shared.db")}";
        await using var old = await TestServer.StartAsync(database, $"OAuth:EncryptionKey={Key}");
        var client = await OAuthClient.RegisterPublicAsync(old);
        using var alice = new Person(old);
        await using var next = await TestServer.StartAsync(database, $"OAuth:EncryptionKey={NextKey}", $"OAuth:PreviousEncryptionKeys:0={Key}");
        await Until.TrueAsync(async () => await UnderPreviousAsync(db => db.DataProtectionKeys.Select(key => key.Xml!)) == 0, "the first pass, to its last table");

        await Verbs.DoAsync(old, "servers", "add", "notes", "--url", "http://127.0.0.1:9/mcp");
        await client.ConnectAsync(alice);
        Assert.That(await UnderPreviousAsync(db => db.GatewayServers.Select(server => server.Document)), Is.EqualTo(1));
        Assert.That(await UnderPreviousAsync(db => db.Grants.Select(grant => grant.ProtectedClaims)), Is.EqualTo(1));
        await Until.TrueAsync(
            async () =>
            {
                next.Clock.Advance(ReencryptRows.Interval);
                return await UnderAsync(0, db => db.Grants.Select(grant => grant.ProtectedClaims)) == 1 && // written again, not pruned
                    await UnderAsync(0, db => db.GatewayServers.Select(server => server.Document)) == 1;
            },
            "a later pass");

        Task<int> UnderPreviousAsync(Func<McpIdentityDbContext, IQueryable<string>> values) => UnderAsync(1, values);

        async Task<int> UnderAsync(int key, Func<McpIdentityDbContext, IQueryable<string>> values)
        {
            var prefix = next.Services.GetRequiredService<EncryptionKeys>().Prefixes[key];
            await using var scope = next.Services.CreateAsyncScope();
            return await values(scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>()).CountAsync(value => value.Contains(prefix));
        }
    }

    [Test]
    [Category("Slow")]
    public async Task With_the_previous_key_everything_goes_on_and_is_encrypted_again()
    {
        using var folder = new TemporaryFolder();
        var port = Ports.Next();
        using var alice = new Person($"http://localhost:{port}");
        string accessToken;
        string refreshToken;
        OAuthClient client;
        await using (var before = await ServerProcess.StartAsync(Start(folder, port, "Database", Key)))
        {
            client = await OAuthClient.RegisterPublicAsync(before.Http);
            var tokens = await client.ConnectAsync(alice);
            (accessToken, refreshToken) = (tokens.Text("access_token")!, tokens.Text("refresh_token")!);
            await before.StopAsync();
        }

        await using (var both = await ServerProcess.StartAsync(Start(folder, port, "Database", NextKey, "--OAuth:PreviousEncryptionKeys:0=" + Key)))
        {
            client = client.At(both.Http);
            Assert.That((await both.Http.CallToolAsync(accessToken)).Status, Is.EqualTo(HttpStatusCode.OK));
            using var refresh = await client.RefreshAsync(refreshToken);
            Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
            refreshToken = (await refresh.JsonAsync()).Text("refresh_token")!;
            await Until.TrueAsync(() => both.Output.Contains("rows were written again under the current encryption key", StringComparison.Ordinal), "the rows are rewritten");
            Assert.That(both.Output, Does.Not.Contain("cannot be decrypted"));
            await both.StopAsync();
        }

        await using var after = await ServerProcess.StartAsync(Start(folder, port, "Database", NextKey));
        client = client.At(after.Http);

        Assert.That((await after.Http.CallToolAsync(accessToken)).Status, Is.EqualTo(HttpStatusCode.OK), "session and signing key");
        using var last = await client.RefreshAsync(refreshToken);
        Assert.That(last.StatusCode, Is.EqualTo(HttpStatusCode.OK), "grant: " + await last.Content.ReadAsStringAsync());
        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.Empty, "DataProtection: the cookie still opens the session");
        Assert.That(after.Output, Does.Not.Contain("cannot be decrypted"));
    }

    private static ServerStart Start(TemporaryFolder folder, int port, string type, string key, params string[] arguments) => new()
    {
        Folder = folder.Path,
        Port = port,
        Environment = new Dictionary<string, string?> { ["ENCRYPTION_KEY"] = key, ["SESSION_STORAGE"] = type },
        Arguments = arguments,
    };
}
