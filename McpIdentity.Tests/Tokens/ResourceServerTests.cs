using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Server.Protocol;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Tokens;

/// <summary>MCP servers in other hosts, set up by the very text of docs/scopes.md: their scopes, and who may introspect their tokens.</summary>
[Category("RFC 7662"), Category("RFC 8707")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class ResourceServerTests
{
    private const string Notes = "https://notes.example.org/mcp";
    private const string Files = "https://files.example.org/mcp";
    private const string Secret = "a secret of this test that is long enough";

    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var json = ConfigurationBlock().Matches(await File.ReadAllTextAsync(Repository.PathOf("docs", "scopes.md"))).Single().Groups[1].Value;
        var settings = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json.Replace("…at least 16 random characters…", Secret, StringComparison.Ordinal)))).Build()
            .AsEnumerable().Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}");
        _server = await TestServer.StartAsync([
            .. settings,
            "OAuth:StaticClients:1:ClientId=own-server", $"OAuth:StaticClients:1:ClientSecret={Secret}", "OAuth:StaticClients:1:Resources=HTTPS://files.example.org:443/mcp/",
            "OAuth:StaticClients:2:ClientId=nobodys-server", $"OAuth:StaticClients:2:ClientSecret={Secret}"]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task The_documented_command_tells_a_resource_server_about_a_token_for_it()
    {
        using var alice = new Person(_server);
        var tokens = await _client.ConnectAsync(alice, ("resource", Notes), ("scope", "notes:write email"));
        using var shell = new Shell();
        (shell.Environment["NOTES_SERVER_SECRET"], shell.Environment["TOKEN"]) = (Secret, tokens.Text("access_token"));
        var command = ShellBlock.In("docs/scopes.md").Single(block => block.RunBy == nameof(ResourceServerTests)).Commands.Single()
            .Replace("http://localhost:8082", _server.BaseUrl, StringComparison.Ordinal);

        var (exitCode, output) = await shell.RunAsync(command);

        Assert.That(exitCode, Is.Zero, output);
        var answer = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..(output.LastIndexOf('}') + 1)]).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.GetProperty("active").GetBoolean(), Is.True, output);
            Assert.That(answer.Text("scope"), Is.EqualTo("notes:write email"));
            Assert.That(answer.Text("client_id"), Is.EqualTo(_client.ClientId));
            Assert.That(answer.Text("aud"), Is.EqualTo(Notes));
            Assert.That(answer.Text("sub"), Is.EqualTo(new JsonWebToken(tokens.Text("access_token")).Subject));
            Assert.That(answer.Text("username"), Is.EqualTo("alice@example.com"), "the scope email");
            Assert.That(answer.TryGetProperty("exp", out _), Is.True);
        }
    }

    [Test]
    public async Task A_resource_server_hears_of_its_own_tokens_alone_and_at_once_of_their_end()
    {
        using var alice = new Person(_server);
        var (notes, files, own) = (await ConnectAsync(alice, Notes), await ConnectAsync(alice, Files), await ConnectAsync(alice, null));
        var (notesServer, filesServer, nobodys) = (ServerOf("notes-server"), ServerOf("own-server"), ServerOf("nobodys-server"));
        using var service = await notesServer.TokenAsync(("grant_type", "client_credentials"), ("resource", Files));
        var itsOwn = (await service.JsonAsync()).Text("access_token");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await IsActiveAsync(notesServer, notes.Text("access_token")), Is.True);
            Assert.That(await IsActiveAsync(notesServer, files.Text("access_token")), Is.False);
            Assert.That(await IsActiveAsync(notesServer, own.Text("access_token")), Is.False);
            Assert.That(await IsActiveAsync(notesServer, notes.Text("refresh_token")), Is.False, "a refresh token is for us");
            Assert.That(await IsActiveAsync(notesServer, itsOwn), Is.True, "what it was issued itself");
            Assert.That(await IsActiveAsync(filesServer, files.Text("access_token")), Is.True, "named in another spelling");
            Assert.That(await IsActiveAsync(filesServer, notes.Text("access_token")), Is.False);
            Assert.That(await IsActiveAsync(filesServer, itsOwn), Is.True, "whoever it was issued to");
            foreach (var token in new[] { notes, files, own })
            {
                Assert.That(await IsActiveAsync(nobodys, token.Text("access_token")), Is.False);
            }
        }

        using var answer = await notesServer.PostAsync("/oauth/introspect", ("token", notes.Text("access_token")));
        Assert.That((await answer.JsonAsync()).TryGetProperty("username", out _), Is.False, "without the scope email");
        using var revocation = await _client.PostAsync("/oauth/revoke", ("token", notes.Text("refresh_token")));
        Assert.That(await IsActiveAsync(notesServer, notes.Text("access_token")), Is.False);
    }

    [TestCase(Notes, null, "notes:read"), TestCase(Notes, "openid", "notes:read openid"), TestCase(Notes, "notes:write", "notes:write")]
    [TestCase(Notes, "notes:write notes:read profile", "notes:read notes:write profile"), TestCase(Notes, "mcp mcp:call", "notes:read")]
    [TestCase(Notes, "mcp:admin", "notes:read"), TestCase(Files, "notes:write", "mcp mcp:call"), TestCase(Files, "notes:read mcp", "mcp")]
    [TestCase(null, "notes:read notes:write", "mcp mcp:call"), TestCase(null, "mcp:call notes:write", "mcp:call")]
    public async Task A_scope_of_one_resource_is_not_granted_for_another(string? resource, string? asked, string granted)
    {
        using var alice = new Person(_server);
        var client = await OAuthClient.RegisterPublicAsync(_server);

        var tokens = await client.ConnectAsync(alice, ("resource", resource), ("scope", asked));
        var service = ServerOf("nobodys-server");
        using var ofService = await service.TokenAsync(("grant_type", "client_credentials"), ("resource", resource), ("scope", asked));

        var page = alice.Browser.Visits.Last(visit => visit.Address.AbsolutePath == "/consent" && visit.Method == HttpMethod.Get).Document!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tokens.Text("scope"), Is.EqualTo(granted));
            Assert.That(new JsonWebToken(tokens.Text("access_token")).GetClaim("scope").Value, Is.EqualTo(granted));
            Assert.That(string.Join(' ', page.QuerySelectorAll("ul.scopes code").Select(code => code.TextContent)), Is.EqualTo(granted));
            Assert.That(page.Body!.TextContent.Contains("Read your notes", StringComparison.Ordinal), Is.EqualTo(granted.Contains("notes:read", StringComparison.Ordinal)));
            Assert.That(page.Body!.TextContent.Contains("Write and delete your notes", StringComparison.Ordinal), Is.EqualTo(granted.Contains("notes:write", StringComparison.Ordinal)));
            var ofClients = granted.Split(' ').Except(["openid", "profile", "notes:write"]).DefaultIfEmpty("notes:read");
            Assert.That((await ofService.JsonAsync()).Text("scope")!.Split(' '), Is.EqualTo(ofClients), "what only a person can give is left out, and what OnlyFor keeps for others");
        }
    }

    [Test]
    public async Task A_refresh_with_a_scope_of_another_resource_gets_none_of_it()
    {
        using var alice = new Person(_server);
        var tokens = await _client.ConnectAsync(alice, ("resource", Notes), ("scope", "notes:read notes:write"));

        using var narrow = await _client.RefreshAsync(tokens.Text("refresh_token")!, ("scope", "notes:read mcp:call"));
        var narrowed = await narrow.JsonAsync();
        using var all = await _client.RefreshAsync(narrowed.Text("refresh_token")!, ("scope", "mcp mcp:call"));

        Assert.That(narrowed.Text("scope"), Is.EqualTo("notes:read"));
        Assert.That((await all.JsonAsync()).Text("scope"), Is.EqualTo("notes:read notes:write"), "as without the parameter");
    }

    [Test]
    public async Task The_metadata_of_the_server_names_all_scopes_and_registration_knows_them()
    {
        using var metadata = await _server.Http.GetAsync("/.well-known/oauth-authorization-server");
        using var registration = await _server.Http.PostAsync("/register", new StringContent(
            """{"redirect_uris":["http://127.0.0.1/cb"],"scope":"notes:write claudeai openid"}""", Encoding.UTF8, "application/json"));

        Assert.That((await metadata.JsonAsync()).GetProperty("scopes_supported").EnumerateArray().Select(scope => scope.GetString()),
            Is.EquivalentTo(["mcp", "mcp:call", "mcp:admin", "notes:read", "notes:write", "openid", "profile", "email", "offline_access"]));
        Assert.That((await registration.JsonAsync()).Text("scope"), Is.EqualTo("notes:write openid"));
    }

    [TestCase("OAuth:Resources:0:Resource=files", "OAuth:Resources has 'files'")]
    [TestCase("OAuth:Resources:0:Scopes:notes:read=Read", "OAuth:Resources has ''")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Scopes:notes read=Read", "'notes read'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Scopes:notes:read=", "OAuth:Resources:0:Scopes:notes:read must say")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Scopes:email=Mail", "'email'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Scopes:n=N;OAuth:Resources:0:DefaultScopes=m", "'m'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Name=", "OAuth:Resources:0:Name must have")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Translations:de:notes:read=Lesen", "OAuth:Resources:0:Translations:de has 'notes:read', which is none of its scopes")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Translations:deutsch:mcp=Verbinden", "'deutsch', which is no language")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:Translations:de:mcp=", "OAuth:Resources:0:Translations:de:mcp must say")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:notes:read:0=administrators", "OAuth:Resources:0:OnlyFor has 'notes:read', which is none of its scopes")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call:0=adminstrators", "OAuth:Resources:0:OnlyFor:mcp:call has 'adminstrators'; it is administrators, an e-mail address")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call=@", "has '@'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call=client:", "has 'client:'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call=Alice <alice@example.com>", "has 'Alice <alice@example.com>'")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call=", "OAuth:Resources:0:OnlyFor:mcp:call names nobody")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor:mcp:call=a@example.com;OAuth:Resources:0:OnlyFor:mcp:call:0=@example.com", "OAuth:Resources:0:OnlyFor:mcp:call is a text in one place and a list in another")]
    [TestCase("OAuth:Resources:0:Resource=https://n.example/mcp;OAuth:Resources:0:OnlyFor=administrators", "OAuth:Resources:0:OnlyFor has ''")]
    [TestCase("OAuth:Resources=https://n.example/mcp,https://N.example/mcp/", "twice")]
    [TestCase("OAuth:Resources:0:Ressource=https://n.example/mcp", "OAuth:Resources:0:Ressource is not a setting")]
    [TestCase("OAuth:StaticClients:0:ClientId=a;OAuth:StaticClients:0:ClientSecret=0123456789abcdef;OAuth:StaticClients:0:Resources=https://n.example/mcp", "neither in OAuth:Resources")]
    [TestCase("OAuth:Resources=https://n.example/mcp;OAuth:StaticClients:0:ClientId=a;OAuth:StaticClients:0:RedirectUris=https://a.example/cb;OAuth:StaticClients:0:Resources=https://n.example/mcp", "needs a client secret")]
    public void What_could_not_work_stops_the_start_and_is_named(string settings, string problem) =>
        Assert.That(() => TestServer.StartAsync(settings.Split(';')), Throws.Exception.With.Message.Contains(problem));

    [TestCase("null"), TestCase("{}"), TestCase("[]"), TestCase("\"\""), TestCase("[null]"), TestCase("[\"\"]")]
    public void A_scope_that_is_for_nobody_is_not_taken_for_one_that_is_for_everybody(string entry)
    {
        var json = """{"Entry":{"Resource":"https://n.example/mcp","OnlyFor":{"mcp:call":ENTRY}}}""".Replace("ENTRY", entry, StringComparison.Ordinal);
        var resource = ResourceOptions.ReadFrom(new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build().GetSection("Entry"));

        var failure = new ResourceRules(_server.Services.GetRequiredService<OwnEndpoint>()).Validate(null, new OAuthServerOptions { Resources = { resource } });

        Assert.That(failure.FailureMessage, Does.Contain("OAuth:Resources:0:OnlyFor:mcp:call"));
    }

    private async Task<JsonElement> ConnectAsync(Person person, string? resource) => await _client.ConnectAsync(person, ("resource", resource));

    private OAuthClient ServerOf(string clientId) => OAuthClient.Of(_server, clientId, Secret, "");

    private static async Task<bool> IsActiveAsync(OAuthClient server, string? token)
    {
        using var response = await server.PostAsync("/oauth/introspect", ("token", token));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return (await response.JsonAsync()).GetProperty("active").GetBoolean();
    }

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex ConfigurationBlock();
}
