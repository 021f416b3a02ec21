using System.Globalization;
using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Clients;
using McpIdentity.Server.Housekeeping;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace McpIdentity.Tests.Clients.Documents;

/// <summary>How long a document is good, what happens when it changes or cannot be read any more, and how often a host is asked.</summary>
[Category("CIMD")]
[Parallelizable(ParallelScope.All)]
internal sealed class DocumentLifeTests
{
    private const string Callback = "https://client.example/callback";
    private const string Path = "/client.json";

    private static readonly object Document = new { redirect_uris = new[] { Callback } };

    /// <summary>RFC 9111 §4.2, within OAuth:ClientDocuments:ShortestLifetime (5 minutes) and LongestLifetime (a day).</summary>
    [TestCase("max-age=3600", null, 3600)]
    [TestCase("max-age=3600", "Age: 600", 3000)]
    [TestCase("max-age=60, s-maxage=1800", null, 1800)]
    [TestCase("max-age=1", null, 300)]
    [TestCase("max-age=0", null, 300)]
    [TestCase("no-store", null, 300)]
    [TestCase("no-cache, max-age=3600", null, 300)]
    [TestCase("max-age=31536000", null, 86400)]
    [TestCase("max-age=99999999999999999999", null, null)]
    [TestCase(null, null, 3600)]
    [TestCase(null, "Expires: 0", 300)]
    [TestCase(null, "Expires: @1200", 1200)]
    [Requirement("MCP-27")]
    public async Task It_is_read_again_when_its_headers_say_so(string? cacheControl, string? header, int? seconds)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var client = OAuthClient.Of(server, host.Serve(Path, context =>
        {
            context.Response.Headers.CacheControl = cacheControl;
            if (header?.Split(": ") is [var name, var value])
            {
                context.Response.Headers.Date = server.Clock.GetUtcNow().ToString("R");
                context.Response.Headers[name] = value.StartsWith('@') ? server.Clock.GetUtcNow().AddSeconds(double.Parse(value[1..], CultureInfo.InvariantCulture)).ToString("R") : value;
            }

            return context.Response.WriteAsJsonAsync(new { client_id = host.Origin + Path, redirect_uris = new[] { Callback } });
        }), null, Callback);
        using var person = new Person(server);

        await client.AuthorizeAsync(person);
        if (seconds is not { } lifetime)
        {
            return; // a number that nobody can mean must not break anything
        }

        server.Clock.Advance(TimeSpan.FromSeconds(lifetime - 5));
        await client.AuthorizeAsync(person);
        Assert.That(host.TimesAsked(Path), Is.EqualTo(1), "still good");

