using System.Net;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Tokens;

/// <summary>A refresh takes up what the person has allowed since its grant was made, and nothing else: docs/decisions/0007.</summary>
[Category("MCP authorization")]
[Parallelizable(ParallelScope.Self)]
internal sealed class StepUpTests
{
    private const string OtherRedirectUri = "https://client.example/other";
    private const string Notes = "https://notes.example/mcp";

    private TestServer _server = null!;
    private McpCaller _mcp = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync(
            "Mcp:RateLimiting:Enabled=false", $"OAuth:Resources:0:Resource={Notes}", "OAuth:Resources:0:Scopes:mcp=Connect", "OAuth:Resources:0:Scopes:mcp:call=Call");
        _mcp = new McpCaller(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_client_that_refreshes_on_a_403_gets_what_was_allowed_meanwhile()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp"));
        var refused = await _mcp.CallToolAsync("whoami", tokens.Text("access_token"));
        Assert.That(refused.Status, Is.EqualTo(403), refused.Body);
        tokens = await RefreshAsync(client, tokens, "mcp");

        await AllowAsync(client, alice, refused.Challenge.Split("scope=\"")[1].Split('"')[0]);

        tokens = await RefreshAsync(client, tokens, "mcp mcp:call");
        Assert.That((await _mcp.CallToolAsync("whoami", tokens.Text("access_token"))).Status, Is.EqualTo(200));
        tokens = await RefreshAsync(client, tokens, "mcp", ("scope", "mcp"));
        tokens = await RefreshAsync(client, tokens, "mcp:call", ("scope", "mcp:call"));
        await RefreshAsync(client, tokens, "mcp mcp:call");
        using var admin = await client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", "mcp mcp:admin"));
        Assert.That((int)admin.StatusCode, Is.EqualTo(400));
    }

    [Test]
    public async Task What_is_about_the_person_is_added_when_it_is_named()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp mcp:call"));
        await AllowAsync(client, alice, "mcp mcp:call openid email");

        tokens = await RefreshAsync(client, tokens, "mcp mcp:call");
        tokens = await RefreshAsync(client, tokens, "mcp openid", ("scope", "mcp openid"));
        Assert.That(tokens.TryGetProperty("id_token", out _), Is.True);
    }

    [TestCase("another client"), TestCase("another redirect URI"), TestCase("another person"), TestCase("another resource"), TestCase("a denial"), TestCase("an earlier consent"), TestCase("an earlier consent, and a later one for something else"), TestCase("a program on this computer")]
    public async Task Nothing_is_added_by(string what)
    {
        var isOfProgram = what == "a program on this computer";
        var client = await RegisterAsync(isOfProgram ? OAuthClient.LoopbackRedirectUri : null);
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        if (what.StartsWith("an earlier consent", StringComparison.Ordinal))
        {
            await AllowAsync(client, alice, "mcp mcp:call");
            _server.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        var tokens = await client.ConnectAsync(alice, ("scope", "mcp"));
        switch (what)
        {
            case "another client":
                await AllowAsync(await RegisterAsync(), alice, "mcp mcp:call");
                break;
            case "another redirect URI":
                await AllowAsync(client, alice, "mcp mcp:call", ("redirect_uri", OtherRedirectUri));
                break;
            case "another person":
                await AllowAsync(client, bob, "mcp mcp:call");
                break;
            case "another resource":
                await AllowAsync(client, alice, "mcp mcp:call", ("resource", Notes));
                break;
            case "an earlier consent, and a later one for something else":
                await AllowAsync(client, alice, "mcp openid");
                break;
            case "a denial":
                alice.Decision = "deny";
                _server.Clock.Advance(TimeSpan.FromMinutes(1));
                await alice.AuthorizeAsync(client.AuthorizeUrl(("scope", "mcp mcp:call")));
                break;
            case "a program on this computer":
                await AllowAsync(client, alice, "mcp mcp:call");
                break;
        }

        using var wider = await client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", "mcp mcp:call"));
        Assert.That(await wider.OAuthErrorAsync(), Is.EqualTo("invalid_scope"));
        await RefreshAsync(client, tokens, "mcp");
    }

    [Test]
    public async Task What_was_taken_back_is_not_added()
    {
        var client = await RegisterAsync();
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice, ("scope", "mcp"));
        var wide = await AllowAsync(client, alice, "mcp mcp:call");
        using var revoked = await client.PostAsync("/oauth/revoke", ("token", wide.Text("refresh_token")));
        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        await RefreshAsync(client, tokens, "mcp");
    }

    private Task<OAuthClient> RegisterAsync(string? redirectUri = null) => OAuthClient.RegisterAsync(_server, new
    {
        redirect_uris = redirectUri is null ? new[] { OAuthClient.DefaultRedirectUri, OtherRedirectUri } : [redirectUri],
        client_name = "Test client",
        token_endpoint_auth_method = "none",
    });

    private async Task<JsonElement> AllowAsync(OAuthClient client, Person person, string scope, params (string, string?)[] changes)
    {
        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        var code = await client.AuthorizeAsync(person, [("scope", scope), .. changes]);
        var redirect = changes.FirstOrDefault(change => change.Item1 == "redirect_uri");
        using var response = redirect.Item2 is null ? await client.RedeemAsync(code) : await client.RedeemAsync(code, redirect);
        var tokens = await response.JsonAsync();
        Assert.That(tokens.Text("scope")?.Split(' '), Is.EquivalentTo(scope.Split(' ')));
        return tokens;
    }

    private static async Task<JsonElement> RefreshAsync(OAuthClient client, JsonElement tokens, string granted, params (string, string?)[] changes)
    {
        using var response = await client.RefreshAsync(tokens.Text("refresh_token")!, changes);
        var refreshed = await response.JsonAsync();
        Assert.That(refreshed.Text("scope")?.Split(' '), Is.EquivalentTo(granted.Split(' ')), refreshed.GetRawText());
        return refreshed;
    }
}
