using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Audit;

/// <summary>What the authorization server writes into the security log.</summary>
[Category("SEED-061")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ServerEventTests
{
    private DirectoryInfo _folder = null!;
    private TestServer _server = null!;

    private string LogPath => Path.Combine(_folder.FullName, "security.log");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = Directory.CreateTempSubdirectory("mcpidentity-log-");
        _server = await TestServer.StartAsync(
            "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={LogPath}",
            "OAuth:RefreshTokenReuseGraceSeconds=0");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task A_connection_leaves_a_trail_from_registration_to_revocation()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        using var revoked = await client.PostAsync("/oauth/revoke", ("token", (await refreshed.JsonAsync()).Text("refresh_token")));
        await WaitAsync("token_revoked", client);

        var trail = LogLines.Read(LogPath).Where(line => line.Text("client_id") == client.ClientId).ToList();
        Assert.That(trail.Select(line => line.Text("event")), Is.EqualTo((string[])
            ["client_registered", "authorize_started", "sign_in_shown", "login_success", "consent_shown", "consent_granted", "code_issued", "token_issued", "token_refreshed", "token_revoked"]));
        var flow = trail.SkipWhile(line => line.Text("event") != "authorize_started").TakeWhile(line => line.Text("event") != "token_issued").ToList();
        Assert.That(flow.Select(line => line.Text("flow")).Distinct().Single(), Is.Not.Null);
        Assert.That(flow.Skip(1).Select(line => line.Text("resource")), Is.All.EqualTo(_server.McpUrl), "the request did not name it");
        Assert.That(flow[0].Text("flow"), Does.Match("^[0-9a-f]{32}$"));
        var login = trail.Single(line => line.Text("event") == "login_success");
        Assert.That(login.Text("reason"), Is.EqualTo("signed in with demo"));
        trail = [trail[0], .. trail.SkipWhile(line => line.Text("event") != "consent_granted")];
        foreach (var line in trail.Skip(1))
        {
            Assert.That(line.Text("subject"), Is.EqualTo(login.Text("subject")), line.GetRawText());
            Assert.That(line.Text("session_id"), Is.EqualTo(login.Text("session_id")), line.GetRawText());
            Assert.That(line.Text("trace_id"), Does.Match("^[0-9a-f]{32}$"));
            Assert.That(line.Text("address"), Is.EqualTo("127.0.0.1").Or.EqualTo("::1"));
        }

        Assert.That(trail.Skip(2).Select(line => line.Text("grant_id")).Distinct().Single(), Is.Not.Null);
        Assert.That((trail[3].Text("grant_type"), trail[3].Text("scope")), Is.EqualTo(("authorization_code", "mcp mcp:call")));
    }

    [Test]
    public async Task A_code_that_comes_twice_is_an_alarm()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var first = await client.RedeemAsync(code);
        using var second = await client.RedeemAsync(code);

        var line = await WaitAsync("code_reuse", client);
        Assert.That((line.Text("level"), line.Text("result")), Is.EqualTo(("error", "failure")));
        Assert.That(line.Text("grant_id"), Is.Not.Null);
    }

    [Test]
    public async Task A_refresh_token_that_comes_twice_is_an_alarm()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var refreshToken = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        using var first = await client.RefreshAsync(refreshToken);
        using var second = await client.RefreshAsync(refreshToken);

        Assert.That((await WaitAsync("refresh_token_reuse", client)).Text("level"), Is.EqualTo("error"));
    }

    [Test]
    public async Task A_person_who_says_no_is_recorded()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var bob = new Person(_server, "bob") { Decision = "deny" };
        await bob.AuthorizeAsync(client.AuthorizeUrl());

        Assert.That((await WaitAsync("consent_denied", client)).Text("result"), Is.EqualTo("failure"));
        Assert.That((await WaitAsync("authorization_refused", client)).Text("reason"), Does.StartWith("access_denied"));
    }

    [Test]
    public async Task A_sign_in_that_fails_is_recorded()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var nobody = new Person(_server);
        var page = await nobody.Browser.GetAsync(client.AuthorizeUrl());
        await nobody.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "mallory" });

        Assert.That((await LogLines.WaitForAsync(LogPath, "login_failure")).Text("result"), Is.EqualTo("failure"));
    }

    [Test]
    public async Task Signing_in_as_somebody_else_ends_a_session()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());
        page = await alice.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });
        await alice.Browser.SubmitAsync(page, button: "other");

        var ended = await LogLines.WaitForAsync(LogPath, "session_ended");
        Assert.That(ended.Text("session_id"), Is.Not.Null);
        await LogLines.WaitForAsync(LogPath, "login_success", line => line.Text("session_id") == ended.Text("session_id"));
    }

    [Test, Category("B-18")]
    public async Task A_wrong_client_secret_names_the_client_and_no_secret()
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);
        using var response = await service.TokenAsync(("grant_type", "client_credentials"), ("client_id", service.ClientId), ("client_secret", "wrong-secret-marker"));
        using var posted = await _server.Http.PostAsync("/oauth/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = service.ClientId,
            ["client_secret"] = "wrong-secret-marker",
        }));

        await WaitAsync("client_authentication_failed", service);
        Assert.That(LogLines.ReadText(LogPath), Does.Not.Contain("wrong-secret").And.Not.Contain(service.Secret![..10]));
    }

    [Test]
    public async Task Other_refusals_say_what_the_client_is_told()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var response = await client.RefreshAsync("not a token");
        using var registration = await _server.Http.PostAsJsonAsync("/register", new { redirect_uris = new[] { "javascript:alert(1)" } });

        Assert.That((await WaitAsync("token_refused", client)).Text("reason"), Does.StartWith("invalid_grant: "));
        Assert.That((await LogLines.WaitForAsync(LogPath, "registration_refused")).Text("reason"), Does.StartWith("invalid_redirect_uri: "));
    }

    [Test]
    public async Task The_reference_on_an_error_page_is_the_trace_id_in_the_log()
    {
        using var alice = new Person(_server);
        var page = await alice.Browser.GetAsync("/oauth/authorize?client_id=nobody&response_type=code&redirect_uri=https://client.example/cb");
        var line = await LogLines.WaitForAsync(LogPath, "authorization_refused", line => line.Text("client_id") == "nobody");

        Assert.That(page.Document!.Body!.TextContent, Does.Contain(line.Text("trace_id")!));
    }

    private Task<JsonElement> WaitAsync(string name, OAuthClient client) => LogLines.WaitForAsync(LogPath, name, line => line.Text("client_id") == client.ClientId);
}
