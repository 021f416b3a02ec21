using System.Net;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary><c>token mint</c> and <c>token inspect</c> beside a running server, and the guide's own script.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class TokenCommandTests
{
    private static readonly Dictionary<string, string?> Names = new()
    {
        ["JWT_SECRET"] = "your-jwt-secret",
        ["JWT_ISSUER"] = "your-service",
        ["JWT_AUDIENCE"] = "mcp-api",
        ["MCP_AUTH_TYPE"] = "both",
    };

    private ServerProcess _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ServerProcess.StartAsync(new ServerStart
    {
        Environment = Names,
        Arguments = ["--Mcp:Auth:Jwt:RequiredScopes:0=mcp"],
    });

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("oauth"), TestCase("jwt")]
    public async Task A_minted_token_is_let_in_with_exactly_what_it_was_made_with(string kind)
    {
        var token = await MintAsync("--kind", kind, "--sub", "carol", "--email", "carol@example.com", "--scope", "mcp", "--scope", "mcp:call x");
        var answer = await new McpCaller(_server.Http).CallToolAsync("whoami", token);
        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        var caller = JsonDocument.Parse(answer.Text).RootElement;

        Assert.Multiple(() =>
        {
            Assert.That(caller.Text("sub"), Is.EqualTo("carol"));
            Assert.That(caller.Text("email"), Is.EqualTo("carol@example.com"));
            Assert.That(caller.Text("auth_method"), Is.EqualTo(kind));
            Assert.That(caller.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()), Is.EquivalentTo(["mcp", "mcp:call", "x"]));
        });
    }

    [Test]
    [Category("Slow")]
    public async Task Inspect_decodes_says_what_is_wrong_and_shows_nothing_to_steal()
    {
        var token = await MintAsync("--kind", "jwt", "--sub", "carol");
        var tampered = token.Altered();
        var good = await RunAsync("token", "inspect", token);
        var bad = await RunAsync("token", "inspect", tampered);

        Assert.Multiple(() =>
        {
            Assert.That((good.ExitCode, bad.ExitCode), Is.EqualTo((0, 1)), good.Output);
            Assert.That(good.Output, Does.Contain("\"sub\": \"carol\"").And.Contain("\"alg\": \"HS256\"").And.Contain("\"accepted\": true"));
            Assert.That(bad.Output, Does.Contain("\"problem\": \"Invalid signature\""));
            Assert.That(good.Output, Does.Not.Contain(token.Split('.')[2]).And.Not.Contain("your-jwt-secret"));
        });
    }

    // A shell seldom has the server's whole configuration, and a start disables the clients that are not in it.
    [Test]
    [Category("Slow")]
    public async Task The_verbs_leave_the_configured_clients_as_they_are()
    {
        await using var server = await ServerProcess.StartAsync(new ServerStart
        {
            Arguments = ["--OAuth:StaticClients:0:ClientId=nightly", "--OAuth:StaticClients:0:ClientSecret=a secret of the operator's own"],
        });
        var client = OAuthClient.Of(server.Http, "nightly", "a secret of the operator's own", "");

        var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
        {
            Folder = server.Folder,
            Arguments = ["token", "mint", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
        });
        using var token = await client.TokenAsync(("grant_type", "client_credentials"));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(token.StatusCode, Is.EqualTo(HttpStatusCode.OK), await token.Content.ReadAsStringAsync());
    }

    // In this process: only the exit code is of interest, and a start costs a second.
    [TestCase(2, "token"), TestCase(2, "token", "forge"), TestCase(2, "tokne"), TestCase(2, "token", "mint", "--kind", "saml"), TestCase(1, "token", "inspect", "opaque")]
    [TestCase(2, "token", "mint", "--ttl", "soon"), TestCase(2, "token", "mint", "--ttl", "0"), TestCase(2, "token", "mint", "--ttl", "2h"), TestCase(2, "token", "mint", "--ttl", "-5m")]
    [TestCase(4, "token", "mint", "--kind", "jwt")]
    public async Task A_mistake_is_told_by_the_exit_code(int exitCode, params string[] arguments) => Assert.That(
        await EntryPoint.Main(arguments.Length < 2 || arguments[1] != "mint"
            ? arguments
            : [.. arguments, "--environment=Development", "--OAuth:EncryptionKey=a test key of more than thirty-two characters"]),
        Is.EqualTo(exitCode));

    [TestCase("Staging", 4), TestCase("Staging", 0, "--i-know"), TestCase("Development", 0), TestCase("Development", 0, "--ttl", "90s", "--audience", "elsewhere")]
    public async Task Outside_development_it_must_be_said_aloud(string environment, int exitCode, params string[] options) => Assert.That(
        await EntryPoint.Main([
            "token", "mint", "--kind", "jwt", .. options, $"--environment={environment}", "--Jwt:Secret=a-secret-of-this-test-that-is-long-enough", "--Jwt:Issuer=your-service",
            "--OAuth:EncryptionKey=a test key of more than thirty-two characters"]),
        Is.EqualTo(exitCode));

    /// <summary>The script, the two requests and the three names of the guide, word by word.</summary>
    [Test]
    [Category("SEED-021"), Category("SEED-022"), Category("SEED-054"), Category("SEED-070"), Category("SEED-085"), Category("SEED-086")]
    [Category("Node")]
    public async Task The_script_of_the_guide_makes_a_token_that_works()
    {
        const string Script = """
            const jwt = require('jsonwebtoken');
            const token = jwt.sign(
              {
                sub: 'test-user',
                email: 'test@example.com',
                scopes: ['mcp', 'mcp:call']
              },
              'your-jwt-secret',
              {
                expiresIn: '1h',
                issuer: 'your-service',
                audience: 'mcp-api'
              }
            );
            console.log(token);
            """;
        await using var node = ChildProcess.Start("node", ["-e", Script], Repository.PathOf("McpIdentity.Tests", "McpClients", "typescript"));
        Assert.That(await node.WaitForExitAsync(), Is.Zero, node.Output);
        var token = node.Output.Trim();

        var json = await PostAsync(token, """{ "jsonrpc": "2.0", "method": "tools/list", "params": {}, "id": 1 }""", "application/json");
        var form = await PostAsync(token, """{"jsonrpc":"2.0","method":"tools/list","id":1}""", "application/x-www-form-urlencoded");
        var call = await PostAsync(token, """{"jsonrpc": "2.0", "method": "tools/call", "params": { "name": "greeting", "arguments": {} }, "id": 1}""", "application/json");

        foreach (var list in new[] { json, form })
        {
            Assert.That(list.GetProperty("jsonrpc").GetString(), Is.EqualTo("2.0"));
            Assert.That(list.GetProperty("id").GetInt32(), Is.EqualTo(1));
            Assert.That(list.GetProperty("result").GetProperty("tools").GetArrayLength(), Is.GreaterThan(2));
        }

        Assert.That(call.GetProperty("result").GetProperty("content")[0].Text("text"), Is.EqualTo("Hello, test@example.com!"));
    }

    private async Task<JsonElement> PostAsync(string token, string body, string type)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(body, Encoding.UTF8, type) };
        request.Headers.Authorization = new("Bearer", token);
        using var response = await _server.Http.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private async Task<string> MintAsync(params string[] options)
    {
        var (code, output) = await RunAsync(["token", "mint", .. options]);
        Assert.That(code, Is.Zero, output);
        return output.Split('\n').Select(line => line.Trim()).Single(line => line.StartsWith("eyJ", StringComparison.Ordinal));
    }

    private Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) => ServerProcess.RunAsync(new ServerStart
    {
        Folder = _server.Folder,
        Environment = Names,
        Arguments = [.. arguments, $"--Server:Port={_server.Port}", $"--Database:ConnectionString=Data Source={Path.Combine(_server.Folder, "mcpidentity.db")}"],
    });
}
