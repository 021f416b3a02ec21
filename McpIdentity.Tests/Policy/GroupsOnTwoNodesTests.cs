using System.Text.Json;
using McpIdentity.Tests.Gateway;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Policy;

/// <summary>A group that is taken away acts on every node within a minute, for the tokens that there are: docs/policy.md, "How fast it acts".</summary>
[Category("Policy"), Category("Postgres")]
[Parallelizable(ParallelScope.Self)]
internal sealed class GroupsOnTwoNodesTests
{
    [Test]
    public async Task In_the_policys_file_and_at_the_provider()
    {
        using var folder = new TemporaryFolder();
        await using var provider = await StandInProvider.StartAsync();
        await using var upstream = await ScriptedServer.StartAsync(ScriptedServer.Tool("find"), ScriptedServer.Tool("drop"));
        await WriteAsync("alice@example.com");
        string[] settings =
        [
            $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}", $"Policy:File={folder.File("policy.json")}",
            $"Gateway:Servers:notes:Url={upstream.Url}", "Gateway:CatalogueRefresh=0", .. provider.SettingsOf("staff"), "OAuth:Providers:staff:Type=oidc",
        ];
        await using var one = await TestServer.StartAsync(settings);
        await using var two = await TestServer.StartAsync([.. settings, $"Server:PublicBaseUrl={one.BaseUrl}"]);
        provider.RedirectUris.Add(one.BaseUrl + "/oauth/callback/staff");
        provider.Claims["groups"] = new[] { "Engineering" };
        var client = await OAuthClient.RegisterPublicAsync(one);
        var token = await SignInAsync();
        await AnswersAsync("find", 200); // by the file: editors
        await AnswersAsync("drop", 200); // by the claim: Engineering

        // The file: within twenty seconds.
        await WriteAsync("somebody.else@example.com");
        await AdvanceAsync(TimeSpan.FromSeconds(20), "find", 403);
        await AnswersAsync("drop", 200);
        await WriteAsync("alice@example.com");
        await AdvanceAsync(TimeSpan.FromSeconds(20), "find", 200);

        // The claim: of somebody who signs in elsewhere, at once on that node and within a minute on the other. The token is the one of before.
        provider.Claims["groups"] = Array.Empty<string>();
        await SignInAsync();
        Assert.That(await StatusAsync(one, "drop"), Is.EqualTo(403));
        await AdvanceAsync(TimeSpan.FromMinutes(1), "drop", 403);
        await AnswersAsync("find", 200);

        async Task<string> SignInAsync()
        {
            using var alice = new Person(one, provider: provider.Origin) { ProviderId = "staff" };
            return (await client.ConnectAsync(alice, ("resource", $"{one.BaseUrl}/mcp/notes"), ("scope", "mcp mcp:call"))).Text("access_token")!;
        }

        Task WriteAsync(string editor) => File.WriteAllTextAsync(folder.File("policy.json"), JsonSerializer.Serialize(new
        {
            Groups = new { editors = new[] { editor } },
            Rules = new object[]
            {
                new { Servers = "notes", Groups = "editors", Tools = "find", Effect = "allow" },
                new { Servers = "notes", Groups = "Engineering", Tools = "drop", Effect = "allow" },
            },
        }));

        async Task AnswersAsync(string tool, int status)
        {
            foreach (var node in (TestServer[])[one, two])
            {
                Assert.That(await StatusAsync(node, tool), Is.EqualTo(status), tool);
            }
        }

        async Task AdvanceAsync(TimeSpan time, string tool, int status)
        {
            foreach (var node in (TestServer[])[one, two])
            {
                node.Clock.Advance(time);
                await Until.TrueAsync(async () => await StatusAsync(node, tool) == status, $"{tool} is answered with {status}");
            }
        }

        async Task<int> StatusAsync(TestServer node, string tool) => (int)(await node.CallerOf("notes").CallToolAsync(tool, token)).Status;
    }
}
