using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Federation;

/// <summary>Which providers are on, and which mistakes stop the start.</summary>
[Category("Federation")]
[Parallelizable(ParallelScope.All)]
internal sealed class ProviderConfigurationTests
{
    [TestCase("OAuth:GitHubClientId=id", "GitHub", "GITHUB_CLIENT_SECRET")]
    [TestCase("OAuth:MicrosoftClientSecret=secret", "Microsoft", "MICROSOFT_CLIENT_ID")]
    [TestCase("OAuth:GoogleClientId=your_client_id.apps.googleusercontent.com OAuth:GoogleClientSecret=your_client_secret", "Google", "GOOGLE_CLIENT_ID")]
    [TestCase("OAuth:GoogleClientId=an-id OAuth:GoogleClientSecret=your_client_secret", "Google", "GOOGLE_CLIENT_SECRET")]
    [TestCase("OAuth:Providers:gitlab:ClientId=<client id> OAuth:Providers:gitlab:ClientSecret=<secret>", "GitLab", "OAuth:Providers:gitlab:ClientId")]
    [Category("SEED-025")]
    [Category("LINK-09")]
    public async Task A_half_or_a_placeholder_is_off_with_a_warning(string settings, string provider, string advice)
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log), settings.Split(" OAuth").Select((s, i) => i == 0 ? s : "OAuth" + s).ToArray());
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Document!.QuerySelectorAll("button[name=provider]"), Is.Empty);
        Assert.That(page.Document!.QuerySelector("[name=username]"), Is.Not.Null, "the demo users stay");
        Assert.That(log.Lines.Any(line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains($"Sign-in with {provider} is off", StringComparison.Ordinal) && line.Contains(advice, StringComparison.Ordinal)), Is.True, string.Join('\n', log.Lines));
    }

    [TestCase("OAuth:Providers:Demo:ClientId=x", "and not demo")]
    [TestCase("OAuth:Providers:google:ClientId=x", "GOOGLE_CLIENT_ID")]
    [TestCase("OAuth:Providers:our idp:ClientId=x", "small letters, digits and dashes")]
    [TestCase("OAuth:Providers:acme:Type=Fasebook", "use oidc with an Issuer")]
    [TestCase("OAuth:Providers:acme:ClientId=x", "OAuth:Providers:acme:Issuer must be set")]
    [TestCase("OAuth:Providers:acme:Issuer=http://idp.example", "must be an https address")]
    [TestCase("OAuth:Providers:acme:Issuer=http://loopback:8080", "must be an https address")]
    [TestCase("OAuth:GoogleTokenEndpoint=http://loopback/token", "must be an https address")]
    [TestCase("OAuth:Resources:0:Resource=http://loopback/files", "a resource identifier is an https URL")]
    [TestCase("OAuth:Providers:github:TokenEndpoint=https://ghe.example/token", "belong together")]
    [TestCase("OAuth:Providers:gitlab:CallbackPath=/oauth/callback", "/callback/gitlab")]
    [TestCase("OAuth:Providers:gitlab:ClientSecrte=x", "is not a setting. Did you mean Client")]
    [TestCase("OAuth:AllowedEmailDomains:0=@example.com", "which is not a domain")]
    [Category("SEED-025")]
    public async Task A_provider_that_could_not_work_stops_the_start(string setting, string message)
    {
        var failure = await Assert.CatchAsync(() => TestServer.StartAsync(setting));

        Assert.That(failure!.Message, Does.Contain(message));
    }

    [Test]
    [Category("SEED-088")]
    public async Task A_provider_that_cannot_be_discovered_is_a_page_and_a_line_in_the_log()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log),
            "OAuth:Providers:acme:ClientId=x", "OAuth:Providers:acme:ClientSecret=y", $"OAuth:Providers:acme:Issuer=http://localhost:{Ports.Next()}/realms/acme");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        var page = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), button: "acme");

        Assert.That(page.Body, Does.Contain("provider_discovery_failed").And.Contain("OAuth:Providers:acme:Issuer"));
        var reference = page.Document!.QuerySelectorAll("dd code")[^1].TextContent;
        Assert.That(log.Lines.Any(line => line.Contains("provider_discovery_failed", StringComparison.Ordinal) &&
            line.Contains(reference, StringComparison.Ordinal) && line.Contains($"{server.BaseUrl}/oauth/callback/acme", StringComparison.Ordinal)), Is.True, string.Join('\n', log.Lines));
    }

    [Test]
    [Category("SEED-037")]
    public async Task The_redirect_uri_is_of_the_public_address_whatever_the_host_header_says()
    {
        await using var upstream = await StandInProvider.StartAsync();
        await using var server = await TestServer.StartAsync(
            builder => builder.Services.AddSingleton<IStartupFilter>(new BehindHttps()),
            ["Server:PublicBaseUrl=https://abc123.ngrok.io", .. upstream.SettingsOf("acme")]);
        var client = await OAuthClient.RegisterPublicAsync(server);
        // https ends before us: the browser's cookies are Secure, so the walk is by hand.
        using var signIn = await server.Http.GetAsync(new Uri(client.AuthorizeUrl()).PathAndQuery);
        using var page = await server.Http.GetAsync(signIn.Headers.Location);
        var form = await FormOf(page);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/signin") { Content = new FormUrlEncodedContent([.. form, new("provider", "acme")]) };
        request.Headers.Add("Cookie", page.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0]));

        using var onward = await server.Http.SendAsync(request);

        var body = WebUtilityDecoded(await onward.Content.ReadAsStringAsync());
        Assert.That(body, Does.Contain("redirect_uri=https%3A%2F%2Fabc123.ngrok.io%2Foauth%2Fcallback%2Facme").IgnoreCase);
        Assert.That(onward.Headers.GetValues("Set-Cookie").Single(), Does.StartWith("__Host-mcpidentity-upstream").And.Contain("secure").And.Contain("path=/"));
    }

    private static async Task<List<KeyValuePair<string, string>>> FormOf(HttpResponseMessage page)
    {
        var document = new AngleSharp.Html.Parser.HtmlParser().ParseDocument(await page.Content.ReadAsStringAsync());
        return [.. document.QuerySelectorAll("form input[type=hidden]").Select(input => KeyValuePair.Create(input.GetAttribute("name")!, input.GetAttribute("value")!)).DistinctBy(pair => pair.Key)];
    }

    private static string WebUtilityDecoded(string html) => System.Net.WebUtility.HtmlDecode(html);

    /// <summary>What a proxy that ends https tells the server.</summary>
    private sealed class BehindHttps : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, onward) =>
            {
                context.Request.Scheme = "https";
                return onward(context);
            });
            next(app);
        };
    }
}
