using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Authorization;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Pages;

/// <summary>What a browser is told about our pages: no script, no frame, nothing from elsewhere, nothing kept.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PageHeaderTests
{
    // Another directive, or another source within one, is a decision to be taken here as well.
    private static readonly string[] Policy =
    [
        "base-uri 'none'", "default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "img-src 'self' data:", "style-src 'self'",
    ];

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Every_page_on_the_way_to_a_code_is_protected()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);

        await client.AuthorizeAsync(alice);

        // The redirects in between and the pages that go on by themselves are of our own making too.
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
        foreach (var page in alice.Browser.Visits)
        {
            AssertProtected(page);
        }
    }

    [Test]
    public async Task The_sign_out_page_is_protected_before_and_after()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        var asked = await alice.Browser.GetAsync("/oauth/signout");
        var done = await alice.Browser.SubmitAsync(asked);

        AssertProtected(asked);
        AssertProtected(done);
    }

    [TestCase("/oauth/authorize", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/authorize?client_id=nobody&redirect_uri=https://client.example/cb&response_type=code", HttpStatusCode.BadRequest)]
    [TestCase("/signin?request=forged", HttpStatusCode.BadRequest)]
    [TestCase("/consent?request=forged", HttpStatusCode.BadRequest)]
    [TestCase("/oauth/callback?state=forged", HttpStatusCode.NotFound)]
    public async Task A_page_about_an_error_is_protected_like_any_other(string url, HttpStatusCode status)
    {
        using var nobody = new Person(_server);

        var page = await nobody.Browser.GetAsync(url);

        Assert.That(page.Status, Is.EqualTo(status));
        Assert.That(page.Document, Is.Not.Null, "a page");
        AssertProtected(page);
    }

    [Test]
    public async Task Where_the_server_itself_fails_a_person_reads_a_page_and_the_log_has_the_exception()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log));
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.AuthorizeAsync(alice);
        await using (var scope = server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Database.ExecuteSqlAsync($"""DROP TABLE "RememberedConsents" """);
        }

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(page.Document?.Body?.TextContent, Does.Contain("not your fault").And.Contain("Reference"), page.Body);
        Assert.That(page.Body, Does.Not.Contain("Consents"), "the exception is for the log alone");
        AssertProtected(page);
        Assert.That(log.Lines, Has.Some.StartsWith("Error ").And.Some.Contains("/oauth/authorize"));
    }

    // Chromium applies form-action to every redirect that follows a form, and the last one is the client's own (docs/decisions/0003).
    [TestCase("allow")]
    [TestCase("deny")]
    [TestCase("other")]
    public async Task No_form_is_answered_with_a_redirect_that_its_own_policy_would_stop(string button)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server); // that nobody has allowed anything
        using var alice = new Person(_server);
        var consent = await alice.Browser.SubmitAsync(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" });
        await alice.Browser.SubmitAsync(consent, button: button);

        var answers = alice.Browser.Visits.Where(visit => visit.Method == HttpMethod.Post).ToList();
        Assert.That(answers.Select(answer => answer.Address.AbsolutePath), Is.EqualTo(["/signin", "/consent"]));
        foreach (var answer in answers)
        {
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.OK), answer.ToString());
            Assert.That(answer.Next, Is.Not.Null, "it goes on by itself");
        }
    }

    // What a person does every day is nothing to warn the operator of.
    [Test]
    public async Task Signing_in_and_out_leaves_no_warning_in_the_log()
    {
        using var log = new RecordedLog();
        await using var server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(log));
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var before = log.Lines.Count;

        await client.ConnectAsync(alice);
        await alice.Browser.SubmitAsync(await alice.Browser.GetAsync("/oauth/signout"));

        Assert.That(log.Lines.Skip(before).Where(line => !line.StartsWith("Information ", StringComparison.Ordinal)), Is.Empty);
    }

    private static void AssertProtected(BrowserPage page)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Header(page, "Content-Security-Policy").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal),
                Is.EqualTo(Policy), page.ToString());
            Assert.That(Header(page, "Referrer-Policy"), Is.EqualTo("no-referrer"), page.ToString());
            Assert.That(Header(page, "X-Content-Type-Options"), Is.EqualTo("nosniff"), page.ToString());
            Assert.That(Header(page, "Cross-Origin-Opener-Policy"), Is.EqualTo("same-origin"), page.ToString());
            Assert.That(page.Headers!.CacheControl?.NoStore, Is.True, page.ToString());
        }
    }

    private static string Header(BrowserPage page, string name) =>
        page.Headers!.TryGetValues(name, out var values) ? string.Join(';', values) : "";
}
