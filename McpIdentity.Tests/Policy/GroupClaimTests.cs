using System.Text.Json;
using McpIdentity.Migrations;
using McpIdentity.Server.Policy;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Policy;

/// <summary>The groups that a provider says of a person: docs/policy.md, "Groups".</summary>
[Category("Policy"), Category("Federation")]
[Parallelizable(ParallelScope.Self)]
internal sealed class GroupClaimTests
{
    private StandInProvider _upstream = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        _server = await TestServer.StartAsync(
        [
            .. _upstream.SettingsOf("staff"), "OAuth:Providers:staff:Type=oidc", "Mcp:RateLimiting:Enabled=false",
            "Policy:Groups:developers=claim:Engineering", "Policy:Groups:owners=alice@example.com",
        ]);
        _client = await OAuthClient.RegisterPublicAsync(_server);
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/staff");
    }

    [SetUp]
    public void Reset() => _upstream.Reset();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Test]
    public async Task Groups_of_id_token_and_userinfo_are_kept_as_lists_or_single_texts_and_stand_in_no_token()
    {
        _upstream.Claims["groups"] = new[] { "Engineering", "Café", "" };
        _upstream.Claims["roles"] = "auditor";
        _upstream.Bend = token => token.Claims["groups"] = new[] { "Engineering", "of the id_token" };

        var (subject, accessToken) = await SignInAsync("one");

        var caller = await _server.Services.GetRequiredService<PolicyDecisions>().CallerAsync(subject, _client.ClientId, CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await StoredAsync(subject), Is.EquivalentTo(["Engineering", "Café", "of the id_token", "auditor"]));
            Assert.That(caller.Groups, Is.EquivalentTo(["Engineering", "Café", "of the id_token", "auditor", "developers", "owners"]));
            Assert.That((caller.Email, caller.Provider, caller.IsService), Is.EqualTo(("alice@example.com", "staff", false)));
            Assert.That(Base64Decoded(accessToken), Does.Not.Contain("Engineering").And.Not.Contain("groups").And.Not.Contain("roles"));
        }
    }

    [Test]
    public async Task The_next_sign_in_says_them_anew_and_acts_at_once_on_this_node()
    {
        _upstream.Claims["groups"] = new[] { "Engineering" };
        var (subject, _) = await SignInAsync("two");
        var decisions = _server.Services.GetRequiredService<PolicyDecisions>();
        Assert.That((await decisions.CallerAsync(subject, null, CancellationToken.None)).Groups, Is.EquivalentTo(["Engineering", "developers", "owners"]));

        _upstream.Claims["groups"] = Array.Empty<string>();
        _upstream.Claims["email_verified"] = true;
        _upstream.Claims["email"] = "elsewhere@example.net";
        await SignInAsync("two");

        Assert.That((await decisions.CallerAsync(subject, null, CancellationToken.None)).Groups, Is.Empty);
    }

    [Test]
    public async Task What_no_name_of_a_group_can_be_is_left_out_and_beyond_five_hundred_they_are_not_known()
    {
        _upstream.Claims["groups"] = new object[] { new string('x', 257), "a\u0001b", "two\nlines", 7, true, new Dictionary<string, object> { ["name"] = "object" } }
            .Concat(Enumerable.Range(0, 600).Select(i => $"group {i:000}")).Append(new string('y', 256)).ToArray();

        var (subject, _) = await SignInAsync("three");

        var stored = await StoredAsync(subject);
        Assert.That(stored, Has.Length.EqualTo(501));
        Assert.That(stored[..500], Is.All.StartsWith("group "));
        Assert.That((await _server.Services.GetRequiredService<PolicyDecisions>().CallerAsync(subject, null, CancellationToken.None)).LacksGroups, Is.True);
    }

    [Test]
    public async Task The_demo_users_are_in_groups_too()
    {
        await using var server = await TestServer.StartAsync("Policy:Groups:bosses=claim:admins");
        var client = await OAuthClient.RegisterPublicAsync(server);
        var decisions = server.Services.GetRequiredService<PolicyDecisions>();
        foreach (var (name, groups) in ((string, string)[])[("alice", "admins bosses staff"), ("bob", "staff")])
        {
            using var person = new Person(server, name);
            var subject = new JsonWebToken((await client.ConnectAsync(person)).Text("access_token")).Subject;
            Assert.That(string.Join(' ', (await decisions.CallerAsync(subject, null, CancellationToken.None)).Groups.Order()), Is.EqualTo(groups));
        }
    }

    [TestCase(null, "")]
    [TestCase("Mcp:AdminProviders:0=staff", "Engineering developers owners")]
    [TestCase("Mcp:AdminProviders:0=google", "")]
    public async Task With_several_providers_the_word_of_those_counts_whose_word_makes_administrators(string? setting, string groups)
    {
        await using var server = await TestServer.StartAsync(
        [
            .. _upstream.SettingsOf("staff"), "OAuth:Providers:staff:Type=oidc", "OAuth:GoogleClientId=a", "OAuth:GoogleClientSecret=another secret of a test",
            "Policy:Groups:developers=claim:Engineering", "Policy:Groups:owners=alice@example.com", .. setting is null ? Array.Empty<string>() : [setting],
        ]);
        _upstream.RedirectUris.Add(server.BaseUrl + "/oauth/callback/staff");
        _upstream.Claims["groups"] = "Engineering";
        using var alice = new Person(server, provider: _upstream.Origin) { ProviderId = "staff" };
        var subject = new JsonWebToken((await (await OAuthClient.RegisterPublicAsync(server)).ConnectAsync(alice)).Text("access_token")).Subject;

        var caller = await server.Services.GetRequiredService<PolicyDecisions>().CallerAsync(subject, null, CancellationToken.None);

        Assert.That(string.Join(' ', caller.Groups.Order()), Is.EqualTo(groups));
    }

    private async Task<(string Subject, string AccessToken)> SignInAsync(string subject)
    {
        _upstream.Claims["sub"] = subject;
        using var alice = new Person(_server, provider: _upstream.Origin) { ProviderId = "staff" };
        var token = (await _client.ConnectAsync(alice)).Text("access_token")!;
        return (new JsonWebToken(token).Subject, token);
    }

    private async Task<string[]> StoredAsync(string subject)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        var user = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Users.AsNoTracking().SingleAsync(user => user.Id == subject);
        return JsonSerializer.Deserialize<string[]>(user.Groups!)!;
    }

    private static string Base64Decoded(string token) => System.Text.Encoding.UTF8.GetString(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.DecodeBytes(token.Split('.')[1]));
}
