using McpIdentity.Migrations;
using McpIdentity.Migrations.Entities;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace McpIdentity.Tests.Sessions;

/// <summary>The browser's side of a session, and what the session remembers of the browser: docs/decisions/0004.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class SessionCookieTests
{
    [Test, Category("SEED-037"), Category("Nginx")]
    public async Task Over_https_the_cookies_are_of_this_host_alone_and_no_script_reads_them()
    {
        // The address must be known to the server when it starts: nginx is there first.
        var port = Ports.Next();
        await using var nginx = await NginxServer.StartAsync([$"http://localhost:{port}"], tls: true);
        await using var server = await ServerProcess.StartAsync($"--Server:Port={port}", $"--Server:PublicBaseUrl={nginx.BaseUrl}", "--Server:TrustProxy=true");
        var client = await OAuthClient.RegisterPublicAsync(server.Http);
        using var alice = new Person(nginx.BaseUrl);

        await alice.LeaveAsync(nginx.BaseUrl + new Uri(client.AuthorizeUrl()).PathAndQuery);

        var cookies = CookiesOf(alice);
        var session = cookies.Where(cookie => cookie.Name == "__Host-mcpidentity").ToList();
        var form = cookies.Where(cookie => cookie.Name == "__Host-mcpidentity-form").ToList();
        var provider = cookies.Where(cookie => cookie.Name == "__Host-mcpidentity-provider").ToList(); // which it was the last time
        Assert.That(cookies, Has.Count.EqualTo(session.Count + form.Count + provider.Count), $"no other cookie: {string.Join('\n', cookies)}");
        Assert.That(session, Is.Not.Empty);
        Assert.That(form, Is.Not.Empty);
        Assert.That(provider, Has.Count.EqualTo(session.Count));
        using (Assert.EnterMultipleScope())
        {
            // RFC 6265bis §4.1.3.2: Secure, of the path /, without a domain; a browser drops a __Host- cookie that is not.
            foreach (var cookie in cookies)
            {
                Assert.That(cookie.Secure, Is.True, cookie.ToString());
                Assert.That(cookie.HttpOnly, Is.True, cookie.ToString());
                Assert.That(cookie.Path.ToString(), Is.EqualTo("/"), cookie.ToString());
                Assert.That(cookie.Domain.HasValue, Is.False, cookie.ToString());
            }

            // Lax, because a browser comes to the authorization endpoint from the client's site and is to be known there.
            Assert.That(session.Concat(provider), Is.All.Property(nameof(SetCookieHeaderValue.SameSite)).EqualTo(SameSiteMode.Lax));
            Assert.That(form, Is.All.Property(nameof(SetCookieHeaderValue.SameSite)).EqualTo(SameSiteMode.Strict));
        }
    }

    [Test]
    public async Task Over_http_on_this_machine_no_script_reads_them_either()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);

        await client.AuthorizeAsync(alice);

        var cookies = CookiesOf(alice);
        Assert.That(cookies.Select(cookie => cookie.Name.ToString()).Distinct(), Is.EquivalentTo(["mcpidentity", "mcpidentity-form", "mcpidentity-provider"]),
            "without the prefix, which a browser believes over https alone");
        Assert.That(cookies, Is.All.Property(nameof(SetCookieHeaderValue.HttpOnly)).True.And.Property(nameof(SetCookieHeaderValue.Path)).Property("Value").EqualTo("/"));
    }

    [Test]
    public async Task A_session_knows_when_its_browser_was_last_here_to_within_five_minutes()
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        await client.AuthorizeAsync(alice);
        var signedIn = server.Clock.GetUtcNow();

        server.Clock.Advance(TimeSpan.FromMinutes(5));
        await alice.Browser.GetAsync("/oauth/signout");
        Assert.That((await SessionAsync(server)).LastSeenAt, Is.EqualTo(signedIn), "opening a page does not write each time");

        server.Clock.Advance(TimeSpan.FromSeconds(1));
        await alice.Browser.GetAsync("/oauth/signout");
        var session = await SessionAsync(server);

        Assert.That(session.LastSeenAt, Is.EqualTo(server.Clock.GetUtcNow()));
        Assert.That(session.CreatedAt, Is.EqualTo(signedIn));
        Assert.That(session.SignedInUntil, Is.EqualTo(signedIn.AddHours(8)), "being here does not prolong it");
    }

    [TestCase("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 70)]
    [TestCase(null, 0)]
    public async Task A_session_knows_its_browser_by_what_that_calls_itself(string? userAgent, int length)
    {
        await using var server = await TestServer.StartAsync();
        await SignInAsync(server, userAgent);

        var hint = (await SessionAsync(server)).DeviceHint;

        Assert.That(hint, Is.EqualTo(userAgent ?? ""));
        Assert.That(hint, Has.Length.EqualTo(length));
    }

    [Test]
    public async Task What_a_browser_calls_itself_at_length_is_cut()
    {
        await using var server = await TestServer.StartAsync();
        await SignInAsync(server, "Browser/" + new string('9', 1000));

        Assert.That((await SessionAsync(server)).DeviceHint, Is.EqualTo("Browser/" + new string('9', 192)));
    }

    // As the browser does it, which has no name of its own.
    private static async Task SignInAsync(TestServer server, string? userAgent)
    {
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var form = FormSubmission.Of(await alice.Browser.GetAsync(client.AuthorizeUrl()), new Dictionary<string, string> { ["username"] = "alice" }, button: null);
        using var request = new HttpRequestMessage(form.Method, form.Target) { Content = new FormUrlEncodedContent(form.Values!) };
        request.Headers.Add("Cookie", alice.Cookies.GetCookieHeader(form.Target));
        if (userAgent is not null)
        {
            request.Headers.UserAgent.ParseAdd(userAgent);
        }

        using var answer = await server.Http.SendAsync(request);
        Assert.That(answer.IsSuccessStatusCode, Is.True, await answer.Content.ReadAsStringAsync());
    }

    private static List<SetCookieHeaderValue> CookiesOf(Person person) =>
        [.. person.Browser.Visits.SelectMany(visit => visit.Headers!.TryGetValues("Set-Cookie", out var cookies) ? SetCookieHeaderValue.ParseList([.. cookies]) : [])];

    private static async Task<SignInSession> SessionAsync(TestServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SignInSessions.AsNoTracking().SingleAsync();
    }
}
