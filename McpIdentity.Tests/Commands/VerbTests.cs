using System.CommandLine;
using System.Text.Json;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Commands;

/// <summary>What holds for every verb: docs/operations.md, "The command line".</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class VerbTests
{
    private static IEnumerable<(string Path, Command Verb)> Verbs => Below(CommandLine.Root, "");

    [Test]
    public void What_cannot_be_undone_is_asked_first()
    {
        var verbs = Verbs.ToList();

        Assert.That(verbs, Has.Count.GreaterThan(20));
        Assert.That(verbs.Where(verb => verb.Verb.Options.Contains(Confirmation.Yes)).Select(verb => verb.Path), Is.EquivalentTo((string[])["clients delete", "users remove", "grants revoke-all", "keys rotate", "restored", "servers remove"]), "what cannot be undone");
    }

    [Test]
    [Category("Slow")]
    public async Task Verbs_take_names_answer_each_in_a_line_ask_before_a_loss_and_are_all_recorded()
    {
        await using var server = await ServerProcess.StartAsync();
        var client = await OAuthClient.RegisterAsync(server.Http, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, client_name = "An Editor", token_endpoint_auth_method = "none", grant_types = new[] { "authorization_code", "refresh_token" } });
        using var alice = new Person(server.BaseUrl);
        await client.ConnectAsync(alice);
        var key = (await File.ReadAllTextAsync(Path.Combine(server.Folder, "data", "encryption.key"))).Trim();

        Assert.That(await SaysAsync(0, "users", "list"), Does.Contain("alice@example.com").And.Match("(?m)^user +e-mail +name +provider"));
        Assert.That(await SaysAsync(0, "sessions", "list", "--user", "ALICE@example.com"), Does.Contain("alice@example.com").And.Match("(?m)^session +user +e-mail"));
        var grants = JsonDocument.Parse(await JsonAsync("grants", "list", "--user", "alice@example.com", "--client", "an editor", "-o", "json")).RootElement;
        Assert.That((grants.GetArrayLength(), grants[0].Text("e_mail"), grants[0].Text("client_name")), Is.EqualTo((1, "alice@example.com", "An Editor")));
        Assert.That(await SaysAsync(ExitCode.NotFound, "sessions", "list", "--user", "nobody@example.com"), Does.Contain("There is no user nobody@example.com"));
        Assert.That(await SaysAsync(0, "clients", "show", "An Editor", "--output", "json"), Does.Match($"^{{\\s+\"client_id\": \"{client.ClientId}\""), "an object");
        Assert.That(JsonDocument.Parse(await JsonAsync("keys", "list", "-o", "json")).RootElement[0].Text("state"), Is.EqualTo("current"));

        Assert.That(await SaysAsync(0, "clients", "disable", "An Editor"), Does.Contain($"disabled: An Editor ({client.ClientId})"));
        Assert.That(await SaysAsync(0, "clients", "enable", client.ClientId), Does.Contain("enabled: An Editor"));
        Assert.That(await SaysAsync(2, "clients", "delete", "An Editor"), Does.Contain("say --yes. Nothing was done."));
        Assert.That(await SaysAsync(2, "users", "remove", "alice@example.com"), Does.Contain("say --yes. Nothing was done."));
        Assert.That(await SaysAsync(2, "keys", "rotate", "--end-others"), Does.Contain("say --yes. Nothing was done."));
        Assert.That(await SaysAsync(2, "restored"), Does.Contain("say --yes. Nothing was done."));
        Assert.That(await SaysAsync(0, "clients", "list"), Does.Contain("An Editor"), "still there");
        Assert.That(await SaysAsync(0, "clients", "delete", "An Editor", "--yes"), Does.Contain("deleted: An Editor"));
        Assert.That(await SaysAsync(2, "users", "list", "-o", "xml"), Does.Contain("xml"));

        // In Production, with no security log in a file, as in a container.
        var (minted, token) = await ServerProcess.RunAsync(new ServerStart
        {
            Folder = server.Folder,
            EnvironmentName = "Production",
            Arguments =
            [
                "token", "mint", "--i-know", "--sub", "mallory", "--scope", "mcp mcp:admin", $"--OAuth:EncryptionKey={key}", "--Server:PublicBaseUrl=https://id.example",
                "--OAuth:GoogleClientId=id", "--OAuth:GoogleClientSecret=s", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}",
            ],
        });
        Assert.That(minted, Is.Zero, token);

        var acts = JsonDocument.Parse(await JsonAsync("audit", "list", "-o", "json")).RootElement.EnumerateArray().Where(act => act.Text("event") != "setup_link_created").ToList(); // of the start
        Assert.That(acts.Select(act => act.Text("event")), Is.EqualTo((string[])["token_minted", "client_deleted", "client_enabled", "client_disabled"]));
        Assert.That(acts.Select(act => act.Text("actor")), Is.All.EqualTo(Operator.OfThisMachine.Name));
        Assert.That(acts[0].Text("line"), Does.Contain("mcp:admin").And.Contain("mallory").And.Not.Contain("eyJ"));

        // Without what standard error says beside it.
        async Task<string> JsonAsync(params string[] verb)
        {
            var output = await SaysAsync(0, verb);
            return output[output.IndexOf('[')..(output.LastIndexOf(']') + 1)];
        }

        async Task<string> SaysAsync(int expected, params string[] verb)
        {
            var (exitCode, output) = await ServerProcess.RunAsync(new ServerStart
            {
                Folder = server.Folder,
                Arguments = [.. verb, $"--Server:Port={server.Port}", $"--Database:ConnectionString=Data Source={Path.Combine(server.Folder, "mcpidentity.db")}"],
            });
            Assert.That(exitCode, Is.EqualTo(expected), output);
            return output;
        }
    }

    private static IEnumerable<(string Path, Command Verb)> Below(Command command, string path) => command.Subcommands.SelectMany(child => child.Subcommands.Count > 0
        ? Below(child, $"{path}{child.Name} ")
        : [($"{path}{child.Name}", child)]);
}
