using System.Text;
using McpIdentity.Migrations.Entities;
using McpIdentity.Server.Policy;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Policy;

/// <summary>Settings, file and stored policy together, and how a change of one arrives: docs/policy.md, "How fast it acts".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicySourceTests
{
    private static readonly PolicyTarget Tool = new(PolicyTargetKind.Tool, "create_issue");
    private static readonly PolicyCaller Somebody = new("somebody", "editor");

    [Test]
    public async Task The_settings_come_first_then_the_file_then_what_was_applied()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("policy.json"), """{ "Rules": [ { "Servers": "b", "Effect": "ask" } ] }""");
        await using var server = await TestServer.StartAsync("Policy:Rules:0:Servers=a", "Policy:Rules:0:Effect=deny", $"Policy:File={folder.File("policy.json")}");
        await ApplyAsync(server, """{ "Rules": [ { "Servers": [ "a", "b", "c" ], "Effect": "allow" } ] }""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Decide(server, "a"), Is.EqualTo(new PolicyDecision(PolicyEffect.Deny, "Policy:Rules:0")));
            Assert.That(Decide(server, "b"), Is.EqualTo(new PolicyDecision(PolicyEffect.Ask, "policy file, rule 1")));
            Assert.That(Decide(server, "c"), Is.EqualTo(new PolicyDecision(PolicyEffect.Allow, "stored policy, rule 1")));
            Assert.That(Decide(server, "d"), Is.EqualTo(new PolicyDecision(PolicyEffect.Deny, "default")));
        }
    }

    [Test]
    public async Task A_changed_file_is_read_within_twenty_seconds_and_a_broken_one_leaves_what_was_in_force()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("policy.json"), """{ "Rules": [ { "Effect": "allow" } ] }""");
        await using var server = await TestServer.StartAsync($"Policy:File={folder.File("policy.json")}");
        Assert.That(Decide(server, "github").Effect, Is.EqualTo(PolicyEffect.Allow));

        await ChangeAsync("""{ "Rules": [ { "Effect": "ask" } ] }""");
        await Until.TrueAsync(() => Decide(server, "github").Effect == PolicyEffect.Ask, "the file is read again");
        Assert.That(await HealthAsync(server), Does.Contain("\"policy\":\"ok\""));

        await ChangeAsync("""{ "Rules": [ { "Effect": "permit" } ] }""");
        var inForce = server.Services.GetRequiredService<PolicyInForce>();
        await Until.TrueAsync(() => inForce.Problem is not null, "the broken file is seen");
        Assert.That(Decide(server, "github").Effect, Is.EqualTo(PolicyEffect.Ask));
        Assert.That(inForce.Problem, Does.Contain("policy.json").And.Contain("policy file, rule 1, Effect is 'permit'"));
        server.Clock.Advance(TimeSpan.FromSeconds(2)); // health is looked at once a second
        Assert.That(await HealthAsync(server), Does.Contain("\"policy\":\"failed\"").And.Contain("degraded"));

        File.Delete(folder.File("policy.json"));
        server.Clock.Advance(TimeSpan.FromSeconds(20));
        await Until.TrueAsync(() => inForce.Problem!.Contains("cannot be read", StringComparison.Ordinal), "the file is missed");
        Assert.That(Decide(server, "github").Effect, Is.EqualTo(PolicyEffect.Ask), "a file that is away is no empty one");

        await ChangeAsync("""{ "Rules": [] }""");
        await Until.TrueAsync(() => Decide(server, "github").Effect == PolicyEffect.Deny, "the mended file is read");
        Assert.That(inForce.Problem, Is.Null);

        async Task ChangeAsync(string json)
        {
            await File.WriteAllTextAsync(folder.File("policy.json"), json);
            server.Clock.Advance(TimeSpan.FromSeconds(20));
        }
    }

    [Test]
    public async Task What_is_wrong_is_not_applied_and_what_the_settings_speak_of_is_not_said_anew()
    {
        await using var server = await TestServer.StartAsync("Policy:Groups:admins=anna@example.com", "Policy:Rules:0:Groups=admins", "Policy:Rules:0:Effect=allow");

        var (applied, problems) = await ApplyAsync(server, """{ "Groups": { "admins": "eve@example.com" }, "Rules": [ { "Effect": "perhaps" } ] }""", mustSucceed: false);

        Assert.That(applied, Is.Null);
        Assert.That(problems, Has.Count.EqualTo(2).And.Some.Contain("group admins is spoken of").And.Some.Contain("stored policy, rule 1, Effect is 'perhaps'"));
    }

    [TestCase("PostgreSQL", Category = "Postgres")]
    [TestCase("SQLite")]
    public async Task What_one_node_applies_acts_on_the_other_within_a_minute_without_a_new_sign_in(string database)
    {
        using var folder = new TemporaryFolder();
        var url = database == "SQLite"
            ? $"Database:ConnectionString=Data Source={folder.File("shared.db")};Pooling=False"
            : $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}";
        await using var one = await TestServer.StartAsync(url, "Policy:GroupClaims=groups");
        await using var two = await TestServer.StartAsync(url, $"Server:PublicBaseUrl={one.BaseUrl}");
        var client = await OAuthClient.RegisterPublicAsync(one);
        using var alice = new Person(one);
        var subject = new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken((await client.ConnectAsync(alice)).Text("access_token")).Subject;

        if (database == "PostgreSQL")
        {
            await NodeSignals.HearEachOtherAsync(one, two);
        }

        await ApplyAsync(one, """{ "Groups": { "developers": "alice@example.com" }, "Rules": [ { "Groups": "developers", "Effect": "allow" } ] }""");
        await ActsAsync(two, PolicyEffect.Allow);
        await ApplyAsync(two, """{ "Groups": { "developers": "bob@example.com" }, "Rules": [ { "Groups": "developers", "Effect": "allow" } ] }""");
        await ActsAsync(one, PolicyEffect.Deny);

        // On PostgreSQL the other node is told; on SQLite it looks, three times a minute.
        async Task ActsAsync(TestServer server, PolicyEffect effect)
        {
            if (database == "SQLite")
            {
                server.Clock.Advance(TimeSpan.FromSeconds(20));
            }

            var decisions = server.Services.GetRequiredService<PolicyDecisions>();
            await Until.TrueAsync(async () => decisions.Decide(await decisions.CallerAsync(subject, client.ClientId, CancellationToken.None), "github", Tool).Effect == effect, $"the other node decides {effect}");
        }
    }

    [Test]
    public async Task A_stored_policy_that_this_server_cannot_read_leaves_the_last_one_in_force()
    {
        await using var server = await TestServer.StartAsync();
        var inForce = server.Services.GetRequiredService<PolicyInForce>();
        await ApplyAsync(server, """{ "Rules": [ { "Effect": "ask" } ] }""");

        inForce.TakeStored(inForce.Version + 1, """{ "Rules": [ { "Effect": "of a later release" } ] }""");

        Assert.That(Decide(server, "github").Effect, Is.EqualTo(PolicyEffect.Ask));
        Assert.That(inForce.Problem, Does.Contain("stored policy 2 cannot be used"));
    }

    private static async Task<(PolicyVersion? Applied, IReadOnlyList<string> Problems)> ApplyAsync(TestServer server, string json, bool mustSucceed = true)
    {
        await using var scope = server.Services.CreateAsyncScope();
        var result = await scope.ServiceProvider.GetRequiredService<StoredPolicies>().ApplyAsync(Encoding.UTF8.GetBytes(json), "a test", null, CancellationToken.None);
        Assert.That(result.Problems, mustSucceed ? Is.Empty : Is.Not.Empty);
        return result;
    }

    private static PolicyDecision Decide(TestServer server, string name) => server.Services.GetRequiredService<PolicyDecisions>().Decide(Somebody, name, Tool);

    private static async Task<string> HealthAsync(TestServer server)
    {
        using var response = await server.Http.GetAsync("/health");
        return await response.Content.ReadAsStringAsync();
    }
}
