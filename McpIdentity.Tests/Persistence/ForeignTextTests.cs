using System.Net;
using System.Text;
using McpIdentity.Migrations;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Persistence;

/// <summary>Text of strangers that reaches a column is kept the same way by both databases, and never a failure.</summary>
[TestFixture("sqlite")]
[TestFixture("postgres", Category = "Postgres")]
[Category("Storage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ForeignTextTests(string database)
{
    private static readonly string Emoji = char.ConvertFromUtf32(0x1F600);

    private StandInProvider _upstream = null!;
    private TestServer _server = null!;
    private OAuthClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _upstream = await StandInProvider.StartAsync();
        string[] settings =
        [
            .. _upstream.SettingsOf("acme"), "OAuth:RequireVerifiedEmail=false",
        ];
        _server = await TestServer.StartAsync(database == "sqlite" ? settings
            : [.. settings, $"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"]);
        _upstream.RedirectUris.Add(_server.BaseUrl + "/oauth/callback/acme");
        _client = await OAuthClient.RegisterPublicAsync(_server);
    }

    [SetUp]
    public void Reset() => _upstream.Reset();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    private static IEnumerable<TestCaseData> Names()
    {
        yield return new TestCaseData(new string('n', 401), new string('n', 400)) { TestName = "A name of 401 characters" };
        yield return new TestCaseData(new string('n', 399) + Emoji, new string('n', 399)) { TestName = "An emoji across the end" };
        yield return new TestCaseData("Al\0ice", "Alice") { TestName = "A NUL" };
        yield return new TestCaseData("Al\u001bice\r\n", "Alice") { TestName = "Control characters" };
        yield return new TestCaseData("\0\u0007", null) { TestName = "Nothing but control characters" };
        yield return new TestCaseData(string.Concat(Enumerable.Repeat(Emoji, 300)), string.Concat(Enumerable.Repeat(Emoji, 200))) { TestName = "Emoji alone" };
        yield return new TestCaseData(new string('x', 50_000), new string('x', 400)) { TestName = "Fifty thousand characters" };
    }

    [TestCaseSource(nameof(Names))]
    public async Task A_name_is_cut_and_cleaned(string said, string? kept)
    {
        var subject = Guid.NewGuid().ToString();
        (_upstream.Claims["sub"], _upstream.Claims["name"]) = (subject, said);

        var page = await SignInAsync();

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK), page.Body);
        Assert.That((await FindAsync(subject))!.Name, Is.EqualTo(kept));
    }

    // What names somebody would name somebody else when it were changed.
    [TestCase("alice\0@example.com"), TestCase("a\nb@example.com"), TestCase(401)]
    public async Task An_address_that_cannot_be_kept_is_none(object said)
    {
        var subject = Guid.NewGuid().ToString();
        (_upstream.Claims["sub"], _upstream.Claims["email"]) = (subject, said as string ?? new string('a', 401) + "@example.com");

        var page = await SignInAsync();

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK), page.Body);
        var user = await FindAsync(subject);
        Assert.That((user!.Email, user.EmailVerified), Is.EqualTo(((string?)null, false)));
    }

    [TestCase("a\0b"), TestCase("a\u0001b"), TestCase(401)]
    public async Task A_subject_that_cannot_be_kept_is_nobody(object said)
    {
        _upstream.Claims["sub"] = said as string ?? new string('s', 401);

        var page = await SignInAsync();

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadGateway), page.Body);
        Assert.That(page.Body, Does.Contain("provider_unavailable"));
    }

    // As it travels: half a surrogate pair, which no .NET serializer would write.
    [TestCase("name", HttpStatusCode.OK, HttpStatusCode.BadGateway)]
    [TestCase("sub", HttpStatusCode.BadGateway, HttpStatusCode.BadGateway)]
    public async Task Half_a_character_in_userinfo_is_no_failure_of_ours(string member, HttpStatusCode one, HttpStatusCode other)
    {
        _upstream.Faults["/userinfo"] = context =>
        {
            context.Response.ContentType = "application/json";
            var members = new Dictionary<string, string> { ["sub"] = $"\"{_upstream.Claims["sub"]}\"", ["email"] = "\"alice@example.com\"", ["email_verified"] = "true" };
            members[member] = "\"\\ud800\"";
            return context.Response.WriteAsync($"{{{string.Join(',', members.Select(pair => $"\"{pair.Key}\":{pair.Value}"))}}}");
        };

        Assert.That((await SignInAsync()).Status, Is.EqualTo(one).Or.EqualTo(other));
    }

    [Test]
    public async Task A_user_agent_with_an_emoji_across_the_end_is_cut_before_it()
    {
        var subject = Guid.NewGuid().ToString();
        _upstream.Claims["sub"] = subject;

        var page = await SignInAsync(new string('u', 199) + Emoji + "tail");

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.OK), page.Body);
        await using var scope = _server.Services.CreateAsyncScope();
        var user = await FindAsync(subject);
        Assert.That(await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().SignInSessions.Where(session => session.UserId == user!.Id)
            .Select(session => session.DeviceHint).SingleAsync(), Is.EqualTo(new string('u', 199)));
    }

    [TestCase("\\u0000"), TestCase("a\\u0000b"), TestCase("\\ud800"), TestCase("\\udc00\\ud800"), TestCase("\\uffff")]
    public async Task A_registration_with_such_text_is_answered(string text)
    {
        foreach (var member in new[] { "client_name", "client_uri", "software_id", "software_version", "scope", "tos_uri" })
        {
            using var content = new StringContent($$"""{"redirect_uris":["https://client.example/cb"],"{{member}}":"{{text}}"}""", Encoding.UTF8, "application/json");
            using var answer = await _server.Http.PostAsync("/register", content);

            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created).Or.EqualTo(HttpStatusCode.BadRequest), $"{member}: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    [TestCase("%00"), TestCase("a%00b"), TestCase("%ED%A0%80"), TestCase("%F0%9F%98"), TestCase("%EF%BF%BF")]
    public async Task A_client_of_such_a_name_is_not_found(string name)
    {
        using var authorize = await _server.Http.GetAsync($"/oauth/authorize?client_id={name}&response_type=code&redirect_uri={name}");
        using var token = await _server.Http.PostAsync("/oauth/token", new StringContent(
            $"grant_type=client_credentials&client_id={name}&client_secret={name}", Encoding.ASCII, "application/x-www-form-urlencoded"));
        using var basic = new HttpRequestMessage(HttpMethod.Post, "/oauth/token") { Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]) };
        basic.Headers.TryAddWithoutValidation("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{name}:{name}")));
        using var byHeader = await _server.Http.SendAsync(basic);

        Assert.That(new[] { authorize, token, byHeader }.Select(answer => (int)answer.StatusCode), Is.All.InRange(400, 499));
    }

    private async Task<McpIdentity.Migrations.Entities.User?> FindAsync(string subject)
    {
        await using var scope = _server.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().Users.AsNoTracking().SingleOrDefaultAsync(user => user.ProviderSubject == subject);
    }

    private async Task<BrowserPage> SignInAsync(string? userAgent = null)
    {
        using var browser = new NoScriptBrowser(_server.BaseUrl, _upstream.Origin) { UserAgent = userAgent };
        return await browser.SubmitAsync(await browser.GetAsync(_client.AuthorizeUrl()), button: "acme");
    }
}
