using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>The verbs for initial access tokens, beside a server that serves.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ClientTokensCommandTests
{
    [Test]
    [Category("Slow")]
    public async Task A_token_is_made_shown_once_used_listed_with_its_clients_and_revoked_and_all_of_it_is_recorded()
    {
        await using var server = await ServerProcess.StartAsync("--OAuth:Registration:RequireInitialAccessToken=true", "--OAuth:Registration:InitialAccessToken=handed out to the team");

        var made = await SaysAsync(0, "clients", "tokens", "create", "build team", "--expires", "30d", "--uses", "2");
        var token = made.Split('\n').Single(line => line.StartsWith("mcpi_", StringComparison.Ordinal)).Trim();
        Assert.That(await RegisterAsync(), Is.EqualTo(201));
        Assert.That(await SaysAsync(0, "clients", "tokens", "list"), Does.Match("(?m)^build team +good +1 +2 ").And.Not.Contain(token));
        Assert.That(await SaysAsync(0, "clients", "list"), Does.Match("(?m)By a token .* build team *$"));
        Assert.That(await SaysAsync(0, "clients", "show", "By a token"), Does.Match("(?m)^registered with +build team"));

        Assert.That(await SaysAsync(ExitCode.Conflict, "clients", "tokens", "create", "build team"), Does.Contain("Choose another"));
        Assert.That(await SaysAsync(2, "clients", "tokens", "create", "configuration"), Does.Contain("that of the token in the settings"));
        Assert.That(await SaysAsync(2, "clients", "tokens", "create", "x", "--uses", "0"), Does.Contain("--uses is 1 or more"));
        Assert.That(await SaysAsync(2, "clients", "tokens", "create", "x", "--expires", "soon"), Does.Contain("--expires is a time such as"));

        Assert.That(await SaysAsync(0, "clients", "tokens", "revoke", "build team"), Does.Contain("revoked: build team"));
        Assert.That(await RegisterAsync(), Is.EqualTo(401));
        Assert.That(await SaysAsync(ExitCode.NotFound, "clients", "tokens", "revoke", "build team"), Does.Contain("There is no token"));
        var audit = await SaysAsync(0, "audit", "list", "-o", "json");
        var acts = JsonDocument.Parse(audit[audit.IndexOf('[')..(audit.LastIndexOf(']') + 1)]).RootElement.EnumerateArray().Where(act => act.Text("event")!.StartsWith("initial_", StringComparison.Ordinal)).ToList();
        Assert.That(acts.Select(act => act.Text("event")), Is.EqualTo(["initial_access_token_revoked", "initial_access_token_created"]));
        Assert.That(acts[1].Text("line"), Does.Contain("build team").And.Not.Contain(token[5..]));

        async Task<int> RegisterAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = JsonContent.Create(new { client_name = "By a token", redirect_uris = new[] { OAuthClient.DefaultRedirectUri } }) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await server.Http.SendAsync(request);
            return (int)response.StatusCode;
        }

        async Task<string> SaysAsync(int expected, params string[] verb)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
            {
                Folder = server.Folder,
                Arguments = [.. verb, $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
            });
            Assert.That(exitCode, Is.EqualTo(expected), output);
            return output;
        }
    }
}
