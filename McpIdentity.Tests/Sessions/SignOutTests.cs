using System.Net;
using McpIdentity.Migrations;
using McpIdentity.Server.Sessions;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Sessions;

/// <summary>How a sign-in session ends, and what ends with it: SEED-010, docs/decisions/0004.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class SignOutTests
{
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync();
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    [Category("SEED-010")]
    [Category("SEED-045")]
    [Requirement("MCP-20"), Requirement("MCP-35")]
    public async Task Signing_out_ends_the_session_its_tokens_and_every_copy_of_the_cookie()
    {
        using var alice = new Person(_server);
        var tokens = await _client.ConnectAsync(alice);
        using var copy = new Person(_server);
        Copy(alice.Cookies, copy.Cookies);
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        var page = await alice.Browser.GetAsync("/oauth/signout");
        Assert.That(page.Document!.Body!.TextContent, Does.Contain("Alice Example").And.Contain("disconnected"));
        page = await alice.Browser.SubmitAsync(page);

        Assert.That(page.Document!.Body!.TextContent, Does.Contain("You are signed out"));
        var (status, challenge) = await _server.Http.CallToolAsync(tokens.Text("access_token"));
        Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(challenge, Does.Contain("error=\"invalid_token\"").And.Contain("Session not found"));
        using var refresh = await _client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var userInfo = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        userInfo.Headers.Authorization = new("Bearer", tokens.Text("access_token"));
        using var person = await _server.Http.SendAsync(userInfo);
        Assert.That(person.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await copy.Browser.GetAsync(_client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"), "a copied cookie is dead");
    }

    [Test]
    public async Task Signing_out_is_asked_first_and_not_forged_from_elsewhere()
    {
        using var alice = new Person(_server);
        var tokens = await _client.ConnectAsync(alice);

        await alice.Browser.GetAsync("/oauth/signout");
        using var forged = new HttpRequestMessage(HttpMethod.Post, "/oauth/signout") { Content = new FormUrlEncodedContent([]) };
        forged.Headers.Add("Cookie", alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
        using var answer = await _server.Http.SendAsync(forged);

        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("Sign out?"), "asked again");
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Nobody_can_sign_out_and_is_told_so()
    {
        using var nobody = new Person(_server);

        var page = await nobody.Browser.GetAsync("/oauth/signout");

        Assert.That(page.Document!.Body!.TextContent, Does.Contain("You are signed out"));
        Assert.That(page.Document.Forms, Is.Empty);
    }

    [Test]
    public async Task One_session_ends_alone()
    {
        using var desk = new Person(_server);
        using var phone = new Person(_server);
        var ended = await _client.ConnectAsync(desk);
        var goesOn = await _client.ConnectAsync(phone);

        await desk.Browser.SubmitAsync(await desk.Browser.GetAsync("/oauth/signout"));

        Assert.That((await _server.Http.CallToolAsync(ended.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await _server.Http.CallToolAsync(goesOn.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Continuing_with_another_account_leaves_the_first_ones_apps_connected_and_its_cookie_dead()
    {
        using var browser = new Person(_server);
        var aliceTokens = await _client.ConnectAsync(browser);
        using var copy = new Person(_server);
        Copy(browser.Cookies, copy.Cookies);
        using var bob = new Person(_server, "bob");
        Copy(browser.Cookies, bob.Cookies);

        var bobTokens = await _client.ConnectAsync(bob, ("prompt", "login"));

        Assert.That(new JsonWebToken(bobTokens.Text("access_token")).Subject, Is.Not.EqualTo(new JsonWebToken(aliceTokens.Text("access_token")).Subject));
        Assert.That(Sid(bobTokens.Text("access_token")!), Is.Not.EqualTo(Sid(aliceTokens.Text("access_token")!)));
        Assert.That((await _server.Http.CallToolAsync(aliceTokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await copy.Browser.GetAsync(_client.AuthorizeUrl())).Address.AbsolutePath, Is.EqualTo("/signin"),
            "a new sign-in makes a new secret: the old one is nobody's (session fixation)");
    }

    [Test]
    public async Task A_session_remembers_who_when_where_and_by_whom()
    {
        using var alice = new Person(_server);
        var sid = Sid((await _client.ConnectAsync(alice)).Text("access_token")!);

        var session = (await _server.Services.GetRequiredService<ISessionStorage>().FindAsync(sid, default))!;

        Assert.That(session.Provider, Is.EqualTo("demo"));
        Assert.That(session.CreatedAt, Is.EqualTo(_server.Clock.GetUtcNow()));
        Assert.That(session.SignedInUntil, Is.EqualTo(_server.Clock.GetUtcNow().AddHours(8)));
        Assert.That(session.KeptUntil, Is.GreaterThanOrEqualTo(_server.Clock.GetUtcNow().AddDays(7)), "as long as its refresh token");
        await using var scope = _server.Services.CreateAsyncScope();
        var row = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SignInSessions.SingleAsync(s => s.Id == sid);
        Assert.That(row.ProtectedTokens, Is.Not.Empty);
    }

    private static string Sid(string accessToken) => new JsonWebToken(accessToken).GetClaim("sid").Value;

    private void Copy(CookieContainer from, CookieContainer to) => to.Add(from.GetCookies(new Uri(_server.BaseUrl)));
}
