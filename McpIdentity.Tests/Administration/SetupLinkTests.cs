using System.Net;
using McpIdentity.Server.Commands;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Administration;

/// <summary>How a server gets its first owner: a link that works once.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class SetupLinkTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync("Mcp:RateLimiting:Enabled=false");

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Whoever_opens_it_signs_in_and_says_so_is_an_owner_and_nobody_after_them()
    {
        var link = await LinkAsync();
        using var alice = new NoScriptBrowser(_server.BaseUrl);

        var page = await alice.GetAsync(link);
        page = await alice.SubmitAsync(page, button: "sign-in");
        page = await alice.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "alice" });
        Assert.That(page.Document!.QuerySelector("button[value=become]"), Is.Not.Null, page.Document.Body!.TextContent);
        Assert.That(await Verbs.DoAsync(_server, "admin", "list"), Does.Not.Contain("alice"), "signing in alone does nothing");
        page = await alice.SubmitAsync(page, button: "become");

        Assert.That(page.Document!.QuerySelector("h1")!.TextContent, Is.EqualTo("You are an owner of this server now"));
        Assert.That(await Verbs.DoAsync(_server, "admin", "list"), Does.Contain("alice@example.com").And.Contain("owner"));
        using var again = await _server.Http.GetAsync(link);
        Assert.That((again.StatusCode, (await again.Content.ReadAsStringAsync()).Contains("Somebody has used it already", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.Gone, true)));
        var recorded = await Verbs.DoAsync(_server, "audit", "tail");
        Assert.That(recorded, Does.Contain("setup_link_created").And.Contain("setup_link_used").And.Contain("admin_role_granted"));
        Assert.That(recorded, Does.Not.Contain(link.Split('=')[1]));
    }

    [Test]
    public async Task It_is_good_for_half_an_hour()
    {
        await using var server = await TestServer.StartAsync();
        var link = (await Verbs.DoAsync(server, "admin", "setup-link")).Trim();
        server.Clock.Advance(TimeSpan.FromMinutes(31));

        using var old = await server.Http.GetAsync(link);

        Assert.That((old.StatusCode, (await old.Content.ReadAsStringAsync()).Contains("It is too old", StringComparison.Ordinal)), Is.EqualTo((HttpStatusCode.Gone, true)));
    }

    [TestCase("/setup"), TestCase("/setup?t="), TestCase("/setup?t=invented"), TestCase("/setup?link=invented"), TestCase("/setup?t=a&link=b")]
    public async Task What_no_server_has_made_is_no_link(string path)
    {
        using var unknown = await _server.Http.GetAsync(path);

        Assert.That(unknown.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    // A form of another site, or of before: nobody becomes an owner by it.
    [Test]
    public async Task A_form_that_is_not_the_page_s_own_does_nothing()
    {
        var link = await LinkAsync();
        using var posted = await _server.Http.PostAsync(link, new FormUrlEncodedContent([KeyValuePair.Create("decision", "become")]));

        Assert.That(posted.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task A_role_is_granted_and_taken_by_verbs_and_acts_at_the_next_request()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var bob = new Person(server, "bob");
        await client.ConnectAsync(bob); // has an account from now on
        Assert.That(await Verbs.DoAsync(server, "admin", "grant", "bob@example.com", "--role", "auditor"), Does.Contain("auditor"));
        var api = new AdminClient(server, (await client.ConnectAsync(bob, ("scope", "admin:read"), ("resource", server.BaseUrl + AdminClient.Prefix))).Text("access_token"));
        using var allowed = await api.GetAsync("/me");

        await Verbs.DoAsync(server, "admin", "revoke", "bob@example.com");
        using var refused = await api.GetAsync("/me");

        Assert.That((allowed.StatusCode, await refused.ProblemAsync()), Is.EqualTo((HttpStatusCode.OK, "role_missing")));
        var (unknown, _) = await Verbs.RunAsync(server, "admin", "grant", "nobody@example.com");
        Assert.That(unknown, Is.EqualTo(ExitCode.NotFound));
    }

    private async Task<string> LinkAsync() => (await Verbs.DoAsync(_server, "admin", "setup-link")).Split('\n').First(line => line.StartsWith("http", StringComparison.Ordinal)).Trim();
}
