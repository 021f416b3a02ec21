using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Federation;

/// <summary>Whoever came in is let on as long as they would still come in, and is an administrator as long as a trusted provider says so.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.All)]
internal sealed class StandingTests
{
    [Test]
    [Requirement("MCP-20")]
    public async Task Narrower_rules_and_a_removed_provider_end_what_people_hold()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await StandInProvider.StartAsync();
        string[] database = [$"Database:ConnectionString=Data Source={folder.File("kept.db")};Pooling=False"];
        string[] acme = [.. database, .. upstream.SettingsOf("acme")];
        string[] both = [.. acme, .. upstream.SettingsOf("beta")];
        string clientId;
        var held = new Dictionary<string, string>();
        var cookies = new Dictionary<string, System.Net.CookieCollection>();
        var port = $"Server:Port={Ports.Next()}"; // the resource that was granted is of this address
        await using (var before = await TestServer.StartAsync([.. both, port]))
        {
            var client = await OAuthClient.RegisterPublicAsync(before);
            clientId = client.ClientId;
            foreach (var provider in new[] { "acme", "beta" })
            {
                upstream.RedirectUris.Add($"{before.BaseUrl}/oauth/callback/{provider}");
                using var person = new Person(before, provider: upstream.Origin) { ProviderId = provider };
                held[provider] = (await client.ConnectAsync(person)).Text("refresh_token")!;
                cookies[provider] = person.Cookies.GetCookies(new Uri(before.BaseUrl));
            }
        }

        using (Assert.EnterMultipleScope())
        {
            await ExpectAsync("beta is removed", acme, ("acme", true), ("beta", false));
            await ExpectAsync("another domain", [.. both, "OAuth:AllowedEmailDomains:0=other.example"], ("acme", false), ("beta", false));
            await ExpectAsync("as before", both, ("acme", true), ("beta", true));
        }

        async Task ExpectAsync(string why, string[] settings, params (string Provider, bool IsAdmitted)[] expected)
        {
            await using var server = await TestServer.StartAsync([.. settings, port]);
            var client = OAuthClient.Of(server, clientId, null, OAuthClient.DefaultRedirectUri);
            foreach (var (provider, isAdmitted) in expected)
            {
                using var refresh = await client.RefreshAsync(held[provider]);
                var answer = await refresh.JsonAsync();
                Assert.That(answer.Text("error"), Is.EqualTo(isAdmitted ? null : "invalid_grant"), $"{why}: refresh at {provider}");
                held[provider] = answer.Text("refresh_token") ?? held[provider];

                using var person = new Person(server);
                person.Cookies.Add(cookies[provider]);
                var silent = await person.AuthorizeAsync(client.AuthorizeUrl(("prompt", "none")));
                Assert.That(silent.GetValueOrDefault("error"), Is.EqualTo(isAdmitted ? null : "login_required"), $"{why}: the browser of {provider}");
            }
        }
    }

    // RequireVerifiedEmail is off, so that the address of an unverified account is known; it opens no domain.
    [Test]
    public async Task An_unverified_address_is_of_no_allowed_domain()
    {
        await using var upstream = await StandInProvider.StartAsync();
        upstream.Claims["email_verified"] = false;
        await using var server = await TestServer.StartAsync(
            [.. upstream.SettingsOf("acme"), "OAuth:RequireVerifiedEmail=false", "OAuth:AllowedEmailDomains:0=example.com"]);
        upstream.RedirectUris.Add($"{server.BaseUrl}/oauth/callback/acme");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server, provider: upstream.Origin) { ProviderId = "acme" };

        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "acme");

        Assert.That(page.Body, Does.Contain("domain_not_allowed"));
    }

    [Test]
    [Category("LINK-14")]
    public async Task An_administrators_address_counts_from_the_named_providers_alone([Values(null, "acme")] string? named)
    {
        await using var upstream = await StandInProvider.StartAsync();
        using var log = new RecordedLog();
        string[] settings = [.. upstream.SettingsOf("acme"), .. upstream.SettingsOf("beta"), "Mcp:AdminUsers:0=alice@example.com"];
        await using var server = await TestServer.StartAsync(
            builder => builder.Logging.AddProvider(log), named is null ? settings : [.. settings, $"Mcp:AdminProviders:0={named}"]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        foreach (var provider in new[] { "acme", "beta" })
        {
            upstream.RedirectUris.Add($"{server.BaseUrl}/oauth/callback/{provider}");
            using var alice = new Person(server, provider: upstream.Origin) { ProviderId = provider };

            var tokens = await client.ConnectAsync(alice, ("scope", "mcp mcp:admin"));

            Assert.That(tokens.Text("scope")!.Contains("mcp:admin", StringComparison.Ordinal), Is.EqualTo(provider == named), provider);
        }

        Assert.That(log.Lines.Any(line => line.Contains("Mcp:AdminProviders", StringComparison.Ordinal)), Is.EqualTo(named is null));
    }

    [Test]
    public async Task A_name_of_no_provider_stops_the_start()
    {
        var failure = await Assert.CatchAsync(() => TestServer.StartAsync("Mcp:AdminProviders:0=gogle"));

        Assert.That(failure!.Message, Does.Contain("Mcp:AdminProviders holds 'gogle'"));
    }
}
