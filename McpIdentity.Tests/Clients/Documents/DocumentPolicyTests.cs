using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.EntityFrameworkCore.Models;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>Whose documents are read, and what a person sees of whose it is.</summary>
[Category("CIMD")]
[Parallelizable(ParallelScope.All)]
internal sealed class DocumentPolicyTests
{
    private const string Callback = "https://client.example/callback";
    private const string Path = "/client.json";

    [TestCase("AllowedHosts:0=claude.ai", false)]
    [TestCase("AllowedHosts:0=localhost", true)]
    [TestCase("AllowedHosts:0=LOCALHOST", true)]
    [TestCase("AllowedHosts:0=*.localhost", false)]
    [TestCase("BlockedHosts:0=localhost", false)]
    [TestCase("BlockedHosts:0=local", true)]
    [TestCase("BlockedHosts:0=evil.localhost", true)]
    public async Task The_operator_says_whose_documents_are_read(string setting, bool isRead)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, "OAuth:ClientDocuments:" + setting]);
        var client = OAuthClient.Of(server, host.Publish(Path, new { redirect_uris = new[] { Callback } }), null, Callback);
        using var person = new Person(server);

        var page = await person.Browser.GetAsync(client.AuthorizeUrl());
        using var token = await client.RefreshAsync("none");

        Assert.That(page.Status, Is.EqualTo(isRead ? HttpStatusCode.OK : HttpStatusCode.BadRequest));
        Assert.That(page.Document!.Body!.TextContent, isRead ? Does.Contain("Sign in") : Does.Contain("This app is not let in here"));
        Assert.That(host.TimesAsked(Path), Is.EqualTo(isRead ? 1 : 0));
        Assert.That(await token.OAuthErrorAsync(), Is.EqualTo(isRead ? "invalid_grant" : "unauthorized_client"));
    }

    [Test]
    public async Task A_host_that_is_blocked_later_is_served_no_more()
    {
        using var folder = new TemporaryFolder();
        var database = $"Database:ConnectionString=Data Source={folder.File("test.db")}";
        await using var host = await DocumentHost.StartAsync();
        var id = host.Publish(Path, new { redirect_uris = new[] { Callback } });
        string refreshToken;
        await using (var before = await TestServer.StartAsync([.. DocumentHost.Settings, database]))
        {
            using var person = new Person(before);
            refreshToken = (await OAuthClient.Of(before, id, null, Callback).ConnectAsync(person)).Text("refresh_token")!;
        }

        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, database, "OAuth:ClientDocuments:BlockedHosts:0=localhost"]);
        using var refused = await OAuthClient.Of(server, id, null, Callback).RefreshAsync(refreshToken);

        Assert.That(await refused.OAuthErrorAsync(), Is.EqualTo("unauthorized_client"));
    }

    [Test]
    public async Task Switched_off_they_are_not_offered_and_not_read()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, "OAuth:ClientDocuments:Enabled=false"]);
        using var person = new Person(server);

        var metadata = await (await server.Http.GetAsync("/.well-known/oauth-authorization-server")).JsonAsync();
        var page = await person.Browser.GetAsync(OAuthClient.Of(server, host.Publish(Path, new { redirect_uris = new[] { Callback } }), null, Callback).AuthorizeUrl());

        Assert.That(metadata.TryGetProperty("client_id_metadata_document_supported", out _), Is.False);
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(host.TimesAsked(Path), Is.Zero);
    }

    [TestCase("AllowedHosts:0=https://claude.ai", "AllowedHosts has 'https://claude.ai'")]
    [TestCase("BlockedHosts:0=claude.ai/oauth", "BlockedHosts has 'claude.ai/oauth'")]
    [TestCase("AllowedNetworks:0=10.1.2.3", "AllowedNetworks has '10.1.2.3'")]
    [TestCase("ShortestLifetime=00:00:01", "ShortestLifetime must be")]
    [TestCase("LongestLifetime=00:01:00", "LongestLifetime must be")]
    [TestCase("GoodOnError=365.00:00:00", "GoodOnError must be")]
    [TestCase("FetchesPerHost=0", "FetchesPerHost must be")]
    [TestCase("AllowedHost:0=claude.ai", "AllowedHost is not a setting")]
    public void A_setting_that_cannot_be_meant_stops_the_start(string setting, string because) => Assert.That(
        async () => await TestServer.StartAsync("OAuth:ClientDocuments:" + setting), Throws.Exception.With.Message.Contains(because));

    [TestCase("Our notes", Callback, false)]
    [TestCase("Claude", Callback, true)]
    [TestCase("Claude", "http://127.0.0.1/callback", true)]
    [TestCase("Claude", "https://claude.ai/api/mcp/auth_callback", true)]
    [Requirement("MCP-25"), Requirement("MCP-28")]
    public async Task The_consent_page_says_whose_document_it_is_and_marks_a_name_that_is_another_hosts(string name, string redirectUri, bool isMarked)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var id = host.Publish(Path, new { client_name = name, redirect_uris = new[] { redirectUri } });
        using var person = new Person(server) { Decision = "none of them" };

        var page = await person.Browser.GetAsync(OAuthClient.Of(server, id, null, redirectUri).AuthorizeUrl());
        var consent = await person.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });

        foreach (var text in new[] { page, consent }.Select(shown => shown.Document!.Body!.TextContent))
        {
            Assert.That(text, Does.Contain("It is described by").And.Contain(new Uri(host.Origin).Authority).And.Contain("Named by that host"));
            Assert.That(text.Contains("looks like Claude", StringComparison.Ordinal), Is.EqualTo(isMarked));
            Assert.That(text.Contains("the program on your device", StringComparison.Ordinal), Is.EqualTo(redirectUri.StartsWith("http:", StringComparison.Ordinal)), "anybody's program can use the document of another");
        }
    }

    /// <summary>docs/registration.md: an operator who lets in each app by hand, or apps of known hosts alone, has decided that for these too.</summary>
    [TestCase("OAuth:Registration:Policy=Approval", "waits", "OAuth:ClientDocuments:Enabled=true")]
    [TestCase("OAuth:Registration:Policy=Approval", "sign-in", "OAuth:ClientDocuments:AllowedHosts:0=localhost")]
    [TestCase("OAuth:Registration:Policy=Hosts", "refused", "OAuth:Registration:AllowedRedirectHosts:0=claude.ai")]
    [TestCase("OAuth:Registration:Policy=Hosts", "sign-in", "OAuth:Registration:AllowedRedirectHosts:0=client.example")]
    [TestCase("OAuth:Registration:Policy=Off", "not let in", "OAuth:Registration:MaxRedirectUris=20")]
    [TestCase("OAuth:Registration:Enabled=false", "not let in", "OAuth:Registration:MaxRedirectUris=20")]
    [TestCase("OAuth:Registration:Policy=Token", "not let in", "OAuth:Registration:InitialAccessToken=handed out to the team")]
    [TestCase("OAuth:Registration:Policy=Off", "sign-in", "OAuth:ClientDocuments:Enabled=true")]
    public async Task Who_may_register_is_who_may_come_with_a_document(string policy, string expected, string setting)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, policy, setting]);
        var client = OAuthClient.Of(server, host.Publish(Path, new { redirect_uris = new[] { Callback } }), null, Callback);
        using var person = new Person(server);

        var page = await person.Browser.GetAsync(client.AuthorizeUrl());

        var text = page.Document!.Body!.TextContent;
        Assert.That(text, expected switch
        {
            "waits" => Does.Contain("operator").And.Not.Contain("Sign in"),
            "refused" => Does.Contain("redirect URIs at claude.ai only"),
            "not let in" => Does.Contain("This app is not let in here"),
            _ => Does.Contain("Sign in"),
        });
    }

    /// <summary>docs/registration.md: what an operator approved is what they saw.</summary>
    [Test]
    public async Task A_client_whose_document_changes_while_it_waits_or_after_it_was_approved_is_looked_at_again()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, "OAuth:Registration:Policy=Approval"]);
        var client = OAuthClient.Of(server, host.Publish(Path, new { client_name = "Notes", redirect_uris = new[] { Callback } }), null, Callback);
        using var person = new Person(server);
        await AskAsync("/waiting");

        host.Publish(Path, new { client_name = "Other notes", redirect_uris = new[] { Callback, "https://other.example/callback" } });
        server.Clock.Advance(TimeSpan.FromHours(2));
        await AskAsync("/waiting");
        Assert.That(await InRowAsync(row => row.DisplayName), Is.EqualTo("Notes"), "an operator may be looking at it");

        await ApproveAsync();
        server.Clock.Advance(TimeSpan.FromHours(2));
        await AskAsync("/waiting");
        Assert.That(await InRowAsync(row => row.DisplayName), Is.EqualTo("Other notes"));

        await ApproveAsync();
        server.Clock.Advance(TimeSpan.FromHours(2));
        await AskAsync("/signin");

        async Task AskAsync(string page) => Assert.That((await person.Browser.GetAsync(client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo(page));

        async Task ApproveAsync()
        {
            await using var scope = server.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Where(row => row.ClientId == client.ClientId)
                .ExecuteUpdateAsync(set => set.SetProperty(row => EF.Property<DateTimeOffset?>(row, ClientColumns.AwaitingApprovalSince), (DateTimeOffset?)null));
        }

        async Task<string?> InRowAsync(Func<OpenIddictEntityFrameworkCoreApplication, string?> member)
        {
            await using var scope = server.Services.CreateAsyncScope();
            return member(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.AsNoTracking().SingleAsync(row => row.ClientId == client.ClientId));
        }
    }

    /// <summary>What one node has read, every node knows.</summary>
    [Test]
    [Category("Postgres")]
    public async Task Two_nodes_know_what_one_has_read()
    {
        await using var host = await DocumentHost.StartAsync();
        var database = $"Database:ConnectionString={await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()}";
        string[] settings = [.. DocumentHost.Settings, "Database:Provider=Postgres", database];
        await using var one = await TestServer.StartAsync(settings);
        await using var other = await TestServer.StartAsync([.. settings, $"Server:PublicBaseUrl={one.BaseUrl}"]);
        var client = OAuthClient.Of(one, host.Publish(Path, new { redirect_uris = new[] { Callback } }), null, Callback);
        using var person = new Person(one);

        var code = await client.AuthorizeAsync(person);
        using var answer = await client.At(other.Http).RedeemAsync(code);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        Assert.That(host.TimesAsked(Path), Is.EqualTo(1));
    }
}
