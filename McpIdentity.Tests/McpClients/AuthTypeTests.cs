using McpIdentity.Mcp;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.McpClients;

/// <summary>
/// The official clients in each auth type: a JWT that somebody else made where JWTs are accepted, our own token where ours are,
/// nothing where nothing is asked for. The way to our own token is <see cref="CSharpClientTests"/> and <see cref="TypeScriptClientTests"/>.
/// </summary>
[TestFixture("oauth"), TestFixture("jwt"), TestFixture("both"), TestFixture("none")]
[Category("Clients"), Category("SEED-002"), Category("SEED-003"), Category("SEED-004"), Category("SEED-005"), Category("LINK-05")]
[Parallelizable(ParallelScope.All)]
internal sealed class AuthTypeTests(string authType)
{
    private TestServer _server = null!;
    private string _own = null!;
    private string _jwt = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync(
            $"Mcp:Auth:AuthType={authType}", $"Jwt:Secret={TestTokens.Secret}", $"Jwt:Issuer={TestTokens.ForeignIssuer}", $"Jwt:Audience={TestTokens.ForeignAudience}");
        using var alice = new Person(_server);
        _own = (await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(alice)).Text("access_token")!;
        _jwt = TestTokens.ForeignAt(_server.Clock.GetUtcNow());
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task The_CSharp_client_calls_with_what_the_auth_type_accepts([Values("none", "own", "jwt")] string credential)
    {
        var token = TokenOf(credential);
        var transport = new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(_server.McpUrl),
            TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = token is null ? null : new Dictionary<string, string> { ["Authorization"] = "Bearer " + token },
        });
        if (token is not null && SubjectFor(credential) is null)
        {
            Assert.That(async () => await McpClient.CreateAsync(transport), Throws.Exception.With.Message.Contains("401"), "a bad credential is refused at once");
            return;
        }

        await using var client = await McpClient.CreateAsync(transport);
        Assert.That((await client.ListToolsAsync()).Select(tool => tool.Name), Is.SupersetOf(["greeting", "ping", "echo"]));
        if (SubjectFor(credential) is not { } subject)
        {
            Assert.That(async () => await client.CallToolAsync("whoami"), Throws.Exception.With.Message.Contains("401"));
            return;
        }

        var result = await client.CallToolAsync("whoami");
        Assert.That(((TextContentBlock)result.Content[0]).Text, Does.Contain(subject));
    }

    [Test]
    [Category("Node")]
    public async Task The_TypeScript_clients_call_with_what_the_auth_type_accepts()
    {
        var credential = authType switch { "none" or "oauth" => "none", _ => "jwt" };
        var token = TokenOf(credential);
        var result = await TypeScriptClientTests.RunAsync("bearer.mjs", token is null ? [_server.McpUrl] : [_server.McpUrl, token]);

        foreach (var version in result.EnumerateObject())
        {
            Assert.That(version.Value.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()), Is.SupersetOf(["greeting", "ping", "echo"]), version.Name);
            Assert.That(version.Value.Text("whoami"), SubjectFor(credential) is { } subject ? Does.Contain(subject) : Is.Null, version.Name);
            Assert.That(version.Value.Text("refused"), authType == "oauth" ? Does.Contain("401").Or.Contain("Authentication required").Or.Contain("nauthorized") : Is.Null, version.Name);
        }
    }

    private string? TokenOf(string credential) => credential switch { "own" => _own, "jwt" => _jwt, _ => null };

    // Null: refused.
    private string? SubjectFor(string credential) => (authType, credential) switch
    {
        ("none", _) => "anonymous",
        ("oauth" or "both", "own") => "alice@example.com",
        ("jwt" or "both", "jwt") => "robot@example.com",
        _ => null,
    };
}
