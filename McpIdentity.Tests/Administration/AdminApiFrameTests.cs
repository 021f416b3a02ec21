using System.Net;
using System.Net.Http.Headers;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>Who may use the admin API, and how it says no, whatever the operation.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AdminApiFrameTests
{
    private AdminScene _scene = null!;
    private TestServer _server = null!;
    private AdminClient _owner = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _scene = await AdminScene.StartAsync(
            "OAuth:StaticClients:1:ClientId=watcher", $"OAuth:StaticClients:1:ClientSecret={AdminScene.ServiceSecret}", "OAuth:StaticClients:1:GrantTypes:0=client_credentials", "OAuth:StaticClients:1:AdminScopes:0=admin:read", "OAuth:StaticClients:1:AdminScopes:1=audit:read");
        _server = _scene.Server;
        _owner = await _scene.ClientAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _scene.DisposeAsync();

    [TestCase("olga", "owner", "admin:read admin:write admin:keys audit:read"), TestCase("otto", "operator", "admin:read admin:write audit:read"), TestCase("anna", "auditor", "admin:read audit:read"), TestCase("hugo", "helpdesk", "admin:read admin:write")]
    public async Task Who_has_a_role_is_granted_its_scopes_and_no_others(string username, string role, string scopes)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var person = _scene.Person(username);
        var granted = await client.ConnectAsync(person, ("scope", AdminScene.AllScopes), ("resource", _scene.Resource));

        Assert.That(granted.Text("scope"), Is.EqualTo(scopes));
        using var me = await new AdminClient(_server, granted.Text("access_token")).GetAsync("/me");
        Assert.That((await me.JsonAsync()).Text("role"), Is.EqualTo(role));
    }

    [Test]
    public async Task Who_has_no_role_is_not_even_asked()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var person = _scene.Person("emil");

        var answer = await person.AuthorizeAsync(client.AuthorizeUrl(("scope", "admin:read"), ("resource", _scene.Resource)));

        Assert.That(answer["error"], Is.EqualTo("access_denied"));
        Assert.That(person.PagesSeen, Has.No.Member("/consent"));
    }

    [Test]
    public async Task A_service_has_the_scopes_that_its_client_is_configured_for_and_one_that_registered_itself_has_none()
    {
        foreach (var (name, scopes, rights) in new[] { ("robot", AdminScene.AllScopes, "read_people end_access read read_audit write write_policy write_keys"), ("watcher", "admin:read audit:read", "read_people read read_audit") })
        {
            using var me = await (await _scene.ServiceAsync(name, scopes)).GetAsync("/me");
            var said = await me.JsonAsync();
            Assert.That((said.Text("name"), said.Text("role"), string.Join(' ', said.GetProperty("rights").EnumerateArray())), Is.EqualTo((name, "service", rights)));
        }

        var other = await OAuthClient.RegisterServiceAsync(_server);
        using var refused = await other.TokenAsync(("grant_type", "client_credentials"), ("scope", "admin:read"), ("resource", _scene.Resource));
        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("invalid_scope"));
    }

    // RFC 9728 §3, §5.1; RFC 6750 §3.
    [Test]
    public async Task A_client_finds_its_way_from_the_first_refusal()
    {
        using var refused = await new AdminClient(_server, null).GetAsync("/me");
        Assert.That((refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, "unauthorized")));
        var challenge = refused.Headers.WwwAuthenticate.Single();
        Assert.That(challenge.Parameter, Does.Not.Contain("error"));

        var metadata = await (await _server.Http.GetAsync(challenge.Parameter!.Split('"')[1])).JsonAsync();
        Assert.That(metadata.Text("resource"), Is.EqualTo(_scene.Resource));
        Assert.That(metadata.GetProperty("authorization_servers")[0].GetString(), Is.EqualTo(_server.BaseUrl));
        Assert.That(metadata.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()), Is.EqualTo(AdminScene.AllScopes.Split(' ')));
    }

    [Test]
    public async Task A_token_for_another_resource_an_invented_one_and_a_refresh_token_are_refused()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var person = _scene.Person("olga");
        var ofMcp = await client.ConnectAsync(person);

        foreach (var token in new[] { ofMcp.Text("access_token"), ofMcp.Text("refresh_token"), "invented", "a.b.c", _owner.Token![..^3] })
        {
            using var refused = await new AdminClient(_server, token).GetAsync("/me");
            Assert.That((refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, "invalid_token")), token);
            Assert.That(refused.Headers.WwwAuthenticate.Single().Parameter, Does.Contain("error=\"invalid_token\""));
        }
    }

    [Test]
    public async Task A_token_without_the_scope_is_told_which()
    {
        var reader = await _scene.ClientAsync(scope: "audit:read");

        using var refused = await reader.GetAsync("/me");

        Assert.That((refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((HttpStatusCode.Forbidden, "insufficient_scope")));
        Assert.That(refused.Headers.WwwAuthenticate.Single().Parameter, Does.Contain("scope=\"admin:read\""));
    }

    [Test]
    public async Task A_token_whose_grant_was_revoked_opens_nothing()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var person = _scene.Person("olga");
        var granted = await client.ConnectAsync(person, ("scope", "admin:read"), ("resource", _scene.Resource));
        (await client.PostAsync("/oauth/revoke", ("token", granted.Text("refresh_token")))).Dispose();

        using var refused = await new AdminClient(_server, granted.Text("access_token")).GetAsync("/me");

        Assert.That(await refused.ProblemAsync(), Is.EqualTo("invalid_token"));
    }

    [TestCase("GET", "/nothing", 404, "not_found"), TestCase("GET", "", 404, "not_found"), TestCase("DELETE", "/me", 405, "invalid_request"), TestCase("BREW", "/me", 405, "invalid_request"), TestCase("GET", "/me?x=1", 400, "invalid_parameter")]
    public async Task What_there_is_not_is_a_problem_too(string method, string path, int status, string code)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), AdminClient.Prefix + path) { Headers = { Accept = { new MediaTypeWithQualityHeaderValue("text/html") }, Authorization = new AuthenticationHeaderValue("Bearer", _owner.Token) } };
        using var refused = await _server.Http.SendAsync(request);

        Assert.That(((int)refused.StatusCode, await refused.ProblemAsync()), Is.EqualTo((status, code)));
    }

    // RFC 9470.
    [Test]
    public async Task Who_gives_roles_must_have_signed_in_a_moment_ago()
    {
        await using var scene = await AdminScene.StartAsync();
        var user = await AdminSeeds.UserAsync(scene);
        scene.Google.Add(new GoogleAccount("olga@example.com", "olga", "Example")); // who does not say when she signed in
        using var stale = await (await scene.ClientAsync(isFresh: false)).SendAsync(HttpMethod.Put, $"/roles/{user}", new { role = "auditor" });
        scene.Google.Add(new GoogleAccount("olga@example.com", "olga", "Example") { SaysWhen = true });
        var owner = await scene.ClientAsync();
        using var given = await owner.SendAsync(HttpMethod.Put, $"/roles/{user}", new { role = "auditor" });
        scene.Server.Clock.Advance(TimeSpan.FromMinutes(11));
        using var later = await owner.SendAsync(HttpMethod.Put, $"/roles/{user}", new { role = "owner" });

        Assert.That((await stale.ProblemAsync(), given.StatusCode, await later.ProblemAsync()), Is.EqualTo(("insufficient_user_authentication", HttpStatusCode.OK, "insufficient_user_authentication")));
        Assert.That(later.Headers.WwwAuthenticate.Single().Parameter, Does.Contain("error=\"insufficient_user_authentication\"").And.Contain("max_age=\"600\""));
    }

    // RFC 9110 §13.1.2.
    [Test]
    public async Task Who_has_read_it_already_is_told_so()
    {
        using var first = await _owner.GetAsync("/me");
        using var again = await _owner.GetAsync("/me", ("If-None-Match", first.Headers.ETag!.ToString()));
        using var other = await _owner.GetAsync("/me", ("If-None-Match", "\"other\""));

        Assert.That((first.Headers.ETag!.IsWeak, again.StatusCode, other.StatusCode), Is.EqualTo((false, HttpStatusCode.NotModified, HttpStatusCode.OK)));
        Assert.That(first.Headers.CacheControl!.NoStore, Is.True);
    }

    [Test]
    public async Task The_description_is_there_for_everybody()
    {
        using var described = await new AdminClient(_server, null).GetAsync("/openapi.json");

        Assert.That((await described.JsonAsync()).Text("openapi"), Does.StartWith("3.1"));
    }

    [Test]
    public async Task It_can_be_switched_off()
    {
        await using var server = await TestServer.StartAsync("Admin:Api=false");
        using var gone = await new AdminClient(server, null).GetAsync("/me");
        using var metadata = await server.Http.GetAsync("/.well-known/oauth-protected-resource" + AdminClient.Prefix);

        Assert.That((await gone.ProblemAsync(), metadata.StatusCode), Is.EqualTo(("not_found", HttpStatusCode.NotFound)));
    }

    [Test]
    public async Task A_caller_over_the_limit_is_told_when_to_come_again()
    {
        await using var scene = await AdminScene.StartAsync("Mcp:RateLimiting:Enabled=true", "Admin:ApiMaxRequests=3");
        var owner = await scene.ClientAsync();
        var other = await scene.ClientAsync("otto");
        for (var i = 0; i < 3; i++)
        {
            using var fine = await owner.GetAsync("/me");
            Assert.That(fine.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        using var refused = await owner.GetAsync("/me");
        using var unhindered = await other.GetAsync("/me");

        Assert.That(((int)refused.StatusCode, await refused.ProblemAsync(), refused.Headers.RetryAfter?.Delta > TimeSpan.Zero), Is.EqualTo((429, "too_many_requests", true)));
        Assert.That(unhindered.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }
}
