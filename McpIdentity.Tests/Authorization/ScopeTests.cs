using System.Net.Http.Headers;
using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;

namespace McpIdentity.Tests.Authorization;

/// <summary>What is asked, what is shown, what the token gives: the table of docs/scopes.md.</summary>
[Category("RFC 6749")]
[Parallelizable(ParallelScope.All)]
internal sealed class ScopeTests
{
    private TestServer _server = null!;
    private McpCaller _mcp = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync("OAuth:Resources:0:Resource=https://notes.example/mcp", "OAuth:Resources:0:Scopes:notes:write=Write notes");
        _mcp = new McpCaller(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(null, "mcp mcp:call"), TestCase("", "mcp mcp:call"), TestCase("claudeai", "mcp mcp:call")]
    [TestCase("openid", "mcp mcp:call openid"), TestCase("email profile", "mcp mcp:call profile email"), TestCase("offline_access", "mcp mcp:call offline_access")]
    [TestCase("mcp", "mcp"), TestCase("mcp:call", "mcp:call"), TestCase("openid mcp", "mcp openid"), TestCase("email mcp:call mcp:call", "mcp:call email")]
    [TestCase("notes:write", "mcp mcp:call"), TestCase("mcp notes:write mcp:admin", "mcp"), TestCase("mcp:admin", "mcp mcp:call")]
    public async Task What_the_page_does_not_say_the_token_does_not_give(string? asked, string granted)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var tokens = await client.ConnectAsync(alice, ("scope", asked));

