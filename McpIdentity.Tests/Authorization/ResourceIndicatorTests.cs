using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Authorization;

/// <summary>Tokens for MCP servers in other hosts, one audience a token: RFC 8707.</summary>
[Category("RFC 8707")]
[Parallelizable(ParallelScope.All)]
internal sealed class ResourceIndicatorTests
{
    private const string Files = "https://files.example/mcp";
    private const string Notes = "https://shared.example/notes";
    private const string Mail = "https://shared.example/mail";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync($"OAuth:Resources:0={Files}", $"OAuth:Resources:1={Notes}", $"OAuth:Resources:2={Mail}");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(Files, Files)]
    [TestCase("HTTPS://FILES.example:443/mcp/", Files)]
    [TestCase("https://files.example/", Files)]
    [TestCase(Mail, Mail)]
    [TestCase(null, null)]
    [Requirement("MCP-10")]
    public async Task A_token_has_exactly_the_audience_that_was_asked_for(string? asked, string? audience)   // docs/interoperability.md, "Spellings of the resource", "No resource"
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var tokens = await client.ConnectAsync(alice, ("resource", asked));
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);

        Assert.That(Audiences(tokens.Text("access_token")), Is.EqualTo([audience ?? _server.McpUrl]));
        Assert.That(Audiences((await refresh.JsonAsync()).Text("access_token")), Is.EqualTo([audience ?? _server.McpUrl]));
    }

    [Test]
    public async Task A_service_asks_for_one_resource_too()
    {
        var service = await OAuthClient.RegisterServiceAsync(_server);

        using var response = await service.TokenAsync(("grant_type", "client_credentials"), ("resource", Notes));

        Assert.That(Audiences((await response.JsonAsync()).Text("access_token")), Is.EqualTo([Notes]));
    }

    [TestCase("https://elsewhere.example/mcp")]
    [TestCase("https://files.example/other")]
    [TestCase("https://files.example/mcp?x=1")]
    [TestCase("http://files.example/mcp")]
    [TestCase("https://files.example.evil.example/mcp")]
    [TestCase("https://shared.example/")]
    public async Task A_resource_that_is_not_registered_or_not_clear_is_refused(string asked)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("resource", asked))))["error"], Is.EqualTo("invalid_target"));
    }

    [Test]
    public async Task Two_resources_in_one_request_are_refused()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        var answer = await alice.AuthorizeAsync($"{client.AuthorizeUrl(("resource", Files))}&resource={Uri.EscapeDataString(Mail)}");

        Assert.That(answer["error"], Is.EqualTo("invalid_target"));
    }

    [Test]
    [Requirement("MCP-10")]
    public async Task A_grant_cannot_be_carried_to_another_resource_and_is_not_spent_by_the_attempt()   // RFC 8707 §2.2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice, ("resource", Files));

        using var wrongCode = await client.RedeemAsync(code, ("resource", _server.McpUrl));
        using var right = await client.RedeemAsync(code, ("resource", Files));
        Assert.That(await wrongCode.OAuthErrorAsync(), Is.EqualTo("invalid_target"));
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        var refreshToken = (await right.JsonAsync()).Text("refresh_token")!;
        using var wrongRefresh = await client.RefreshAsync(refreshToken, ("resource", Mail));
        using var rightRefresh = await client.RefreshAsync(refreshToken, ("resource", Files + "/"));
        Assert.That(await wrongRefresh.OAuthErrorAsync(), Is.EqualTo("invalid_target"));
        Assert.That(rightRefresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Consent_names_the_resource_and_is_asked_for_each()   // docs/decisions/0001
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        await client.AuthorizeAsync(alice, ("resource", Files));

        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent", "/consent"]));
        Assert.That(alice.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent" && visit.Method == HttpMethod.Get).Body, Does.Contain(Files));
    }

    [Test]
    public async Task The_metadata_names_the_resources()   // RFC 9728 §4
    {
        using var response = await _server.Http.GetAsync("/.well-known/oauth-authorization-server");

        var named = (await response.JsonAsync()).GetProperty("protected_resources").EnumerateArray().Select(resource => resource.GetString());
        Assert.That(named, Is.EqualTo([_server.McpUrl, Files, Notes, Mail, _server.BaseUrl + "/api/admin/v1"]));
    }

    [Test]
    public async Task Without_an_endpoint_of_our_own_the_first_resource_is_the_default()
    {
        await using var server = await TestServer.StartAsync("Mcp:Enabled=false", $"OAuth:Resources:0={Files}");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        Assert.That(Audiences((await client.ConnectAsync(alice)).Text("access_token")), Is.EqualTo([Files]));
        Assert.That((await alice.AuthorizeAsync(client.AuthorizeUrl(("resource", server.McpUrl))))["error"], Is.EqualTo("invalid_target"));
    }

    [Test]
    public async Task What_was_granted_ends_with_its_resource_or_its_scopes()   // RFC 6749 §5.2
    {
        using var folder = new TemporaryFolder();
        string[] kept = [$"Database:ConnectionString=Data Source={folder.File("kept.db")};Pooling=False", $"Server:Port={Ports.Next()}"];
        Dictionary<string, string> grants = [];
        string code;
        OAuthClient client;
        await using (var before = await TestServer.StartAsync([.. kept, $"OAuth:Resources:0={Files}", .. NotesWith("read", "write", "delete")]))
        {
            client = await OAuthClient.RegisterPublicAsync(before);
            using var alice = new Person(before);
            foreach (var (name, resource, scope) in new[] { ("own", null, "mcp openid"), ("files", Files, "mcp"), ("read", Notes, "read openid"), ("some", Notes, "read write delete"), ("delete", Notes, "delete openid") })
            {
                grants[name] = (await client.ConnectAsync(alice, ("resource", resource), ("scope", scope))).Text("refresh_token")!;
            }

            code = await client.AuthorizeAsync(alice, ("resource", Files));
        }

        await using (var after = await TestServer.StartAsync([.. kept, .. NotesWith("read", "write")]))
        {
            client = client.At(after.Http);
            using var redeemed = await client.RedeemAsync(code);
            Assert.That(await redeemed.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "the code too");
            // docs/interoperability.md, "A resource that moved": whatever the client names, the old address, the new one, one of neither, or none.
            foreach (var named in new[] { Files, "https://files.example/", after.McpUrl, Notes, "https://elsewhere.example/mcp", null })
            {
                Assert.That(await RefreshAsync("files", named), Is.EqualTo("invalid_grant"), $"so that the client signs in anew: {named}");
            }

            Assert.That(await RefreshAsync("own", "https://elsewhere.example/mcp"), Is.EqualTo("invalid_target"), "what was granted is served: the request is wrong, and spends nothing");
            Assert.That(await RefreshAsync("delete"), Is.EqualTo("invalid_grant"), "nothing that its resource has is left of it");
            Assert.That(await RefreshAsync("own"), Is.EqualTo("mcp openid"));
            Assert.That(await RefreshAsync("read"), Is.EqualTo("read openid"));
            Assert.That(await RefreshAsync("some"), Is.EqualTo("read write"), "a scope that the entry has lost is not minted any more");
            using var revocation = await client.PostAsync("/oauth/revoke", ("token", grants["files"]));
            Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        await using var back = await TestServer.StartAsync([.. kept, $"OAuth:Resources:0={Files}", .. NotesWith("read", "write", "delete")]);
        client = client.At(back.Http);
        Assert.That(await RefreshAsync("delete"), Is.EqualTo("delete openid"), "nothing was spent");
        Assert.That(await RefreshAsync("files"), Is.EqualTo("invalid_grant"), "it was revoked meanwhile");

        async Task<string?> RefreshAsync(string grant, string? named = null)
        {
            using var response = await client.RefreshAsync(grants[grant], ("resource", named));
            var answer = await response.JsonAsync();
            grants[grant] = answer.TryGetProperty("refresh_token", out var next) ? next.GetString()! : grants[grant];
            return answer.TryGetProperty("error", out var error) ? error.GetString() : answer.Text("scope");
        }

        static IEnumerable<string> NotesWith(params string[] scopes) => scopes.Select(scope => $"OAuth:Resources:1:Scopes:{scope}=Words of {scope}").Prepend($"OAuth:Resources:1:Resource={Notes}");
    }

    [TestCase("http://files.example/mcp")]
    [TestCase("https://files.example/mcp#x")]
    [TestCase("files")]
    public void An_identifier_that_is_none_stops_the_start(string resource) =>
        Assert.That(() => TestServer.StartAsync($"OAuth:Resources:0={resource}"), Throws.Exception.With.Message.Contains($"OAuth:Resources has '{resource}'"));

    private static IEnumerable<string> Audiences(string? accessToken) => new JsonWebToken(accessToken).Audiences;
}
