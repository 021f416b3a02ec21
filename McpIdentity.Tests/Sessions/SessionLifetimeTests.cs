using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Sessions;

/// <summary>How long a session lives, for the browser and for what was granted from it, and what asking costs: docs/decisions/0004.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class SessionLifetimeTests
{
    [Test]
    public async Task A_browser_is_signed_out_after_its_time_and_its_clients_go_on()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        var refreshToken = tokens.Text("refresh_token")!;

        for (var day = 0; day < 20; day += 6)
        {
            server.Clock.Advance(TimeSpan.FromDays(6));
            using var refresh = await client.RefreshAsync(refreshToken);
            Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
            var renewed = await refresh.JsonAsync();
            refreshToken = renewed.Text("refresh_token")!;
            Assert.That((await server.Http.CallToolAsync(renewed.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK), $"day {day + 6}");
        }

        Assert.That((await alice.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"));
    }

    [Test]
    [Category("SEED-010")]
    public async Task A_session_whose_row_is_over_or_gone_is_not_found()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        foreach (var delete in new[] { false, true })
        {
            using var alice = new Person(server);
            var token = (await client.ConnectAsync(alice)).Text("access_token")!;
            Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.OK));
            await using var scope = server.Services.CreateAsyncScope();
            var row = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SignInSessions
                .Where(session => session.Id == new JsonWebToken(token).GetClaim("sid").Value);
            var past = server.Clock.GetUtcNow().AddMinutes(-1);
            await (delete ? row.ExecuteDeleteAsync() : row.ExecuteUpdateAsync(set => set.SetProperty(session => session.KeptUntil, past)));
            server.Clock.Advance(TimeSpan.FromMinutes(1));

            var (status, challenge) = await server.Http.CallToolAsync(token);

            Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(challenge, Does.Contain("Session not found"));
        }
    }

    [TestCase("Mcp:Auth:OAuth:RequireValidSession=false", null, HttpStatusCode.OK)]
    [TestCase("Mcp:Auth:OAuth:RequireValidSession=false", "Mcp:AuthEnforcement:RequireValidSession=true", HttpStatusCode.Unauthorized)]
    [TestCase("Mcp:Auth:OAuth:RequireValidSession=true", "Mcp:AuthEnforcement:RequireValidSession=false", HttpStatusCode.Unauthorized)]
    [Category("SEED-010")]
    [Category("SEED-066")]
    public async Task Whether_the_session_must_live_is_a_setting_of_either_section(string first, string? second, HttpStatusCode expected)
    {
        await using var server = await TestServer.StartAsync([first, .. second is null ? (string[])[] : [second]]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("access_token");

        await alice.Browser.SubmitAsync(await alice.Browser.GetAsync("/oauth/signout"));

        Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_service_that_speaks_for_itself_needs_no_session()
    {
        await using var server = await TestServer.StartAsync("OAuth:SessionStorage:Type=Memory");
        var service = await OAuthClient.RegisterServiceAsync(server);
        using var answer = await service.TokenAsync(("grant_type", "client_credentials"));

        Assert.That((await server.Http.CallToolAsync((await answer.JsonAsync()).Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
    }
}
