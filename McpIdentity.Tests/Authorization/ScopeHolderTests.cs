using System.Net;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Authorization;

/// <summary>Who may have a scope of a resource: <c>OAuth:Resources:n:OnlyFor</c>, docs/scopes.md, "Who may have a scope".</summary>
[Category("RFC 6749"), Category("RFC 8707")]
[Parallelizable(ParallelScope.All)]
internal sealed class ScopeHolderTests
{
    private const string Notes = "https://notes.example/mcp";
    private const string Staff = "https://staff.example/mcp";
    private const string Team = "https://team.example/mcp";
    private const string Secret = "a secret of this test that is long enough";
    private const string Everything = "notes:all notes:address notes:domain notes:others notes:admins notes:backup notes:either notes:app openid";

    private static readonly string[] Settings =
    [
        "Mcp:AdminUsers:0=bob@example.com", "Mcp:RateLimiting:Enabled=false",
        $"OAuth:Resources:0:Resource={Notes}",
        .. Everything.Split(' ').SkipLast(1).Select(scope => $"OAuth:Resources:0:Scopes:{scope}=Words of {scope[6..]}"),
        "OAuth:Resources:0:OnlyFor:notes:address:0=ALICE@example.com",
        "OAuth:Resources:0:OnlyFor:notes:domain:0=@Example.com",
        "OAuth:Resources:0:OnlyFor:notes:others=@ample.com, @example.com.evil.example, alice@example.co, lice@example.com",
        "OAuth:Resources:0:OnlyFor:notes:admins:0=administrators",
        "OAuth:Resources:0:OnlyFor:notes:backup:0=client:backup",
        "OAuth:Resources:0:OnlyFor:notes:either=client:backup,alice@example.com",
        "OAuth:Resources:0:OnlyFor:notes:app:0=client:desktop",
        $"OAuth:Resources:1:Resource={Staff}",
        "OAuth:Resources:1:Scopes:staff:use=Use what is for staff", "OAuth:Resources:1:OnlyFor:staff:use=bob@example.com", "OAuth:Resources:1:DefaultScopes=staff:use",
        $"OAuth:Resources:2:Resource={Team}",
        "OAuth:Resources:2:Scopes:read=Read", "OAuth:Resources:2:Scopes:read:1=Read the first", "OAuth:Resources:2:Scopes:mcp:admin=Administer",
        "OAuth:Resources:2:OnlyFor:read=bob@example.com,alice@example.com", "OAuth:Resources:2:OnlyFor:read:1=bob@example.com",
        "OAuth:StaticClients:0:ClientId=backup", $"OAuth:StaticClients:0:ClientSecret={Secret}",
        "OAuth:StaticClients:1:ClientId=restore", $"OAuth:StaticClients:1:ClientSecret={Secret}",
        "OAuth:StaticClients:2:ClientId=desktop", $"OAuth:StaticClients:2:RedirectUris={OAuthClient.DefaultRedirectUri}",
    ];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(Settings);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("alice", null, "notes:address notes:all notes:domain notes:either openid")]
    [TestCase("bob", null, "notes:admins notes:all notes:domain openid")]
    [TestCase("alice", "desktop", "notes:address notes:all notes:app notes:domain notes:either openid")]
    public async Task A_person_is_asked_for_and_grants_what_is_for_them_or_for_the_client(string username, string? clientId, string granted)
    {
        using var person = new Person(_server, username);
        var client = clientId is null ? await OAuthClient.RegisterPublicAsync(_server) : OAuthClient.Of(_server, clientId, null, OAuthClient.DefaultRedirectUri);

        var tokens = await client.ConnectAsync(person, ("resource", Notes), ("scope", Everything));

        var page = person.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent" && visit.Method == HttpMethod.Get).Document!;
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
            Assert.That(new JsonWebToken(tokens.Text("access_token")).GetClaim("scope").Value, Is.EqualTo(granted));
            Assert.That(page.QuerySelectorAll("ul.scopes code").Select(code => code.TextContent), Is.EquivalentTo(granted.Split(' ')));
            Assert.That((await refresh.JsonAsync()).Text("scope"), Is.EqualTo(granted));
        }
    }

    [TestCase("backup", "notes:all notes:backup notes:either"), TestCase("restore", "notes:all")]
    public async Task A_client_that_speaks_for_itself_gets_what_is_for_it(string clientId, string granted)
    {
        using var response = await OAuthClient.Of(_server, clientId, Secret, "").TokenAsync(("grant_type", "client_credentials"), ("resource", Notes), ("scope", Everything));

        Assert.That((await response.JsonAsync()).Text("scope"), Is.EqualTo(granted));
    }

    [TestCase("alice", null, "notes:all"), TestCase("alice", "notes:admins", "notes:all"), TestCase("alice", "notes:domain", "notes:domain"), TestCase("bob", "openid", "notes:all openid")]
    public async Task The_defaults_are_what_is_for_everybody(string username, string? asked, string granted)
    {
        using var person = new Person(_server, username);
        var tokens = await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(person, ("resource", Notes), ("scope", asked));

        Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
    }

    /// <summary>Nothing of it is for everybody, and one of its scopes ends like an entry of a list.</summary>
    [TestCase("alice", null, "read"), TestCase("alice", "read:1", "read"), TestCase("bob", null, "read read:1"), TestCase("bob", "openid", "read read:1 openid"), TestCase("bob", "mcp:admin", "mcp:admin")]
    public async Task Where_nothing_is_for_everybody_the_defaults_are_what_is_for_who_asks(string username, string? asked, string granted)
    {
        using var person = new Person(_server, username);
        var tokens = await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(person, ("resource", Team), ("scope", asked));

        Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
    }

    [Test]
    public async Task A_resource_with_nothing_for_somebody_is_refused_to_them_without_a_question([Values(null, "openid", "staff:use")] string? asked)
    {
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        var client = await OAuthClient.RegisterPublicAsync(_server);

        var answer = await alice.AuthorizeAsync(client.AuthorizeUrl(("resource", Staff), ("scope", asked)));
        using var ofService = await OAuthClient.Of(_server, "backup", Secret, "").TokenAsync(("grant_type", "client_credentials"), ("resource", Staff), ("scope", asked));
        var tokens = await client.ConnectAsync(bob, ("resource", Staff), ("scope", asked));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer["error"], Is.EqualTo("access_denied"), "RFC 6749 §4.1.2.1");
            Assert.That(answer["error_description"], Does.Contain(Staff));
            Assert.That(alice.PagesSeen, Is.EqualTo(["/signin"]));
            Assert.That(await ofService.OAuthErrorAsync(), Is.EqualTo("invalid_scope"), "RFC 6749 §5.2");
            Assert.That(tokens.Text("scope"), Does.StartWith("staff:use"));
        }
    }

    [Test]
    public async Task Who_may_not_have_it_any_more_loses_it_with_the_next_refresh()
    {
        using var folder = new TemporaryFolder();
        string[] kept =
        [
            $"Database:ConnectionString=Data Source={folder.File("kept.db")};Pooling=False", $"Server:Port={Ports.Next()}", $"OAuth:Resources:0:Resource={Notes}",
            "OAuth:Resources:0:Scopes:notes:read=Read", "OAuth:Resources:0:Scopes:notes:write=Write",
        ];
        OAuthClient client;
        var (tokens, subjects) = (new Dictionary<string, string>(), new Dictionary<string, string>());
        await using (var before = await TestServer.StartAsync(kept))
        {
            client = await OAuthClient.RegisterPublicAsync(before);
            foreach (var (username, scope) in new[] { ("alice", "notes:read notes:write"), ("bob", "notes:read notes:write"), ("bob", "notes:write") })
            {
                using var person = new Person(before, username);
                var answer = await client.ConnectAsync(person, ("resource", Notes), ("scope", scope));
                tokens[$"{username} {scope}"] = answer.Text("refresh_token")!;
                subjects[username] = new JsonWebToken(answer.Text("access_token")).Subject;
            }
        }

        await using var after = await TestServer.StartAsync([.. kept, $"OAuth:Resources:0:OnlyFor:notes:write:0=subject:{subjects["alice"]}"]);
        client = OAuthClient.Of(after, client.ClientId, null, client.RedirectUri);
        using var ofAlice = await client.RefreshAsync(tokens["alice notes:read notes:write"]);
        using var ofBob = await client.RefreshAsync(tokens["bob notes:read notes:write"]);
        using var ofBobAlone = await client.RefreshAsync(tokens["bob notes:write"]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await ofAlice.JsonAsync()).Text("scope"), Is.EqualTo("notes:read notes:write"));
            Assert.That((await ofBob.JsonAsync()).Text("scope"), Is.EqualTo("notes:read"));
            Assert.That(await ofBobAlone.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), "so that the client asks anew, and hears of the reason");
        }
    }

    [Test]
    [Category("LINK-14")]
    public async Task An_entry_for_our_own_endpoint_says_who_sees_its_tools_and_steps_up()
    {
        var port = Ports.Next();
        await using var server = await TestServer.StartAsync(
            $"Server:Port={port}", "Mcp:AdminUsers:0=bob@example.com", $"OAuth:Resources:0:Resource=http://localhost:{port}/mcp", "OAuth:Resources:0:OnlyFor:mcp:admin=alice@example.com");
        var client = await OAuthClient.RegisterPublicAsync(server);
        var mcp = new McpCaller(server);
        using var alice = new Person(server);
        using var bob = new Person(server, "bob");
        var ofAlice = await client.ConnectAsync(alice);
        var ofBob = await client.ConnectAsync(bob, ("scope", "mcp mcp:admin"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await mcp.CallAsync("tools/list", bearer: ofAlice.Text("access_token"))).Tools, Has.Member("admin_status"));
            Assert.That((await mcp.CallAsync("tools/list", bearer: ofBob.Text("access_token"))).Tools, Has.No.Member("admin_status"), "bob is an administrator, and the entry says who it is in their place");
            Assert.That((await mcp.CallAsync("tools/list")).Tools, Has.No.Member("admin_status"));
            Assert.That(ofBob.Text("scope"), Is.EqualTo("mcp"));
        }

        var more = await client.ConnectAsync(alice, ("scope", "mcp mcp:call mcp:admin"));
        Assert.That((await mcp.CallToolAsync("admin_status", more.Text("access_token"))).Status, Is.EqualTo((int)HttpStatusCode.OK));
    }
}
