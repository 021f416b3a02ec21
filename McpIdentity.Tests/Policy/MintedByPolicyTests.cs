using System.Net;
using System.Text;
using System.Text.Json;
using McpIdentity.Server.Policy;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Policy;

/// <summary>What policy gives and takes where tokens are made, over HTTP: docs/policy.md, "What is refused, and how".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.Self)]
internal sealed class MintedByPolicyTests
{
    private const string Everything = """{ "Effect": "allow" }""";

    private TestServer _server = null!;
    private OAuthClient _client = null!;
    private OAuthClient _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var settings = ((string[])["notes", "wiki"]).SelectMany(server => (string[])
        [
            $"Gateway:Servers:{server}:Url=http://127.0.0.1:1/mcp", $"Gateway:Servers:{server}:Scopes:{server}:read=Read", $"Gateway:Servers:{server}:Scopes:{server}:write=Write",
            $"Gateway:Servers:{server}:Scopes:{server}:admin=Administer", $"Gateway:Servers:{server}:DefaultScopes={server}:read",
        ]);
        _server = await TestServer.StartAsync([.. settings, "Gateway:CatalogueRefresh=0", "Mcp:RateLimiting:Enabled=false"]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
        _service = await OAuthClient.RegisterServiceAsync(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    // Alice is in staff and admins, Bob in staff.
    [TestCase("alice", "notes", "allow staff", "notes:read notes:write notes:admin", "notes:read notes:write notes:admin")]
    [TestCase("alice", "notes", "allow admins notes:read,notes:write", "notes:read notes:write notes:admin", "notes:read notes:write")]
    [TestCase("alice", "notes", "allow admins notes:read; ask staff notes:write", "notes:read notes:write notes:admin", "notes:read notes:write", Description = "of two rules both")]
    [TestCase("alice", "notes", "deny admins; allow staff", "notes:read", "access_denied", Description = "the first rule decides")]
    [TestCase("alice", "wiki", "allow staff", "wiki:read", "access_denied", Description = "at another server")]
    [TestCase("bob", "notes", "allow admins", "notes:read", "access_denied", Description = "for another group")]
    [TestCase("bob", "notes", "allow admins; ask staff notes:write", "notes:read notes:write", "notes:write")]
    [TestCase("bob", "notes", "allow staff notes:write", "notes:read", "access_denied", Description = "nothing is left of what is asked for")]
    [TestCase("bob", "notes", "", "notes:read", "access_denied", Description = "what no rule matches")]
    public async Task An_authorization_leaves_out_what_no_rule_grants_and_is_refused_where_nothing_is_left(string user, string server, string rules, string asked, string expected)
    {
        await ApplyAsync([.. rules.Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(Rule)]);
        using var person = new Person(_server, user);
        (string, string?)[] asks = [("resource", $"{_server.BaseUrl}/mcp/{server}"), ("scope", $"openid {asked}"), ("prompt", "consent")];

        var answer = await person.AuthorizeAsync(_client.AuthorizeUrl(asks));

        if (expected == "access_denied")
        {
            Assert.That(answer.GetValueOrDefault("error"), Is.EqualTo("access_denied"));
            Assert.That(answer.GetValueOrDefault("iss"), Is.EqualTo(_server.BaseUrl), "to the client (RFC 9207 §2)");
            Assert.That(person.PagesSeen, Does.Not.Contain("/consent"));
            return;
        }

        var page = await person.Browser.GetAsync(_client.AuthorizeUrl(asks));
        foreach (var scope in asked.Split(' '))
        {
            Assert.That(page.Body, expected.Split(' ').Contains(scope) ? Does.Contain(scope) : Does.Not.Contain(scope), "the page of consent");
        }

        using var response = await _client.RedeemAsync(answer["code"]!);
        Assert.That(Sorted((await response.JsonAsync()).Text("scope")), Is.EqualTo(Sorted($"openid {expected}")));
    }

    [TestCase("", "invalid_grant", Description = "nothing is left")]
    [TestCase("deny staff; allow staff", "invalid_grant")]
    [TestCase("allow staff notes:admin", "invalid_grant", Description = "nothing of what was granted")]
    [TestCase("allow staff notes:read", "notes:read openid")]
    [TestCase("allow staff notes:read,notes:admin", "notes:read openid", Description = "and nothing more than was granted")]
    [TestCase("allow staff", "notes:read notes:write openid")]
    public async Task A_code_and_a_refresh_token_are_judged_by_the_policy_of_their_moment(string rules, string expected)
    {
        using var alice = new Person(_server);
        (string, string?)[] asks = [("resource", $"{_server.BaseUrl}/mcp/notes"), ("scope", "openid notes:read notes:write offline_access"), ("prompt", "consent")];
        await ApplyAsync(Everything);
        var refresh = (await _client.ConnectAsync(alice, asks)).Text("refresh_token")!;
        var code = await _client.AuthorizeAsync(alice, asks);

        await ApplyAsync([.. rules.Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(Rule)]);

        using var redeemed = await _client.RedeemAsync(code);
        using var refreshed = await _client.RefreshAsync(refresh);
        Assert.That(await SaysAsync(redeemed), Is.EqualTo(expected));
        Assert.That(await SaysAsync(refreshed), Is.EqualTo(expected));
        if (expected == "invalid_grant")
        {
            await ApplyAsync(Everything);
            using var again = await _client.RefreshAsync(refresh);
            Assert.That(await SaysAsync(again), Is.EqualTo("notes:read notes:write openid"), "what was refused by a rule was not spent");
        }
    }

    [TestCase("", "notes:read", "invalid_scope")]
    [TestCase("allow staff", "notes:read", "invalid_scope", Description = "a service is in no group of people")]
    [TestCase("service notes:read", "notes:read notes:write", "notes:read")]
    [TestCase("service notes:read", "notes:write", "notes:read", Description = "in the place of nothing the server's usual scopes (docs/scopes.md)")]
    [TestCase("service notes:write", "notes:read", "invalid_scope", Description = "where a rule grants them")]
    [TestCase("service notes:read", "notes:read", "notes:read")]
    [TestCase("deny *; service notes:read", "notes:read", "invalid_scope")]
    public async Task A_service_gets_what_rules_grant_to_it_by_name(string rules, string asked, string expected)
    {
        await ApplyAsync([.. rules.Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(Rule)]);

        using var response = await _service.TokenAsync(("grant_type", "client_credentials"), ("resource", $"{_server.BaseUrl}/mcp/notes"), ("scope", asked));

        Assert.That(await SaysAsync(response), Is.EqualTo(expected));
    }

    [Test]
    public async Task Elsewhere_than_at_fronted_servers_policy_takes_nothing()
    {
        await ApplyAsync("""{ "Effect": "deny" }""");
        using var alice = new Person(_server);

        Assert.That(Sorted((await _client.ConnectAsync(alice, ("scope", "openid mcp"), ("prompt", "consent"))).Text("scope")), Is.EqualTo("mcp openid"));
    }

    // "effect group scopes" at notes; of the service alone, "service scopes".
    private string Rule(string text) => JsonSerializer.Serialize(text.Split(' ') switch
    {
        ["service", var scopes] => new Dictionary<string, string> { ["Servers"] = "notes", ["Clients"] = "service:" + _service.ClientId, ["Effect"] = "allow", ["Scopes"] = scopes },
        [var effect, "*"] => new Dictionary<string, string> { ["Effect"] = effect },
        [var effect, var group] => new Dictionary<string, string> { ["Servers"] = "notes", ["Groups"] = group, ["Effect"] = effect },
        [var effect, var group, var scopes] => new Dictionary<string, string> { ["Servers"] = "notes", ["Groups"] = group, ["Effect"] = effect, ["Scopes"] = scopes },
        _ => throw new ArgumentException(text, nameof(text)),
    });

    private async Task ApplyAsync(params string[] rules)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        var (_, problems) = await scope.ServiceProvider.GetRequiredService<StoredPolicies>()
            .ApplyAsync(Encoding.UTF8.GetBytes($$"""{ "Rules": [ {{string.Join(", ", rules)}} ] }"""), "a test", null, CancellationToken.None);
        Assert.That(problems, Is.Empty);
    }

    private static async Task<string?> SaysAsync(HttpResponseMessage response)
    {
        var json = await response.JsonAsync();
        return response.StatusCode == HttpStatusCode.OK ? Sorted(json.Text("scope")) : json.Text("error");
    }

    private static string Sorted(string? scopes) => string.Join(' ', (scopes ?? "").Split(' ').Where(scope => scope != "offline_access").Order(StringComparer.Ordinal));
}
