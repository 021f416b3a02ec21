using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.Examples;

/// <summary>The examples start by the commands that their README prints, and do what they say: SEED-095.</summary>
[Category("Examples"), Category("Slow")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ExampleTests
{
    private const string ServerMetadata = "/.well-known/oauth-authorization-server";

    // Status of: tools/list, greeting and echo without a credential; echo with a token of ours; echo with the guide's JWT.
    [TestCase("oauth", 200, 200, 401, 200, 401, Category = "SEED-002")]
    [TestCase("jwt", 401, 401, 401, 401, 200, Category = "SEED-020")]
    [TestCase("both", 200, 200, 401, 200, 200, Category = "SEED-004")]
    [TestCase("none", 200, 200, 200, 200, 200, Category = "SEED-005")]
    [Category("SEED-095")]
    public async Task The_basic_server_runs_with_each_auth_type(string authType, int list, int greeting, int echo, int echoWithToken, int echoWithJwt)
    {
        var port = Ports.Next();
        var command = CommandsOf("basic-server").Single(command => command.EndsWith("/" + authType, StringComparison.Ordinal));
        await using var server = await RunningCommand.StartAsync(command, ServerMetadata, port, ("PORT", $"{port}"));
        using var alice = new Person(server.BaseUrl);
        var token = (await (await OAuthClient.RegisterPublicAsync(server.Http)).ConnectAsync(alice)).Text("access_token");

        Assert.That(await StatusAsync(server, "tools/list"), Is.EqualTo(list), "tools/list");
        Assert.That(await StatusAsync(server, "greeting"), Is.EqualTo(greeting), "greeting");
        Assert.That(await StatusAsync(server, "echo"), Is.EqualTo(echo), "echo");
        Assert.That(await StatusAsync(server, "echo", token), Is.EqualTo(echoWithToken), "echo with our token");
        Assert.That(await StatusAsync(server, "echo", TestTokens.OfTheGuide()), Is.EqualTo(echoWithJwt), "echo with a JWT");
    }

    [Test]
    [Category("SEED-095"), Category("SEED-040")]
    public async Task A_client_of_the_other_host_finds_the_authorization_server_and_each_token_stays_at_its_resource()
    {
        var (serverPort, hostPort) = (Ports.Next(), Ports.Next());
        var commands = CommandsOf("mcp-server").ToList();
        await using var server = await RunningCommand.StartAsync(
            commands[0].Replace("8090", $"{hostPort}", StringComparison.Ordinal), ServerMetadata, serverPort, ("PORT", $"{serverPort}"));
        await using var host = await RunningCommand.StartAsync(
            commands[1], "/.well-known/oauth-protected-resource/mcp", hostPort,
            ("URLS", $"http://localhost:{hostPort}"), ("Mcp__PublicBaseUrl", $"http://localhost:{hostPort}"), ("Mcp__Auth__OAuth__Issuer", server.BaseUrl));
        using var alice = new Person(server.BaseUrl);
        using var bob = new Person(server.BaseUrl, "bob");

        Assert.That(await CallAsync(host, alice, "add_note", ("text", "milk")), Is.EqualTo("Noted."));
        Assert.That(await CallAsync(host, alice, "list_notes"), Is.EqualTo("milk"));
        Assert.That(await CallAsync(host, bob, "list_notes"), Is.EqualTo("No notes yet."), "each person has notes of their own");
        Assert.That(alice.Browser.Visits.Any(visit => visit.Body.Contains(host.McpUrl, StringComparison.Ordinal)), Is.True, "the consent page names the resource");

        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        var here = (await client.ConnectAsync(alice)).Text("access_token");
        var there = (await client.ConnectAsync(alice, ("resource", host.McpUrl))).Text("access_token");
        using (Assert.EnterMultipleScope())   // RFC 9068 §4: each checks the audience
        {
            Assert.That(await StatusAsync(server, "echo", here), Is.EqualTo(200));
            Assert.That(await StatusAsync(host, "list_notes", there), Is.EqualTo(200));
            Assert.That(await StatusAsync(host, "list_notes", here), Is.EqualTo(401));
            Assert.That(await StatusAsync(server, "echo", there), Is.EqualTo(401));
            Assert.That(await StatusAsync(host, "list_notes"), Is.EqualTo(401));
        }
    }

    private static IEnumerable<string> CommandsOf(string example) =>
        ShellBlock.In($"examples/{example}/README.md").Where(block => block.RunBy == nameof(ExampleTests)).SelectMany(block => block.Commands);

    private static async Task<int> StatusAsync(RunningCommand server, string what, string? bearer = null)
    {
        object body = what == "tools/list"
            ? new { jsonrpc = "2.0", id = 1, method = what, @params = new { } }
            : new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = what, arguments = new { message = "hello" } } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = JsonContent.Create(body) };
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        using var response = await server.Http.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Unauthorized), await response.Content.ReadAsStringAsync());
        return (int)response.StatusCode;
    }

    // The official client knows nothing but the address of the endpoint.
    private static async Task<string> CallAsync(RunningCommand host, Person person, string tool, params (string Name, object? Value)[] arguments)
    {
        await using var client = await McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(host.McpUrl),
            OAuth = new ClientOAuthOptions
            {
                RedirectUri = new Uri("http://127.0.0.1:4712/callback"),
                AuthorizationCallbackHandler = async (context, _) =>
                {
                    var answer = await person.AuthorizeAsync(context.AuthorizationUri.AbsoluteUri);
                    return new AuthorizationResult { Code = answer["code"], State = answer["state"], Iss = answer["iss"] };
                },
                DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = "C# client" },
            },
        }));
        var result = await client.CallToolAsync(tool, arguments.ToDictionary(argument => argument.Name, argument => argument.Value));
        return ((TextContentBlock)result.Content[0]).Text;
    }
}
