using System.Text;
using System.Text.RegularExpressions;
using McpIdentity.Server.Settings;
using McpIdentity.Tests.Account;
using McpIdentity.Tests.Settings;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>The settings of docs/gateway.md, as they stand there.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed partial class GatewayGuideTests
{
    private static readonly string[] Examples = [.. Example().Matches(File.ReadAllText(Repository.PathOf("docs/gateway.md"))).Select(match => match.Groups[1].Value)];

    [Test]
    public async Task Every_example_is_one_that_a_server_starts_with()
    {
        Assert.That(Examples, Has.Length.GreaterThanOrEqualTo(2));
        foreach (var example in Examples)
        {
            await using var file = new SettingsFile().Build("", SettingsFile.Settings(example));
            Assert.That(file.Options<GatewayOptions>().Servers, Is.Not.Empty, example);
        }
    }

    // The hosts alone are others.
    [Test]
    public async Task With_the_example_of_people_s_own_accounts_somebody_connects_theirs()
    {
        await using var authority = await StandInAuthority.StartAsync();
        authority.ClientId = "Iv1.0123456789abcdef";
        var example = Examples.Single(example => example.Contains("\"OAuth\"", StringComparison.Ordinal))
            .Replace("https://api.githubcopilot.com/mcp/", authority.McpUrl, StringComparison.Ordinal).Replace("https://github.com/login/oauth", authority.Issuer, StringComparison.Ordinal);
        await using var server = await TestServer.StartAsync(
            [.. SettingsFile.Settings(example).Select(setting => setting[2..]), "Gateway:Servers:github:Upstream:ClientSecret=a secret", "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow"]);
        using var alice = new Person(server);
        var token = await server.TokenForAsync("github", alice);

        var left = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync("/connections/github"), button: "connect");
        var done = await alice.Browser.GetAsync(await StandInAuthority.AgreeAsync(left.Address));

        Assert.That(done.Text(), Does.Contain("GitHub is connected"));
        var (asked, redeemed) = (authority.Authorizations.Single(), authority.TokenRequests.Single());
        Assert.That((asked["client_id"], asked["scope"], asked["redirect_uri"]), Is.EqualTo(("Iv1.0123456789abcdef", "repo read:org", $"{server.BaseUrl}/oauth/connections/callback/github")));
        Assert.That(redeemed["authorization"], Is.EqualTo("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("Iv1.0123456789abcdef:a%20secret"))));
        Assert.That((await server.CallerOf("github").CallToolAsync("whoami", token)).Text, Does.StartWith("Bearer theirs-"));
    }

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
