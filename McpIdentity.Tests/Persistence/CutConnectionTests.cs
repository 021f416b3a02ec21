using System.Net;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// The connection to PostgreSQL is reset in the middle of a request, at every statement and on both sides of it: 503 with
/// Retry-After, and what the client holds still leads on (docs/operations.md, "When the database or Redis is away").
/// </summary>
[Category("Storage"), Category("Postgres")]
[Parallelizable(ParallelScope.Self)]
internal sealed class CutConnectionTests
{
    private const string Find = "FROM \"Grants\" WHERE";
    private const string Spend = "UPDATE \"Grants\" SET \"Generation\"";
    private const string Begin = "INSERT INTO \"Grants\"";
    private const string End = "UPDATE \"Grants\" AS";

    private FaultyProxy _proxy = null!;
    private TestServer _server = null!;
    private readonly RecordedLog _log = new();

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        // A statement that is used often is sent by a name instead of its text, which the proxy would not know.
        var database = new NpgsqlConnectionStringBuilder(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()) { AutoPrepareMinUsages = int.MaxValue };
        _proxy = new FaultyProxy(database.Port);
        database.Port = _proxy.Port;
        // The audit commits when it likes, over the same proxy: the COMMIT that is cut would be its own now and then.
        _server = await TestServer.StartAsync(builder => builder.Logging.AddProvider(_log), "Database:Provider=Postgres", $"Database:ConnectionString={database.ConnectionString}", "Audit:Enabled=false");
    }

    [TearDown]
    public void NoLibraryCallsItAnError() => Assert.That(_log.Lines, Has.None.StartsWith("Error "));

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        _log.Dispose();
        await _proxy.DisposeAsync();
    }

    [Test]
    public async Task A_refresh_token_leads_on_wherever_its_refresh_was_cut([Values(Find, Spend)] string statement, [Values] Cut moment)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var old = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        ForgetGrants();
        _proxy.CutAt(statement, moment);

        using (var cut = await client.RefreshAsync(old))
        {
            await AssertUnavailableAsync(cut);
        }

        // To the client it is the same whether its token was spent or not: it tries again with what it has.
        var tokens = await RefreshedAsync(client, old);
        await RefreshedAsync(client, tokens);
    }

    [Test]
    public async Task A_code_is_redeemed_once_wherever_its_redemption_was_cut([Values(Find, Spend)] string statement, [Values] Cut moment)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        ForgetGrants();
        _proxy.CutAt(statement, moment);

        using (var cut = await client.RedeemAsync(code))
        {
            await AssertUnavailableAsync(cut);
        }

        using var again = await client.RedeemAsync(code);
        if (statement == Spend && moment == Cut.BeforeItIsAnswered)
        {
            // RFC 6749 §4.1.2: a code that was spent is refused, whoever heard of it. The client goes for another.
            Assert.That(await again.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
            alice.PagesSeen.Clear();
            await client.ConnectAsync(alice);
            Assert.That(alice.PagesSeen, Is.EqualTo(["/consent"]), "with the grant its consent has ended: who came second may have stolen the code");
        }
        else
        {
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK), await again.Content.ReadAsStringAsync());
        }
    }

    [Test]
    public async Task A_revocation_that_was_cut_can_be_repeated([Values(End, "COMMIT")] string statement, [Values] Cut moment)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var tokens = await client.ConnectAsync(alice);
        _proxy.CutAt(statement, moment);

        using (var cut = await RevokeAsync())
        {
            await AssertUnavailableAsync(cut);
        }

        using var again = await RevokeAsync();
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK), await again.Content.ReadAsStringAsync());
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That((await _server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.Unauthorized));

        Task<HttpResponseMessage> RevokeAsync() => client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
    }

    [Test]
    public async Task A_person_whose_authorization_was_cut_sees_a_page_and_goes_on_from_there([Values] Cut moment)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        await client.ConnectAsync(alice);
        _proxy.CutAt(Begin, moment);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), page.Body);
        Assert.That(page.Headers!.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(page.Body, Does.Contain("nothing of yours is lost"));
        await client.ConnectAsync(alice);
    }

    // As a server that has written none of them: it reads a grant before it spends its token.
    private void ForgetGrants() => _server.Services.GetRequiredService<Grants>().ForgetAll();

    private static async Task<string> RefreshedAsync(OAuthClient client, string refreshToken)
    {
        using var answer = await client.RefreshAsync(refreshToken);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        return (await answer.JsonAsync()).Text("refresh_token")!;
    }

    private async Task AssertUnavailableAsync(HttpResponseMessage answer)
    {
        Assert.That(_proxy.IsWaitingToCut, Is.False, "the statement was sent");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
        Assert.That(answer.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
        Assert.That((await answer.JsonAsync()).Text("error"), Is.EqualTo("temporarily_unavailable"));
    }
}
