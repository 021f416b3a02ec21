using System.Net;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Commands;

/// <summary>The verbs that end sessions beside a running server: docs/sessions.md, "Ending sessions".</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class SessionsCommandTests
{
    [Test]
    [Category("SEED-010")]
    [Category("Slow")]
    public async Task What_the_verbs_end_has_ended_at_the_running_server()
    {
        await using var server = await ServerProcess.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);
        using var bob = new Person(server.BaseUrl, "bob");
        var revoked = (await client.ConnectAsync(alice)).Text("access_token")!;
        var sessionId = new JsonWebToken(revoked).GetClaim("sid").Value;

        var list = await RunAsync(server, "sessions", "list");
        Assert.That(list, Does.Contain(sessionId).And.Contain("demo"));
        await RunAsync(server, "sessions", "revoke", sessionId);
        await RefusedAsync(server, revoked);
        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"));

        var disabled = (await client.ConnectAsync(bob)).Text("access_token")!;
        await RunAsync(server, "users", "disable", "bob@example.com");
        await RefusedAsync(server, disabled);
        var page = await bob.Browser.GetAsync(client.AuthorizeUrl());
        Assert.That(page.Address.AbsolutePath, Is.EqualTo("/signin"), "signed out everywhere");
        page = await bob.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" });
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Body, Does.Contain("account_disabled"));

        await RunAsync(server, "users", "enable", "bob@example.com");
        var removed = (await client.ConnectAsync(bob)).Text("access_token")!;
        await RunAsync(server, "users", "remove", "bob@example.com", "--yes");
        await RefusedAsync(server, removed);
        var log = LogLines.Read(Path.Combine(server.Folder, "security.log"));
        Assert.That(log.Select(line => line.Text("event")), Is.EqualTo((string[])["session_ended", "user_disabled", "user_enabled", "user_removed"]), "docs/security-log.md");
        Assert.That(log.Select(line => line.Text("reason")), Is.All.EqualTo("by the command line"));
        Assert.That(log[0].Text("session_id"), Is.EqualTo(sessionId));
        Assert.That(await RunAsync(server, "users", "list"), Does.Contain("alice@example.com").And.Not.Contain("bob@example.com"));
        var anew = await client.ConnectAsync(bob);
        Assert.That(new JsonWebToken(anew.Text("access_token")).Subject, Is.Not.EqualTo(new JsonWebToken(removed).Subject), "somebody new");
    }

    [Test]
    [Category("SEED-010")]
    [Category("Slow")]
    public async Task One_grant_ends_by_its_verb_and_the_others_go_on()
    {
        await using var server = await ServerProcess.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(server.BaseUrl);
        var tokens = await client.ConnectAsync(alice);
        var other = await client.ConnectAsync(alice);
        var token = new JsonWebToken(tokens.Text("access_token"));
        var grant = token.GetClaim("oi_au_id").Value;

        Assert.That(await RunAsync(server, "grants", "list", "--user", token.Subject), Does.Contain(grant).And.Contain(client.ClientId));
        var (unknown, words) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["grants", "list", "--client", "another", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"] });
        Assert.That((unknown, words.Contains(grant, StringComparison.Ordinal)), Is.EqualTo((ExitCode.NotFound, false)), words);
        await RunAsync(server, "grants", "revoke", grant);

        await RefusedAsync(server, tokens.Text("access_token")!);
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That((await server.Http.CallToolAsync(other.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await RunAsync(server, "grants", "list"), Does.Not.Contain(grant));
        var line = LogLines.Read(Path.Combine(server.Folder, "security.log")).Single();
        Assert.That((line.Text("event"), line.Text("grant_id"), line.Text("client_id")), Is.EqualTo(("grant_revoked", grant, client.ClientId)));
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart { Folder = server.Folder, Arguments = ["grants", "revoke", "nothing"] });
        Assert.That((exitCode, output.Trim()), Is.EqualTo((ExitCode.NotFound, "There is no grant nothing.")));
    }

    private static Task RefusedAsync(ServerProcess server, string token) => Until.TrueAsync(
        async () => await server.Http.CallToolAsync(token) is { Status: HttpStatusCode.Unauthorized, Challenge: var challenge } &&
            challenge.Contains("Session not found", StringComparison.Ordinal),
        "the token is refused");

    private static async Task<string> RunAsync(ServerProcess server, params string[] verb)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
        {
            Folder = server.Folder,
            Arguments = [.. verb, "--Mcp:SecurityLogging:Enabled=true", "--Mcp:SecurityLogging:LogToFile=true", $"--Mcp:SecurityLogging:LogFilePath={Path.Combine(server.Folder, "security.log")}", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
        });
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }
}
