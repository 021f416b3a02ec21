using McpIdentity.Server.Policy;
using McpIdentity.Tests.Settings;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Federation;

/// <summary>Groups that Entra leaves out because they are too many are asked for at Graph: docs/policy.md, "Groups".</summary>
[Category("Policy"), Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class GraphGroupTests
{
    private readonly RecordedLog _log = new();
    private StandInProvider _entra = null!;
    private StandInGraph _graph = null!;
    private StandInGraph _elsewhere = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;
    private int _people;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _entra = await StandInProvider.StartAsync();
        _graph = await StandInGraph.StartAsync(_entra);
        _elsewhere = await StandInGraph.StartAsync(_entra);
        _server = await TestServer.StartAsync(
            builder => builder.Logging.AddProvider(_log),
            [
                .. _entra.SettingsOf("microsoft"), "OAuth:MicrosoftTenant=contoso.example", "OAuth:Providers:microsoft:GroupsFromGraph=true", $"OAuth:Providers:microsoft:GraphEndpoint={_graph.Endpoint}",
                .. _entra.SettingsOf("unasked"), "OAuth:Providers:unasked:Type=oidc", "Mcp:AdminProviders=microsoft,unasked", "Mcp:RateLimiting:Enabled=false",
                "Policy:Groups:developers=claim:g-2",
            ]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
        _entra.RedirectUris.UnionWith([$"{_server.BaseUrl}/oauth/callback/microsoft", $"{_server.BaseUrl}/oauth/callback/unasked"]);
    }

    [SetUp]
    public void Reset()
    {
        _entra.Reset();
        _graph.Reset();
        _elsewhere.Reset();
        _graph.Groups = ["g-1", "g-2", "g-3"];
        _entra.Claims["roles"] = "auditor";
        _entra.Bend = token => token.Claims["_claim_names"] = new Dictionary<string, object> { ["groups"] = "src1" };
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _elsewhere.DisposeAsync();
        await _graph.DisposeAsync();
        await _entra.DisposeAsync();
    }

    [TestCase(999, 1)]
    [TestCase(1, 3)]
    public async Task They_are_read_page_by_page_with_the_persons_own_token(int pageSize, int asked)
    {
        _graph.PageSize = pageSize;

        var caller = await SignInAsync();

        Assert.That(caller.Groups, Is.EquivalentTo(["auditor", "g-1", "g-2", "g-3", "developers"]), "and roles, which the token has");
        Assert.That((caller.LacksGroups, _graph.Asked), Is.EqualTo((false, asked)));
        Assert.That(_entra.Asked[^1]["scope"].Split(' '), Is.EquivalentTo(["openid", "email", "profile", "User.Read"]));
    }

    [Test]
    public async Task Whose_groups_the_token_has_is_not_asked_about()
    {
        _entra.Bend = token => token.Claims["groups"] = new[] { "g-9" };

        var caller = await SignInAsync();

        Assert.That(caller.Groups, Is.EquivalentTo(["auditor", "g-9"]));
        Assert.That((caller.LacksGroups, _graph.Asked), Is.EqualTo((false, 0)));
    }

    [TestCase("microsoft", 501)]
    [TestCase("microsoft", 5000)]
    public async Task Beyond_five_hundred_they_are_not_known(string provider, int count)
    {
        _graph.Groups = [.. Enumerable.Range(0, count).Select(i => $"group-{i}")];

        var caller = await SignInAsync(provider);

        Assert.That(caller.Groups, Has.Count.EqualTo(500).And.Contain("auditor"));
        Assert.That((caller.LacksGroups, _graph.Asked), Is.EqualTo((true, 1)), "and Graph is asked for no more of them");
    }

    private static readonly TestCaseData<Func<IResult>?, string>[] Failures =
    [
        new(() => Results.StatusCode(500), "500") { TestName = "Graph fails" },
        new(() => Results.StatusCode(403), "403") { TestName = "Graph refuses" },
        new(() => Results.Redirect("http://localhost:1/"), "302") { TestName = "Graph sends us on" },
        new(() => Results.Text("<html>"), "") { TestName = "Graph answers with no JSON" },
        new(() => Results.Text("[]"), "") { TestName = "Graph answers with a list" },
        new(() => Results.Text("{}"), "") { TestName = "Graph answers without memberships" },
        new(() => Results.Text("""{"value":[{"id":7}]}"""), "") { TestName = "Graph names a group by a number" },
        new(() => Results.Text("""{"value":[],"@odata.nextLink":"http://[::"}"""), "") { TestName = "Graph's next page is nowhere" },
        new(() => Results.Text("""{"value":[],"@odata.nextLink":"?again"}"""), "more than 10 pages") { TestName = "Graph's pages do not end" },
        new(() => Results.Text($$"""{"value":[{"id":"{{new string('x', 1024 * 1024)}}"}]}"""), "") { TestName = "Graph's page is too large" },
        new(null, "another address") { TestName = "Graph's next page is another server's" },
    ];

    [TestCaseSource(nameof(Failures))]
    public async Task Where_Graph_does_not_say_them_the_person_signs_in_and_their_groups_are_not_known(Func<IResult>? answer, string why)
    {
        (_graph.Answer, _graph.PageSize, _graph.NextOrigin) = (answer, 1, _elsewhere.Origin);
        var before = _log.Lines.Count;

        var caller = await SignInAsync();

        Assert.That(caller.Groups, Is.EquivalentTo(["auditor"]), "what the token has");
        Assert.That((caller.LacksGroups, _elsewhere.Asked), Is.EqualTo((true, 0)));
        Assert.That(_log.Lines.Skip(before), Has.Some.Contains("could not be read at Microsoft Graph").And.Contains(why));
        Assert.That(_log.Lines.Skip(before), Has.Some.Contains("did not say all groups of a person"));
    }

    [TestCase("_claim_names")]
    [TestCase("hasgroups")]
    public async Task Who_is_not_asked_about_is_known_to_lack_them(string claim)
    {
        _entra.Bend = token => token.Claims[claim] = claim == "hasgroups" ? true : new Dictionary<string, object> { ["groups"] = "src1" };

        var caller = await SignInAsync("unasked");

        Assert.That((caller.LacksGroups, _graph.Asked), Is.EqualTo((true, 0)));
        Assert.That(caller.Groups, Is.EquivalentTo(["auditor"]));
        Assert.That(_entra.Asked[^1]["scope"].Split(' '), Does.Not.Contain("User.Read"));
    }

    [TestCase("gitlab", "GroupsFromGraph=true Issuer=https://gitlab.example", "GroupsFromGraph is for Microsoft Entra, and not for GitLab")]
    [TestCase("microsoft", "GroupsFromGraph=true", "GroupsFromGraph has no effect without a tenant of your own")]
    [TestCase("microsoft", "Settings:Tenant=contoso.example GraphEndpoint=https://graph.example/v1.0", "GraphEndpoint has no effect without GroupsFromGraph")]
    [TestCase("microsoft", "Settings:Tenant=contoso.example GroupsFromGraph=true GraphEndpoint=http://graph.example/v1.0", "'http://graph.example/v1.0' must be an https address")]
    public void A_setting_that_could_not_work_stops_the_start(string id, string settings, string problem) => Assert.That(
        SettingsFile.ProblemsOf(file => file.Build("", [.. ("ClientId=a ClientSecret=b-secret " + settings).Split(' ').Select(setting => $"--OAuth:Providers:{id}:{setting}")])),
        Does.Contain($"OAuth:Providers:{id}").And.Contain(problem));

    private async Task<PolicyCaller> SignInAsync(string provider = "microsoft")
    {
        _entra.Claims["sub"] = $"person {_people++}";
        using var person = new Person(_server, provider: _entra.Origin) { ProviderId = provider };
        var subject = new JsonWebToken((await _client.ConnectAsync(person)).Text("access_token")).Subject;
        return await _server.Services.GetRequiredService<PolicyDecisions>().CallerAsync(subject, null, CancellationToken.None);
    }
}