        server.Clock.Advance(TimeSpan.FromSeconds(10));
        await client.AuthorizeAsync(person);
        Assert.That(host.TimesAsked(Path), Is.EqualTo(2), "good no more");
    }

    [Test]
    [Requirement("MCP-23")]
    public async Task What_it_says_now_counts_and_what_it_said_before_does_not()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var client = OAuthClient.Of(server, host.Publish(Path, Document), null, Callback);
        using var person = new Person(server);
        await client.ConnectAsync(person);

        host.Publish(Path, new { redirect_uris = new[] { "https://client.example/moved" } });
        server.Clock.Advance(TimeSpan.FromHours(2));

        var page = await person.Browser.GetAsync(client.AuthorizeUrl());
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest), "a redirect URI that is there no more");
        await OAuthClient.Of(server, client.ClientId, null, "https://client.example/moved").ConnectAsync(person);
    }

    [Test]
    public async Task A_client_that_somebody_uses_goes_on_for_a_week_while_its_host_is_down_and_then_not()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var client = OAuthClient.Of(server, host.Publish(Path, Document, "max-age=86400"), null, Callback);
        using var person = new Person(server);
        var tokens = await client.ConnectAsync(person);
        host.Serve(Path, Down);

        for (var day = 1; day <= 7; day++)
        {
            server.Clock.Advance(TimeSpan.FromDays(1));
            using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(refreshed.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"day {day}");
            tokens = await refreshed.JsonAsync();
            await client.AuthorizeAsync(person);
        }

        server.Clock.Advance(TimeSpan.FromDays(1));
        using var refused = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That((await refused.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"), "the official clients throw everything away on invalid_client");
        Assert.That((int)refused.StatusCode, Is.EqualTo(503));
        Assert.That(refused.Headers.RetryAfter, Is.Not.Null);

        // Refused before the refresh token was spent.
        host.Publish(Path, Document);
        using var again = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK), await again.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_client_that_nobody_uses_is_not_known_while_its_host_is_down()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var client = OAuthClient.Of(server, host.Publish(Path, Document), null, Callback);
        using var person = new Person(server) { Decision = "deny" };
        await person.AuthorizeAsync(client.AuthorizeUrl());
        host.Serve(Path, Down);

        server.Clock.Advance(TimeSpan.FromHours(2));
        var answer = await person.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(answer.Address.Query, Does.Contain("error=temporarily_unavailable"), "its redirect URI was good, so that it learns of it (RFC 6749 §4.1.2.1)");
    }

    [Test]
    public async Task Many_who_wait_for_one_document_cause_one_fetch()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var release = new TaskCompletionSource();
        var client = OAuthClient.Of(server, host.Serve(Path, async context =>
        {
            await release.Task;
            await context.Response.WriteAsJsonAsync(new { client_id = host.Origin + Path, redirect_uris = new[] { Callback } });
        }), null, Callback);

        var asked = Enumerable.Range(0, 40).Select(_ => server.Http.GetAsync(client.AuthorizeUrl())).ToList();
        await Until.TrueAsync(() => host.TimesAsked(Path) > 0, "the fetch began");
        using (var impatient = new CancellationTokenSource())
        {
            var left = server.Http.GetAsync(client.AuthorizeUrl(), impatient.Token);
            await impatient.CancelAsync();
            Assert.That(async () => await left, Throws.InstanceOf<OperationCanceledException>());
        }

        release.SetResult();
        var answers = await Task.WhenAll(asked);

        Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.Found), "all are sent to the sign-in page");
        Assert.That(host.TimesAsked(Path), Is.EqualTo(1));
    }

    [TestCase("OAuth:ClientDocuments:FetchesPerHost=5", "from one address")]
    [TestCase("OAuth:ClientDocuments:FetchesOfUnknown=3", "too many documents of unknown clients")]
    public async Task Beyond_the_budget_nothing_is_fetched(string budget, string because)
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync([.. DocumentHost.Settings, budget]);
        using var person = new Person(server);
        for (var i = 0; i < 3; i++)
        {
            Assert.That((await person.Browser.GetAsync(UrlOf(i))).Status, Is.EqualTo(HttpStatusCode.OK));
        }

        var refused = await person.Browser.GetAsync(UrlOf(3));

        Assert.That(refused.Document!.Body!.TextContent, Does.Contain(because));
        Assert.That(host.TimesAsked("/3.json"), Is.Zero);
        Assert.That((await person.Browser.GetAsync(UrlOf(0))).Status, Is.EqualTo(HttpStatusCode.OK), "what has been read is known");

        string UrlOf(int i) => OAuthClient.Of(server, host.Publish($"/{i}.json", Document), null, Callback).AuthorizeUrl();
    }

    /// <summary>One id for every installation there is.</summary>
    [Test]
    public async Task Two_devices_of_one_person_share_the_client_and_neither_ends_the_other()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var id = host.Publish(Path, new { redirect_uris = new[] { "http://localhost/callback" } });
        var (one, other) = (OAuthClient.Of(server, id, null, "http://localhost:1111/callback"), OAuthClient.Of(server, id, null, "http://localhost:2222/callback"));
        using var person = new Person(server);

        var ofOne = await one.ConnectAsync(person);
        var ofOther = await other.ConnectAsync(person);
        using var revoked = await other.PostAsync("/oauth/revoke", ("token", ofOther.Text("refresh_token")));

        Assert.That(revoked.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await one.RefreshAsync(ofOne.Text("refresh_token")!)).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await (await other.RefreshAsync(ofOther.Text("refresh_token")!)).OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [Test]
    public async Task A_document_takes_nobody_elses_client_over()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var id = host.Publish(Path, Document);
        await using (var scope = server.Services.CreateAsyncScope())
        {
            var descriptor = new ClientDescriptor { ClientId = id, ClientType = ClientTypes.Public, WrittenRedirectUris = ["https://other.example/callback"] };
            await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(descriptor);
        }

        using var person = new Person(server);
        var page = await person.Browser.GetAsync(OAuthClient.Of(server, id, null, Callback).AuthorizeUrl());

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        await using var after = server.Services.CreateAsyncScope();
        var stored = await after.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.SingleAsync(client => client.ClientId == id);
        Assert.That(stored.RedirectUris, Does.Contain("other.example").And.Not.Contain("client.example"));
    }

    [Test]
    public async Task A_client_that_an_operator_disabled_is_not_even_read()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        var client = OAuthClient.Of(server, host.Publish(Path, Document), null, Callback);
        using var person = new Person(server);
        await client.ConnectAsync(person);
        await using (var scope = server.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SetClientDisabledAsync(client.ClientId, server.Clock.GetUtcNow(), default);
        }

        server.Clock.Advance(TimeSpan.FromHours(2));
        var page = await person.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(page.Document!.Body!.TextContent, Does.Contain("disabled this client"));
        Assert.That(host.TimesAsked(Path), Is.EqualTo(1));
    }

    [Test]
    public async Task One_that_nobody_uses_goes_after_a_day_and_one_in_use_stays()
    {
        await using var host = await DocumentHost.StartAsync();
        await using var server = await TestServer.StartAsync(DocumentHost.Settings);
        using var person = new Person(server);
        var used = OAuthClient.Of(server, host.Publish("/used.json", Document), null, Callback);
        await used.ConnectAsync(person);
        await person.Browser.GetAsync(OAuthClient.Of(server, host.Publish("/unused.json", Document), null, Callback).AuthorizeUrl());

        server.Clock.Advance(TimeSpan.FromHours(25));
        await using var scope = server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, default);

        var left = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Clients.Select(client => client.ClientId).ToListAsync();
        Assert.That(left, Does.Contain(used.ClientId).And.Not.Contain(host.Origin + "/unused.json"));
    }

    private static Task Down(HttpContext context)
    {
        context.Response.StatusCode = 503;
        return Task.CompletedTask;
    }
}
