using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Authorization;

/// <summary>Who gets <c>mcp:admin</c>: SEED-023, LINK-14.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class AdministratorTests
{
    [Test]
    [Category("SEED-023"), Category("LINK-14")]
    public async Task Only_the_configured_people_are_granted_mcp_admin()
    {
        await using var server = await TestServer.StartAsync("Mcp:AdminUsers:0=ALICE@example.com");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        using var bob = new Person(server, "bob");

        var ofAlice = await client.ConnectAsync(alice, ("scope", "mcp mcp:admin"));
        var ofBob = await client.ConnectAsync(bob, ("scope", "mcp mcp:admin"));

        Assert.That(ofAlice.Text("scope"), Is.EqualTo("mcp mcp:admin"));
        Assert.That(ofBob.Text("scope"), Is.EqualTo("mcp"));
    }

    [Test]
    [Category("LINK-14")]
    public async Task Who_is_no_administrator_any_more_keeps_the_scope_no_longer_than_an_access_token()
    {
        using var folder = new TemporaryFolder();
        string[] kept = [$"Database:ConnectionString=Data Source={folder.File("kept.db")};Pooling=False", $"Server:Port={Ports.Next()}"];
        string refreshToken;
        OAuthClient client;
        await using (var before = await TestServer.StartAsync([.. kept, "Mcp:AdminUsers:0=alice@example.com"]))
        {
            client = await OAuthClient.RegisterPublicAsync(before);
            using var alice = new Person(before);
            refreshToken = (await client.ConnectAsync(alice, ("scope", "mcp mcp:admin"))).Text("refresh_token")!;
        }

        await using var after = await TestServer.StartAsync(kept);
        using var refresh = await OAuthClient.Of(after, client.ClientId, null, client.RedirectUri).RefreshAsync(refreshToken);

        Assert.That((await refresh.JsonAsync()).Text("scope"), Is.EqualTo("mcp"));
    }

    [Test]
    [Category("SEED-023"), Category("LINK-14")]
    public async Task A_client_that_lists_first_sees_what_its_person_may_still_obtain_and_steps_up()
    {
        await using var server = await TestServer.StartAsync("Mcp:AdminUsers:0=alice@example.com");
        var client = await OAuthClient.RegisterPublicAsync(server);
        var service = await OAuthClient.RegisterServiceAsync(server);
        using var alice = new Person(server);
        using var bob = new Person(server, "bob");
        var mcp = new McpCaller(server);
        var ofAlice = (await client.ConnectAsync(alice)).Text("access_token");
        var ofBob = (await client.ConnectAsync(bob)).Text("access_token");
        using var ofService = await service.TokenAsync(("grant_type", "client_credentials"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await mcp.CallAsync("tools/list", bearer: ofAlice)).Tools, Has.Member("admin_status"));
            Assert.That((await mcp.CallAsync("tools/list", bearer: ofBob)).Tools, Has.No.Member("admin_status").And.Member("echo"));
            Assert.That((await mcp.CallAsync("tools/list", bearer: (await ofService.JsonAsync()).Text("access_token"))).Tools, Has.No.Member("admin_status"));
            Assert.That((await mcp.CallAsync("tools/list")).Tools, Has.No.Member("admin_status"));
        }

        var refused = await mcp.CallToolAsync("admin_status", ofAlice);
        Assert.That((refused.Status, refused.Reason), Is.EqualTo((403, "admin_required")));
        var asked = refused.Challenge.Split("scope=\"")[1].Split('"')[0];
        var more = await client.ConnectAsync(alice, ("scope", asked));
        Assert.That((await mcp.CallToolAsync("admin_status", more.Text("access_token"))).Status, Is.EqualTo(200), asked);
    }

    [Test]
    [Category("LINK-14")]
    public async Task A_service_that_registered_itself_is_never_granted_mcp_admin()
    {
        await using var server = await TestServer.StartAsync();
        var service = await OAuthClient.RegisterServiceAsync(server);

        using var response = await service.TokenAsync(("grant_type", "client_credentials"), ("scope", "mcp:call mcp:admin"));

        Assert.That((await response.JsonAsync()).Text("scope"), Is.EqualTo("mcp:call"));
    }
}
