using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Mcp;

/// <summary>Tools with scopes of their own: who sees them, what they need, what clients are told.</summary>
[Category("MCP authorization"), Category("SEED-080")]
[Parallelizable(ParallelScope.All)]
internal sealed class ToolScopeTests
{
    private const string WellKnown = "/.well-known/oauth-protected-resource";

    private McpHost _mixed = null!;
    private McpHost _notes = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _mixed = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:AuthType"] = "both" }, (_, mcp) => mcp.WithTools<NoteTools>());
        _notes = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:RequireAuthForToolsList"] = "true" }, (builder, mcp) =>
        {
            builder.Services.RemoveAll<McpServerTool>();
            mcp.WithTools<NoteTools>();
        });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _mixed.DisposeAsync();
        await _notes.DisposeAsync();
    }

    [Test]
    public async Task A_tool_with_scopes_is_seen_by_whoever_may_obtain_them()
    {
        var narrow = await _mixed.CallAsync("tools/list", bearer: TestTokens.Own(_mixed.Keys.Key, "mcp"));
        var anonymous = await _mixed.CallAsync("tools/list");
        var jwt = await _mixed.CallAsync("tools/list", bearer: TestTokens.Foreign());
        var jwtWith = await _mixed.CallAsync("tools/list", bearer: TestTokens.Foreign(("scopes", new[] { "notes:read" })));
        await using var few = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:AnonymousListing"] = "PublicOnly", ["Mcp:Auth:PublicTools"] = "ping" }, (_, mcp) => mcp.WithTools<NoteTools>());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(narrow.Tools, Is.SupersetOf(["read_notes", "write_note", "echo"]).And.No.Member("admin_status"));
            Assert.That(anonymous.Tools, Is.SupersetOf(["read_notes", "write_note", "echo"]).And.No.Member("admin_status"));
            Assert.That(jwt.Tools, Has.No.Member("read_notes").And.Member("echo"), "its issuer decides, and there is no way to ask");
            Assert.That(jwtWith.Tools, Has.Member("read_notes").And.No.Member("write_note"));
            Assert.That((await few.CallAsync("tools/list")).Tools, Is.EqualTo(["ping"]));
        }
    }

    [Test]
    [Requirement("MCP-34")]
    public async Task It_needs_its_own_scopes_and_says_so()
    {
        var key = _mixed.Keys.Key;
        var with = await _mixed.CallToolAsync("write_note", TestTokens.Own(key, "notes:write"));
        var without = await _mixed.CallToolAsync("write_note", TestTokens.Own(key, "mcp mcp:call offline_access"));
        var anonymous = await _mixed.CallToolAsync("write_note");
        var other = await _mixed.CallToolAsync("echo", TestTokens.Own(key, "notes:write"), new { message = "hi" });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(with.Status, Is.EqualTo(200), with.Body);
            Assert.That((without.Status, anonymous.Status, other.Status), Is.EqualTo((403, 401, 403)));
            Assert.That(without.Challenge, Does.Contain("scope=\"notes:write mcp mcp:call\"").And.Contain("error=\"insufficient_scope\"")
                .And.Contain("resource_metadata=\"https://").And.Contain("/.well-known/oauth-protected-resource/mcp\""));
            Assert.That(anonymous.Challenge, Does.Contain("scope=\"mcp mcp:call notes:write\""));
            Assert.That(other.Challenge, Does.Contain("scope=\"mcp:call notes:write\""));
        }
    }

    [Test]
    public async Task Clients_are_told_of_the_scopes_of_the_tools_and_of_the_usual_ones_where_a_tool_needs_them()
    {
        var list = await _notes.CallAsync("tools/list");
        var call = await _notes.CallToolAsync("write_note");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ScopesOfAsync(_mixed), Is.EqualTo(["mcp", "mcp:call", "notes:read", "notes:write"]));
            Assert.That(await ScopesOfAsync(_notes), Is.EqualTo(["notes:read", "notes:write"]));
            Assert.That(list.Challenge, Does.Contain("scope=\"notes:read notes:write\""), "the authorization server knows no other scope for it");
            Assert.That(call.Challenge, Does.Contain("scope=\"notes:write\""));
        }
    }

    [Test]
    public async Task On_our_own_server_a_tool_whose_scope_nobody_can_get_is_warned_of_and_an_entry_adds_it()
    {
        using var log = new RecordedLog();
        await using (await TestServer.StartAsync(builder => { Add(builder.Services); builder.Logging.AddProvider(log); }))
        {
            Assert.That(log.Lines, Has.Some.StartsWith("Warning").And.Some.Contains("read_notes needs the scope 'notes:read', which this server grants to nobody"));
        }

        using var quiet = new RecordedLog();
        var port = Ports.Next();
        await using var server = await TestServer.StartAsync(
            builder => { Add(builder.Services); builder.Logging.AddProvider(quiet); },
            $"Server:Port={port}", $"OAuth:Resources:0:Resource=http://localhost:{port}/mcp", "OAuth:Resources:0:Scopes:notes:read=Read your notes", "OAuth:Resources:0:Scopes:notes:write=Write notes");
        using var alice = new Person(server);
        var client = await OAuthClient.RegisterPublicAsync(server);
        var mcp = new McpCaller(server);
        var tokens = await client.ConnectAsync(alice);
        var listed = await mcp.CallAsync("tools/list", bearer: tokens.Text("access_token"));
        var refused = await mcp.CallToolAsync("read_notes", tokens.Text("access_token"));
        var more = await client.ConnectAsync(alice, ("scope", refused.Challenge.Split("scope=\"")[1].Split('"')[0]));
        using var metadata = await server.Http.GetAsync(WellKnown);
        using var ofServer = await server.Http.GetAsync("/.well-known/oauth-authorization-server");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(quiet.Lines, Has.None.Contains("grants to nobody"));
            Assert.That(tokens.Text("scope"), Is.EqualTo("mcp mcp:call"), "the default stays");
            Assert.That(listed.Tools, Has.Member("read_notes").And.Member("echo"));
            Assert.That(refused.Status, Is.EqualTo(403));
            Assert.That(more.Text("scope"), Is.EqualTo("mcp mcp:call notes:read"));
            Assert.That((await mcp.CallToolAsync("read_notes", more.Text("access_token"))).Status, Is.EqualTo(200));
            Assert.That(alice.Browser.Visits[^1].IsOutside || alice.Browser.Visits.Any(visit => visit.Body.Contains("Read your notes", StringComparison.Ordinal)), Is.True);
            Assert.That((await metadata.JsonAsync()).GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()), Is.EqualTo(["mcp", "mcp:call", "notes:read", "notes:write"]));
            Assert.That((await ofServer.JsonAsync()).GetProperty("protected_resources").EnumerateArray().Select(resource => resource.GetString()), Is.EqualTo([server.McpUrl, server.BaseUrl + "/api/admin/v1"]), "one resource, not two");
        }

        static void Add(IServiceCollection services) => services.AddMcpServer().WithTools<NoteTools>();
    }

    [Test]
    public async Task A_host_whose_authorization_server_does_not_know_a_scope_is_told_when_it_reads_its_metadata()
    {
        var key = TestKeys.New("published");
        await using var issuer = await PublishingIssuer.StartAsync(key);
        issuer.Scopes = ["mcp", "mcp:call", "notes:read", "openid"];
        await using var host = await McpHost.StartAsync(new Dictionary<string, string?> { ["Mcp:Auth:OAuth:Issuer"] = issuer.Name }, (builder, mcp) =>
        {
            builder.Services.RemoveAll<IMcpSigningKeys>();
            mcp.WithTools<NoteTools>();
        });

        var answer = await host.CallToolAsync("read_notes", TestTokens.Own(key, "notes:read", ("iss", issuer.Name)));

        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        Assert.That(host.Logs.At(LogLevel.Warning).Where(line => line.Contains("does not know the scope", StringComparison.Ordinal)), Has.One.Contains("'notes:write'"));
    }

    private static async Task<IEnumerable<string?>> ScopesOfAsync(McpHost host) =>
        JsonDocument.Parse(await host.Client.GetStringAsync(WellKnown)).RootElement.GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString());

    [McpServerToolType]
    private sealed class NoteTools
    {
        [McpServerTool(Name = "read_notes"), ToolAccess(Scopes = "notes:read")]
        public static string Read() => "milk";

        [McpServerTool(Name = "write_note"), ToolAccess(Scopes = "notes:write")]
        public static string Write() => "Noted.";
    }
}
