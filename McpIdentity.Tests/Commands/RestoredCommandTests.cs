using System.Net;
using McpIdentity.Server.Commands;
using McpIdentity.Server.Revocation;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Commands;

/// <summary>The verbs of docs/backup.md, "Backup and restore", beside a running server; <c>RestoreTests</c> restores.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RestoredCommandTests
{
    [Test]
    [Category("Slow")]
    public async Task What_was_issued_before_ends_at_the_running_server_and_who_begins_anew_is_let_in()
    {
        await using var server = await ServerProcess.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        var service = await OAuthClient.RegisterAsync(server.Http, new { grant_types = new[] { "client_credentials" } });
        using var alice = new Person(server.BaseUrl);
        var tokens = await client.ConnectAsync(alice);
        var ofService = (await (await service.TokenAsync(("grant_type", "client_credentials"))).JsonAsync()).Text("access_token");

        var (exitCode, output) = await RunAsync(server, "restored", "--yes");

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.StartWith("Ended: 1 sign-in sessions, 1 grants, "));
        await Until.TrueAsync(async () => (await server.Http.CallToolAsync(tokens.Text("access_token"))).Status == HttpStatusCode.Unauthorized, "the token is refused");
        Assert.That((await server.Http.CallToolAsync(ofService)).Status, Is.EqualTo(HttpStatusCode.Unauthorized), "its client may have been disabled meanwhile");
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"));
        await Until.TrueAsync(
            async () =>
            {
                // Within two seconds of the moment clocks of several servers may disagree on what came before it.
                using var redeemed = await client.RedeemAsync(await client.AuthorizeAsync(alice));
                return redeemed.IsSuccessStatusCode && (await server.Http.CallToolAsync((await redeemed.JsonAsync()).Text("access_token"))).Status == HttpStatusCode.OK;
            },
            "who begins anew is let in");
        Assert.That(LogLines.Read(Path.Combine(server.Folder, "security.log")).Select(line => line.Text("event")), Is.EqualTo((string[])["database_restored"]));
    }

    [TestCase("2999-01-01T00:00:00Z", "--at must be a moment of the past"), TestCase("yesterday", "--at must be a moment of the past"), TestCase("", "--at is empty")]
    [Category("Slow")]
    public async Task A_moment_that_is_none_or_has_not_come_ends_nothing(string at, string says)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Arguments = ["restored", "--at", at, "--Database:ConnectionString=Data Source=:memory:"] });

        Assert.That(exitCode, Is.EqualTo(2), output);
        Assert.That(output, Does.Contain(says).And.Not.Contain("Ended"));
    }

    // --at: when the restored database began to serve.
    [Test]
    public async Task What_began_after_the_moment_goes_on()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        using var bob = new Person(server, "bob");
        var before = await client.ConnectAsync(alice);
        server.Clock.Advance(TimeSpan.FromSeconds(10));
        var moment = server.Clock.GetUtcNow();
        server.Clock.Advance(TimeSpan.FromSeconds(10));
        var after = await client.ConnectAsync(bob);

        var (grants, sessions, _) = await server.Services.GetRequiredService<Revocations>().RevokeAllAsync(moment);
        await server.Services.GetRequiredService<Revocations>().RevokeAllAsync(moment - TimeSpan.FromDays(1));

        Assert.That((grants, sessions), Is.EqualTo((1, 1)));
        Assert.That((await server.Http.CallToolAsync(before.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized), "also after an earlier moment was named");
        Assert.That((await server.Http.CallToolAsync(after.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        using var old = await client.RefreshAsync(before.Text("refresh_token")!);
        using var young = await client.RefreshAsync(after.Text("refresh_token")!);
        Assert.That(await old.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(young.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await bob.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.Not.EqualTo("/signin"));
    }

    [Test]
    [Category("Slow")]
    public async Task A_backup_is_its_owners_alone_and_overwrites_nothing()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-backup-");
        try
        {
            var start = new ServerStart { Folder = folder.FullName, Arguments = ["backup", "--to", "copy.db", $"--Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "mcpidentity.db")}"] };

            var first = await ServerProcess.RunAsync(start);
            var second = await ServerProcess.RunAsync(start);

            Assert.That(first.ExitCode, Is.Zero, first.Output);
            Assert.That(File.GetUnixFileMode(Path.Combine(folder.FullName, "copy.db")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            Assert.That(second.ExitCode, Is.EqualTo(ExitCode.Conflict));
            Assert.That(second.Output, Does.Contain("exists already"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Task<(int ExitCode, string Output)> RunAsync(ServerProcess server, params string[] verb) => ServerProcess.RunAsync(new ServerStart
    {
        Folder = server.Folder,
        Arguments = [.. verb, "--Mcp:SecurityLogging:Enabled=true", "--Mcp:SecurityLogging:LogToFile=true", $"--Mcp:SecurityLogging:LogFilePath={Path.Combine(server.Folder, "security.log")}", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
    });
}
