using System.Text.Json;
using System.Text.RegularExpressions;
using McpIdentity.Tests.Support;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.McpClients;

/// <summary>Clients in use, each as its own program does it: <see cref="Journey"/>.</summary>
[Category("Clients"), Category("SEED-006"), Category("SEED-084"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed partial class JourneyTests
{
    // What would open a browser on the machine of whoever runs the tests.
    private static readonly Dictionary<string, string?> NoBrowser = new()
    {
        ["BROWSER"] = "true",
        ["DISPLAY"] = null,
        ["WAYLAND_DISPLAY"] = null,
        ["DBUS_SESSION_BUS_ADDRESS"] = null,
    };

    [TestCase(false), TestCase(true)]
    public async Task The_CSharp_client_gets_over_whatever_it_loses(bool hasDocument)
    {
        await using var journey = await BeginAsync(hasDocument);
        var client = await StartAsync();
        try
        {
            await journey.TravelAsync(() => GreetAsync(client), async () =>
            {
                await client.DisposeAsync();
                client = await StartAsync();
            });
        }
        finally
        {
            await client.DisposeAsync();
        }

        Task<McpClient> StartAsync() => McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(journey.Server.McpUrl),
            OAuth = new ClientOAuthOptions
            {
                RedirectUri = new Uri("http://127.0.0.1:4712/callback"),
                AuthorizationCallbackHandler = async (context, _) =>
                {
                    var answer = await journey.Alice.AuthorizeAsync(context.AuthorizationUri.AbsoluteUri);
                    return new AuthorizationResult { Code = answer["code"], State = answer["state"], Iss = answer["iss"] };
                },
                ClientMetadataDocumentUri = journey.Document is { } document ? new Uri(document) : null,
                DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = "C# client" },
            },
        }));
    }

    [TestCase("v1", false), TestCase("v2", false), TestCase("v1", true), TestCase("v2", true)]
    [Category("Node")]
    public async Task The_TypeScript_clients_get_over_whatever_they_lose(string sdk, bool hasDocument)
    {
        await using var journey = await BeginAsync(hasDocument);

        await journey.TravelAsync(() => RunAsync(
            journey, "node", ["greet.mjs", sdk, journey.Server.McpUrl, journey.Folder.File("state.json"), .. journey.DocumentArguments()], new Dictionary<string, string?>()));
    }

    [TestCase(false), TestCase(true)]
    [Category("Node")]
    public async Task Mcp_remote_gets_over_whatever_it_loses(bool hasDocument)
    {
        await using var journey = await BeginAsync(hasDocument);
        var transport = new StdioClientTransport(new StdioClientTransportOptions
        {
            Command = "node",
            Arguments = [NodePackages.PathOf("mcp-remote", "dist", "proxy.js"), journey.Server.McpUrl, $"{Ports.Next()}", .. journey.DocumentArguments("--client-metadata-url")],
            EnvironmentVariables = Environment(journey, ("MCP_REMOTE_CONFIG_DIR", journey.Folder.Path)),
            StandardErrorLines = line => _ = VisitAsync(journey, line),
        });
        Needs.Check(Needs.Node);
        await using var client = await McpClient.CreateAsync(transport);

        await journey.TravelAsync(() => GreetAsync(client));
    }

    [TestCase("legacy", false), TestCase("modern", false), TestCase("modern", true)]
    [Category("Node")]
    public async Task The_Inspector_gets_over_whatever_it_loses(string era, bool hasDocument)
    {
        await using var journey = await BeginAsync(hasDocument);
        string[] arguments =
        [
            NodePackages.PathOf("@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js"), "--cli", journey.Server.McpUrl,
            "--transport", "http", "--protocol-era", era, "--method", "tools/call", "--tool-name", "greeting",
            .. journey.DocumentArguments("--client-metadata-url"),
        ];
        var environment = Environment(
            journey, ("MCP_STORAGE_DIR", journey.Folder.Path), ("MCP_INSPECTOR_SECRET_STORE", "file"), ("MCP_AUTO_OPEN_ENABLED", "true"),
            ("MCP_OAUTH_CALLBACK_URL", $"http://127.0.0.1:{Ports.Next()}/oauth/callback"));

        await journey.TravelAsync(() => RunAsync(journey, NodePackages.Node22, arguments, environment));
    }

    private static Task<Journey> BeginAsync(bool hasDocument) => hasDocument ? Journey.BeginWithDocumentAsync() : Journey.BeginAsync();

    /// <summary>Runs a client once; where it prints an authorization URL, somebody visits it.</summary>
    private static async Task<string> RunAsync(Journey journey, string program, string[] arguments, Dictionary<string, string?> environment)
    {
        await using var process = ChildProcess.Start(program, arguments, NodePackages.Folder, environment);
        for (var visited = 0; !process.HasExited;)
        {
            List<string> urls = [];
            await Until.TrueAsync(() => process.HasExited || (urls = [.. AuthorizationUrl().Matches(process.Output).Select(url => url.Value)]).Count > visited, "the client goes on");
            foreach (var url in urls.Skip(visited))
            {
                visited++;
                await journey.VisitAsync(url);
            }
        }

        Assert.That(await process.WaitForExitAsync(), Is.Zero, process.Output);
        return process.Output;
    }

    private static Task VisitAsync(Journey journey, string line) =>
        AuthorizationUrl().Match(line) is { Success: true } url ? journey.VisitAsync(url.Value) : Task.CompletedTask;

    private static Dictionary<string, string?> Environment(Journey journey, params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string?>(NoBrowser) { ["HOME"] = journey.Folder.Path };
        foreach (var (name, value) in more)
        {
            environment[name] = value;
        }

        return environment;
    }

    private static async Task<string> GreetAsync(McpClient client)
    {
        var result = await client.CallToolAsync("greeting", new Dictionary<string, object?>());
        Assert.That(result.IsError, Is.Not.True, JsonSerializer.Serialize(result.Content));
        return ((TextContentBlock)result.Content[0]).Text;
    }

    [GeneratedRegex(@"http://localhost:\d+/oauth/authorize\?\S+")]
    private static partial Regex AuthorizationUrl();
}
