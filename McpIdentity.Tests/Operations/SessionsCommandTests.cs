using System.Net;
using McpIdentity.Tests.Audit;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Operations;

/// <summary>The verbs that end sessions beside a running server: security 13.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class SessionsCommandTests
{
    [Test]
    [Category("SEED-010")]
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
        await RunAsync(server, "users", "remove", "bob@example.com");
        await RefusedAsync(server, removed);
        var log = LogLines.Read(Path.Combine(server.Folder, "security.log"));
        Assert.That(log.Select(line => line.Text("event")), Is.EqualTo((string[])["session_ended", "user_disabled", "user_enabled", "user_removed"]), "security 17");
        Assert.That(log.Select(line => line.Text("reason")), Is.All.EqualTo("by the command line"));
        Assert.That(log[0].Text("session_id"), Is.EqualTo(sessionId));
        Assert.That(await RunAsync(server, "users", "list"), Does.Contain("alice@example.com").And.Not.Contain("bob@example.com"));
        var anew = await client.ConnectAsync(bob);
        Assert.That(new JsonWebToken(anew.Text("access_token")).Subject, Is.Not.EqualTo(new JsonWebToken(removed).Subject), "somebody new");
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
