using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Options;

namespace McpIdentity.Tests.Clients;

/// <summary>Clients in wide use that an operator configures by their name: docs/registration.md, "Clients by a preset".</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class ClientPresetTests
{
    private static readonly ClientPreset[] Shipped = [.. ClientPreset.ListFrom(new OAuthServerOptions(), out _).Where(preset => preset.Id is not null)];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync([.. Shipped.Select((preset, i) => $"OAuth:StaticClients:{i}:Preset={preset.Id}")]);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    private static IEnumerable<TestCaseData> Addresses() => Shipped.SelectMany(preset => preset.RedirectUris!.Select(uri => new TestCaseData(preset.Id, uri)));

    [Test]
    public void The_documented_presets_are_there() => Assert.That(
        Shipped.Select(preset => preset.Id), Is.EquivalentTo((string[])["claude", "chatgpt", "vscode", "copilot-cli", "cursor", "perplexity", "gemini-cli", "inspector", "zed", "codex"]));

    [TestCaseSource(nameof(Addresses))]
    public async Task Each_signs_in_at_each_of_its_addresses_and_on_this_computer_at_any_port(string id, string redirectUri)
    {
        using var alice = new Person(_server);
        var used = redirectUri.StartsWith("http:", StringComparison.Ordinal) ? new UriBuilder(redirectUri) { Port = 51234 }.Uri.AbsoluteUri : redirectUri;

        var client = OAuthClient.Of(_server, id, null, used);

        Assert.That((await client.ConnectAsync(alice)).Text("access_token"), Is.Not.Null);
    }

    [TestCase("https://www.perplexity.ai/rest/connections/oauth_callback", true), TestCase("https://enterprise.perplexity.ai/rest/connections/oauth_callback", true)]
    [TestCase("https://www.perplexity.ai/rest/connections/oauth_callback https://enterprise.perplexity.ai/rest/connections/oauth_callback", true)]
    [TestCase("https://www.perplexity.ai/rest/connections/oauth_callback https://evil.example/cb", false), TestCase("https://www.perplexity.ai/rest/connections/other", false)]
    [TestCase("https://claude.ai/api/mcp/auth_callback", false)]
    [Category("RFC 7591")]
    public async Task Who_registers_without_a_secret_and_needs_one_gets_one(string redirectUris, bool needsOne)
    {
        using var alice = new Person(_server);
        var metadata = new Dictionary<string, object> { ["redirect_uris"] = redirectUris.Split(' '), ["token_endpoint_auth_method"] = "none" };
        using var response = await _server.Http.PostAsync("/register", JsonContent.Create(metadata));
        var registered = await response.JsonAsync();
        var secret = registered.TryGetProperty("client_secret", out var given) ? given.GetString() : null;
        var client = OAuthClient.Of(_server, registered.Text("client_id")!, secret, redirectUris.Split(' ')[0]);

        var tokens = await client.ConnectAsync(alice);
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        using var update = new HttpRequestMessage(HttpMethod.Put, registered.Text("registration_client_uri"))
        {
            Content = JsonContent.Create(new Dictionary<string, object>(metadata) { ["client_id"] = client.ClientId }),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", registered.Text("registration_access_token")) },
        };
        using var updated = await _server.Http.SendAsync(update);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((registered.Text("token_endpoint_auth_method"), secret is not null), Is.EqualTo((needsOne ? "client_secret_post" : "none", needsOne)));
            Assert.That((int)refresh.StatusCode, Is.EqualTo(200), "as the grants of a client without a secret");
            Assert.That((await updated.JsonAsync()).Text("token_endpoint_auth_method"), Is.EqualTo(registered.Text("token_endpoint_auth_method")), "RFC 7592 §2.2");
        }
    }

    [Test]
    public async Task What_stands_beside_a_preset_counts()
    {
        await using var server = await TestServer.StartAsync(
            "OAuth:StaticClients:0:Preset=chatgpt", "OAuth:StaticClients:0:ClientId=our-chatgpt", "OAuth:StaticClients:0:Name=Our ChatGPT",
            "OAuth:StaticClients:0:ClientSecret=a secret of a person's choice", "OAuth:StaticClients:0:RedirectUris:0=https://chatgpt.com/connector/oauth/abc");
        using var alice = new Person(server);

        foreach (var uri in (string[])["https://chatgpt.com/connector/oauth/abc", "https://chatgpt.com/connector_platform_oauth_redirect"])
        {
            await OAuthClient.Of(server, "our-chatgpt", "a secret of a person's choice", uri).ConnectAsync(alice);
        }
    }

    [Test]
    public async Task A_file_of_the_operator_takes_the_place_of_the_list_for_clients_and_for_trusted_names()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "presets.json");
        await File.WriteAllTextAsync(file, """[{"id":"acme","name":"Acme Editor","names":["Acme Editor"],"hosts":["acme.example"],"redirect_uris":["https://acme.example/cb"]}]""");
        await using var server = await TestServer.StartAsync($"OAuth:ClientPresets={file}", "OAuth:StaticClients:0:Preset=acme");
        using var alice = new Person(server);
        await OAuthClient.Of(server, "acme", null, "https://acme.example/cb").ConnectAsync(alice);

        var options = new OAuthServerOptions { ClientPresets = file };
        var known = new KnownClients(Options.Create(options));
        Assert.That(known.ResembledBy("Acme Editor", "https://evil.example/cb"), Is.EqualTo("Acme Editor"));
        Assert.That(known.ResembledBy("Acme Editor", "https://acme.example/cb"), Is.Null);
        Assert.That(known.ResembledBy("Claude", "https://evil.example/cb"), Is.Null, "not in the file");
    }

    [TestCase("""[{"name":"x","redirect_uri":["https://x.example"]}]""", "redirect_uri")]
    [TestCase("""[{"id":"x","name":"x","redirect_uris":["javascript:alert(1)"]}]""", "javascript:alert(1)")]
    [TestCase("""{}""", "cannot be read as a list of clients")]
    [TestCase(null, "cannot be read as a list of clients")]
    public async Task A_file_that_cannot_be_used_stops_the_start(string? text, string says)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "presets.json");
        if (text is not null)
        {
            await File.WriteAllTextAsync(file, text);
        }

        Assert.That(async () => await TestServer.StartAsync($"OAuth:ClientPresets={file}"), Throws.Exception.With.Message.Contains("OAuth:ClientPresets").And.Message.Contains(says));
    }

    [Test]
    public void A_preset_that_nobody_knows_stops_the_start() => Assert.That(
        async () => await TestServer.StartAsync("OAuth:StaticClients:0:Preset=clade"), Throws.Exception.With.Message.Contains("'clade', which is none of claude, chatgpt"));
}
