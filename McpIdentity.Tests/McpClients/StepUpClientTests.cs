using System.Text.Json;
using McpIdentity.Tests.Support;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.McpClients;

/// <summary>
/// The official SDKs where a client asked for little, and a tool that it calls needs more: each does something else with the 403, and
/// each gets to the tool (docs/interoperability.md, "A refresh where more was asked for").
/// </summary>
[Category("Clients"), Category("MCP authorization"), Category("SEED-084")]
[Parallelizable(ParallelScope.Self)]
internal sealed class StepUpClientTests
{
    private const string Loopback = "http://127.0.0.1:4714/callback";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Mcp:Auth:RequireAuthForToolsList=true", "Mcp:AdminUsers:0=alice@example.com");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    /// <summary>It asks its person for what the 403 names and what it has, as often as there is more, and calls again.</summary>
    [Test]
    public async Task The_CSharp_client_asks_for_more_by_itself()
    {
        using var alice = new Person(_server);
        List<string?> asked = [];
        await using var client = await McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(_server.McpUrl),
            OAuth = new ClientOAuthOptions
            {
                RedirectUri = new Uri(Loopback),
                ScopeSelector = scopes => asked.Count == 0 ? ["mcp"] : scopes,
                AuthorizationCallbackHandler = async (context, _) =>
                {
                    asked.Add(System.Web.HttpUtility.ParseQueryString(context.AuthorizationUri.Query)["scope"]);
                    var answer = await alice.AuthorizeAsync(context.AuthorizationUri.AbsoluteUri);
                    return new AuthorizationResult { Code = answer["code"], State = answer["state"], Iss = answer["iss"] };
                },
                DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = "C# client" },
            },
        }));

        Assert.That((await client.ListToolsAsync()).Select(tool => tool.Name), Has.Member("admin_status"), "one that she may still obtain");
        Assert.That(asked, Is.EqualTo(["mcp"]));
        Assert.That(await CallAsync("greeting"), Does.Contain("Alice Example"));
        Assert.That(asked, Has.Count.EqualTo(2));
        Assert.That(await CallAsync("admin_status"), Is.Not.Empty);
        Assert.That(asked, Has.Count.EqualTo(3));
        Assert.That(await CallAsync("greeting"), Does.Contain("Alice Example"), "it has lost nothing that it had");
        Assert.That(asked[1]!.Split(' '), Is.SupersetOf(["mcp", "mcp:call"]));
        Assert.That(asked[2]!.Split(' '), Is.SupersetOf(["mcp", "mcp:call", "mcp:admin"]));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent", "/consent", "/consent"]));

        async Task<string> CallAsync(string tool)
        {
            var result = await client.CallToolAsync(tool, new Dictionary<string, object?>());
            Assert.That(result.IsError, Is.Not.True, JsonSerializer.Serialize(result.Content));
            return ((TextContentBlock)result.Content[0]).Text;
        }
    }

    /// <summary>It sends its person to the pages, although it could refresh, and its host brings the answer.</summary>
    [Test]
    [Category("Node")]
    public async Task The_TypeScript_client_2_asks_for_more_by_itself()
    {
        using var folder = new TemporaryFolder();
        var steps = await RunAsync("v2", Loopback, folder, "mcp");

        Assert.That(steps.Select(HasCall), Is.EqualTo([false, false, true]));
        Assert.That(steps[1].Text("error"), Does.StartWith("UnauthorizedError"));
        Assert.That(steps[2].Text("result"), Does.Contain("Alice Example"));
    }

    /// <summary>
    /// It refreshes, gets what it had, and stops. What its person allows the app meanwhile, at another computer, its next refresh brings.
    /// Nothing is remembered of a program on somebody's computer: that has to forget its tokens and to sign in anew.
    /// </summary>
    [TestCase(OAuthClient.DefaultRedirectUri, true), TestCase(Loopback, false)]
    [Category("Node")]
    public async Task The_TypeScript_client_1_refreshes_and_gets_what_was_allowed_elsewhere(string redirectUri, bool isRemembered)
    {
        using var folder = new TemporaryFolder();
        var first = await RunAsync("v1", redirectUri, folder, "mcp");
        Assert.That(first.Select(HasCall), Is.EqualTo([false, false]));
        Assert.That(first[1].Text("error"), Does.Contain("403"));

        using var alice = new Person(_server);
        var state = JsonElement.Parse(await File.ReadAllTextAsync(folder.File("state.json")));
        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        await OAuthClient.Of(_server, state.GetProperty("client").Text("client_id")!, null, redirectUri).ConnectAsync(alice, ("scope", "mcp mcp:call"));

        var second = await RunAsync("v1", redirectUri, folder);
        Assert.That(second.Select(HasCall), Is.EqualTo([false, isRemembered]));
        if (!isRemembered)
        {
            Assert.That(second[1].Text("error"), Does.Contain("403"));
            second = await RunAsync("v1", redirectUri, folder, "mcp mcp:call");
        }

        Assert.That(second[1].Text("result"), Does.Contain("Alice Example"));
    }

    private static bool HasCall(JsonElement step) => step.Text("scope")!.Split(' ').Contains("mcp:call");

    private async Task<List<JsonElement>> RunAsync(string sdk, string redirectUri, TemporaryFolder folder, params string[] scope) =>
        [.. (await TypeScriptClientTests.RunAsync("step-up.mjs", [sdk, _server.McpUrl, redirectUri, folder.File("state.json"), .. scope])).EnumerateArray()];
}