        var page = alice.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent" && visit.Method == HttpMethod.Get);
        var shown = page.Document!.QuerySelectorAll("ul.scopes code").Select(code => code.TextContent);
        var token = new JsonWebToken(tokens.Text("access_token"));
        var person = await UserInfoAsync(tokens);
        var caller = await _mcp.CallToolAsync("whoami", tokens.Text("access_token"));
        var scopes = granted.Split(' ');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', shown), Is.EqualTo(granted), "the page");
            Assert.That(tokens.Text("scope"), Is.EqualTo(granted), "RFC 6749 §5.1");
            Assert.That(token.GetClaim("scope").Value, Is.EqualTo(granted));
            Assert.That(token.Claims.Select(claim => claim.Type), Has.None.AnyOf("name", "email", "email_verified", "preferred_username"));
            Assert.That(tokens.TryGetProperty("id_token", out _), Is.EqualTo(scopes.Contains("openid")));
            Assert.That(person.TryGetProperty("name", out _), Is.EqualTo(scopes.Contains("profile")));
            Assert.That(person.TryGetProperty("email", out _), Is.EqualTo(scopes.Contains("email")));
            Assert.That(person.TryGetProperty("email_verified", out _), Is.EqualTo(scopes.Contains("email")));
            Assert.That(caller.Status, Is.EqualTo(scopes.Contains("mcp:call") ? 200 : 403));
            Assert.That(caller.Body.Contains("alice@example.com", StringComparison.Ordinal), Is.EqualTo(scopes.Contains("mcp:call")), "as the words of mcp:call say");
            Assert.That(page.Document!.Body!.TextContent.Contains("They see your name and e-mail address", StringComparison.Ordinal), Is.EqualTo(scopes.Contains("mcp:call")));
        }
    }

    [TestCase("", "mcp mcp:call profile email openid", null), TestCase("claudeai", "mcp mcp:call openid profile email", null)]
    [TestCase("offline_access", "mcp mcp:call openid profile email", null)]
    [TestCase("notes:write mcp", "mcp", null), TestCase("mcp claudeai offline_access", "mcp", null), TestCase("mcp mcp", "mcp", null)]
    [TestCase("mcp:call openid", "mcp:call openid", ""), TestCase("openid email mcp", "mcp openid email", "email"), TestCase("profile openid", "openid profile", "name")]
    [TestCase("mcp:admin", null, null), TestCase("mcp mcp:admin", null, null)]
    public async Task A_refresh_gets_what_it_asks_for_of_what_was_granted(string asked, string? granted, string? ofPerson)   // RFC 6749 §6
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp mcp:call openid profile email"));

        using var response = await client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", asked));

        if (granted is null)
        {
            Assert.That(await response.OAuthErrorAsync(), Is.EqualTo("invalid_scope"));
            using var again = await client.RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(again.IsSuccessStatusCode, Is.True, "nothing was spent");
            return;
        }

        var refreshed = await response.JsonAsync();
        var person = await UserInfoAsync(refreshed);
        var scopes = granted.Split(' ');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refreshed.Text("scope")!.Split(' '), Is.EquivalentTo(scopes));
            Assert.That(new JsonWebToken(refreshed.Text("access_token")).GetClaim("scope").Value, Is.EqualTo(refreshed.Text("scope")));
            Assert.That(refreshed.TryGetProperty("id_token", out var idToken), Is.EqualTo(scopes.Contains("openid")));
            Assert.That(person.TryGetProperty("email", out _), Is.EqualTo(scopes.Contains("email")));
            Assert.That((await _mcp.CallToolAsync("echo", refreshed.Text("access_token"), new { message = "hi" })).Status, Is.EqualTo(scopes.Contains("mcp:call") ? 200 : 403));
            if (ofPerson is not null)
            {
                var said = new JsonWebToken(idToken.GetString()).Claims.Select(claim => claim.Type).Where(type => type is "name" or "email");
                Assert.That(string.Join(' ', said), Is.EqualTo(ofPerson), "a narrower identity token too");
            }
        }

        // Of the next one too: less now is not less for ever (RFC 6749 §6).
        using var all = await client.RefreshAsync(refreshed.Text("refresh_token")!);
        Assert.That((await all.JsonAsync()).Text("scope")!.Split(' '), Is.EquivalentTo(["mcp", "mcp:call", "openid", "profile", "email"]));
    }

    [Test]
    public async Task The_redemption_of_a_code_asks_for_no_scopes()   // RFC 6749 §4.1.3
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        foreach (var asked in new[] { "", "mcp", "mcp:admin", "claudeai offline_access" })
        {
            using var response = await client.RedeemAsync(await client.AuthorizeAsync(alice, ("scope", "mcp mcp:call")), ("scope", asked));

            Assert.That((await response.JsonAsync()).Text("scope"), Is.EqualTo("mcp mcp:call"), asked);
        }
    }

    [Test]
    public async Task A_grant_of_an_earlier_release_puts_nothing_more_into_its_tokens()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp openid"));
        var claims = server.Services.GetRequiredService<GrantClaims>();
        await using (var scope = server.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
            var grant = await db.Grants.SingleAsync();
            var principal = claims.Unprotect(grant.ProtectedClaims, forCode: true)!;
            foreach (var claim in principal.Claims.Where(claim => claim.Type is "name" or "email" or "email_verified"))
            {
                claim.SetDestinations("access_token", "id_token");
            }

            grant.ProtectedClaims = claims.Protect(principal);
            await db.SaveChangesAsync();
        }

        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        var refreshed = await refresh.JsonAsync();

        foreach (var kind in new[] { "access_token", "id_token" })
        {
            Assert.That(new JsonWebToken(refreshed.Text(kind)).Claims.Select(claim => claim.Type), Has.None.AnyOf("name", "email", "email_verified"), kind);
        }
    }

    [TestCase("/mcp", "mcp notes:write files:read", "mcp"), TestCase("/mcp", "notes:write files:read", "mcp mcp:call")]
    [TestCase("https://notes.example/mcp", "mcp:call notes:write files:read", "notes:write"), TestCase("https://notes.example/mcp", "mcp files:read", "notes:write")]
    [TestCase("https://files.example/mcp", "mcp:call notes:write files:read", "files:read"), TestCase("https://files.example/mcp", "mcp notes:write mcp:admin", "files:read")]
    public async Task The_scopes_of_one_resource_are_never_granted_for_another(string resource, string asked, string granted)
    {
        await using var server = await TestServer.StartAsync(
            "OAuth:Resources:0:Resource=https://notes.example/mcp", "OAuth:Resources:0:Scopes:notes:write=Write notes",
            "OAuth:Resources:1:Resource=https://files.example/mcp", "OAuth:Resources:1:Scopes:files:read=Read files");
        resource = resource == "/mcp" ? server.McpUrl : resource;
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var service = await OAuthClient.RegisterServiceAsync(server);

        var tokens = await client.ConnectAsync(alice, ("scope", asked), ("resource", resource));
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", asked + " " + granted));
        using var ofService = await service.TokenAsync(("grant_type", "client_credentials"), ("scope", asked), ("resource", resource));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
            Assert.That((await refreshed.JsonAsync()).Text("scope"), Is.EqualTo(granted));
            Assert.That((await ofService.JsonAsync()).Text("scope"), Is.EqualTo(granted));
        }
    }

    [TestCase("openid profile", "mcp mcp:call"), TestCase("mcp", "mcp"), TestCase("mcp:admin", "mcp mcp:call"), TestCase(null, "mcp mcp:call")]
    public async Task A_service_gets_the_scopes_of_the_resource_too(string? asked, string granted)
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);

        using var response = await service.TokenAsync(("grant_type", "client_credentials"), ("scope", asked));

        Assert.That((await response.JsonAsync()).Text("scope"), Is.EqualTo(granted));
    }

    private async Task<JsonElement> UserInfoAsync(JsonElement tokens)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Text("access_token"));
        using var response = await _server.Http.SendAsync(request);
        Assert.That(response.IsSuccessStatusCode, Is.True);
        return await response.JsonAsync();
    }
}
