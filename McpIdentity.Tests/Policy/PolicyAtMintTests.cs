using System.Security.Claims;
using McpIdentity.Server.Authorization;
using McpIdentity.Server.Federation;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using OpenIddict.Abstractions;

namespace McpIdentity.Tests.Policy;

/// <summary>Which scopes of a fronted server are granted: docs/policy.md, "What is refused, and how".</summary>
[Category("Policy")]
[Parallelizable(ParallelScope.All)]
internal sealed class PolicyAtMintTests
{
    private static readonly ProtectedResource Notes = new(
        new Uri("https://id.example/mcp/notes"), [new Scope("read", "Read"), new Scope("write", "Write") { OnlyFor = ["@example.com"] }, new Scope("admin", "Administer")], ["read"])
    {
        Fronted = new FrontedResource("notes", "/mcp/notes", "Notes", [], []),
    };

    private TestServer _server = null!;

    private ScopeHolders Holders => _server.Services.GetRequiredService<ScopeHolders>();

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        "Policy:Rules:0:Servers=notes", "Policy:Rules:0:Groups=admins", "Policy:Rules:0:Tools=*", "Policy:Rules:0:Scopes=read,write", "Policy:Rules:0:Effect=allow",
        "Policy:Rules:1:Servers=notes", "Policy:Rules:1:Clients=service:backup", "Policy:Rules:1:Scopes=read", "Policy:Rules:1:Effect=allow",
        "Policy:Rules:2:Servers=notes", "Policy:Rules:2:Users=carl@example.net", "Policy:Rules:2:Effect=ask");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("anna@example.com", "admins", "editor", "admin")]
    [TestCase("anna@example.net", "admins", "editor", "admin write", Description = "a scope has to be for them by OnlyFor as well")]
    [TestCase("anna@example.com", "staff", "editor", "admin read write")]
    [TestCase("carl@example.net", "", "editor", "write")]
    [TestCase(null, "", "backup", "admin write")]
    [TestCase(null, "", "report", "admin read write")]
    public async Task At_a_fronted_server_what_no_rule_opens_is_withheld(string? email, string groups, string client, string withheld)
    {
        var person = email is null ? null : new VouchedPerson("somebody", DemoProvider.Name, email, true) { Groups = groups.Split(' ') };

        Assert.That(string.Join(' ', (await WithheldAsync(Notes)).Order()), Is.EqualTo(withheld));
        Assert.That(await WithheldAsync(Notes with { Fronted = null }), Does.Not.Contain("admin").And.Not.Contain("read"), "elsewhere policy says nothing");

        async Task<IEnumerable<string>> WithheldAsync(ProtectedResource resource) =>
            person is null ? Holders.WithheldFromService(resource, client) : await Holders.WithheldAsync(resource, person, client, CancellationToken.None);
    }

    [Test]
    public async Task A_refresh_takes_what_is_not_granted_any_more_by_the_groups_of_now()
    {
        using var alice = new Person(_server);
        using var bob = new Person(_server, "bob");
        var client = await OAuthClient.RegisterPublicAsync(_server);

        Assert.That(await TakenAsync(alice), Is.EqualTo((true, "openid read write")));
        Assert.That(await TakenAsync(bob), Is.EqualTo((false, "openid")), "nothing is left that opens it");

        async Task<(bool, string)> TakenAsync(Person person)
        {
            var subject = new JsonWebToken((await client.ConnectAsync(person)).Text("access_token")).Subject;
            var granted = new ClaimsPrincipal(new ClaimsIdentity("test"));
            granted.SetClaim("sub", subject).SetClaim("email", "alice@example.com").SetClaim("email_verified", "true").SetClaim("provider", DemoProvider.Name).SetScopes("openid", "read", "write", "admin");
            var isLeft = await Holders.TakeFromOthersAsync(granted, Notes, client.ClientId, CancellationToken.None);
            return (isLeft, string.Join(' ', granted.GetScopes().Order()));
        }
    }
}
