using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Tokens;

/// <summary>Codes and refresh tokens are spent once: SEED-034, SEED-035, docs/decisions/0002.</summary>
[Category("RFC 6749")]
[Parallelizable(ParallelScope.All)]
internal sealed class SingleUseTests
{
    private TestServer _server = null!;
    private TestServer _strict = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await TestServer.StartAsync();
        _strict = await TestServer.StartAsync("OAuth:RefreshTokenReuseGraceSeconds=0");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        await _strict.DisposeAsync();
    }

    [Test]
    [Category("SEED-043")]
    public async Task A_code_works_once_and_its_replay_ends_the_grant()   // RFC 6749 §4.1.2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var first = await client.RedeemAsync(code);
        var tokens = await first.JsonAsync();

        using var replay = await client.RedeemAsync(code);

        Assert.That(await replay.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        await AssertHasEndedAsync(_server, client, tokens.Text("refresh_token")!, tokens.Text("access_token")!);
    }

    // Who has read a code in a browser's history or a log has neither the verifier nor the client: that is no second use.
    [TestCase("code_verifier", "0123456789012345678901234567890123456789012"), TestCase("redirect_uri", "https://client.example/elsewhere"), TestCase("client_id", "another client's")]
    public async Task A_spent_code_in_a_request_that_is_wrong_otherwise_ends_nothing(string parameter, string value)   // OAuth 2.1 §4.1.3
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var other = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var first = await client.RedeemAsync(code);
        var tokens = await first.JsonAsync();

        using var wrong = await client.RedeemAsync(code, (parameter, parameter == "client_id" ? other.ClientId : value));
        using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);

        Assert.That(await wrong.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_spent_refresh_token_of_another_client_ends_nothing()   // OAuth 2.1 §4.3.1
    {
        var client = await OAuthClient.RegisterPublicAsync(_strict);
        var other = await OAuthClient.RegisterPublicAsync(_strict);
        using var alice = new Person(_strict);
        var spent = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        using var first = await client.RefreshAsync(spent);
        var current = (await first.JsonAsync()).Text("refresh_token")!;

        using var wrong = await other.RefreshAsync(spent);
        using var refresh = await client.RefreshAsync(current);

        Assert.That(await wrong.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_code_of_twelve_redemptions_at_once_succeeds_once()   // RFC 6749 §4.1.2
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        for (var round = 0; round < 10; round++)
        {
            var code = await client.AuthorizeAsync(alice);

            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RedeemAsync(code)));

            Assert.That(answers.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1));
            Assert.That(answers.Where(answer => !answer.IsSuccessStatusCode).Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.BadRequest));
        }
    }

    [Test]
    public async Task A_code_dies_after_a_minute()   // RFC 6749 §4.1.2
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var code = await client.AuthorizeAsync(alice);
        server.Clock.Advance(TimeSpan.FromSeconds(61));

        using var late = await client.RedeemAsync(code);

        Assert.That(await late.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [Test]
    public async Task A_verifier_that_could_be_guessed_is_refused()   // RFC 7636 §4.1
    {
        const string Short = "guess";
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var challenge = Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Short)));
        var code = await client.AuthorizeAsync(alice, ("code_challenge", challenge));

        using var answer = await client.RedeemAsync(code, ("code_verifier", Short));

        Assert.That(await answer.OAuthErrorAsync(), Is.EqualTo("invalid_request"));
    }

    [Test]
    [Requirement("MCP-05")]
    public async Task A_wrong_verifier_does_not_spend_the_code()   // RFC 7636 §4.6
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var code = await client.AuthorizeAsync(alice);
        using var guess = await client.RedeemAsync(code, ("code_verifier", new string('x', 43)));
        Assert.That(await guess.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));

        using var right = await client.RedeemAsync(code);

        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [Category("SEED-035"), Category("B-05")]
    [Requirement("MCP-12")]
    public async Task A_refresh_rotates_and_the_reuse_of_the_old_token_ends_the_family()   // SEED-035, with a grace of 0
    {
        var client = await OAuthClient.RegisterPublicAsync(_strict);
        using var alice = new Person(_strict);
        var first = await client.ConnectAsync(alice);
        using var answer = await client.RefreshAsync(first.Text("refresh_token")!);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        var second = await answer.JsonAsync();
        Assert.That(second.Text("refresh_token"), Is.Not.EqualTo(first.Text("refresh_token")));
        Assert.That(second.Text("access_token"), Is.Not.EqualTo(first.Text("access_token")));
        Assert.That(second.Text("scope"), Is.EqualTo("mcp mcp:call"));

        using var reuse = await client.RefreshAsync(first.Text("refresh_token")!);

        Assert.That(await reuse.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        await AssertHasEndedAsync(_strict, client, second.Text("refresh_token")!, second.Text("access_token")!);
    }

    [Test]
    public async Task The_replay_of_one_grant_leaves_the_other_devices_of_the_person_alone()   // docs/interoperability.md, "Several installations of one client"
    {
        var client = await OAuthClient.RegisterPublicAsync(_strict);
        using var alice = new Person(_strict);
        var laptop = await client.ConnectAsync(alice);
        var phone = await client.ConnectAsync(alice);
        using var refresh = await client.RefreshAsync(laptop.Text("refresh_token")!);
        using var reuse = await client.RefreshAsync(laptop.Text("refresh_token")!);
        Assert.That(await reuse.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));

        using var other = await client.RefreshAsync(phone.Text("refresh_token")!);

        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [Category("SEED-035")]
    public async Task Of_twelve_refreshes_at_once_one_succeeds_without_a_grace()   // docs/decisions/0002
    {
        var client = await OAuthClient.RegisterPublicAsync(_strict);
        using var alice = new Person(_strict);
        for (var round = 0; round < 10; round++)
        {
            var tokens = await client.ConnectAsync(alice);

            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(tokens.Text("refresh_token")!)));

            Assert.That(answers.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Of_twelve_refreshes_at_once_all_get_the_same_successor_within_the_grace()   // docs/interoperability.md, "Two refreshes at once"
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        using var alice = new Person(_server);
        var current = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        for (var round = 0; round < 10; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(current)));

            Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.OK));
            var successors = await Task.WhenAll(answers.Select(async answer => (await answer.JsonAsync()).Text("refresh_token")!));
            Assert.That(successors.Distinct().ToList(), Has.Count.EqualTo(1), "a chain never forks");
            Assert.That(successors[0], Is.Not.EqualTo(current));
            current = successors[0];
        }
    }

    [Test]
    public async Task After_the_grace_or_after_the_next_refresh_reuse_ends_the_family()   // RFC 9700 §4.14.2
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var late = await client.ConnectAsync(alice);
        var overtaken = await client.ConnectAsync(alice);
        using var refresh = await client.RefreshAsync(late.Text("refresh_token")!);
        server.Clock.Advance(TimeSpan.FromSeconds(31));
        using var second = await client.RefreshAsync(overtaken.Text("refresh_token")!);
        using var third = await client.RefreshAsync((await second.JsonAsync()).Text("refresh_token")!);

        using var tooLate = await client.RefreshAsync(late.Text("refresh_token")!);
        using var twoBack = await client.RefreshAsync(overtaken.Text("refresh_token")!);

        Assert.That(await tooLate.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        Assert.That(await twoBack.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        var refreshed = await refresh.JsonAsync();
        await AssertHasEndedAsync(server, client, refreshed.Text("refresh_token")!, refreshed.Text("access_token")!);
        var thirds = await third.JsonAsync();
        await AssertHasEndedAsync(server, client, thirds.Text("refresh_token")!, thirds.Text("access_token")!);
    }

    // Another node, whose clock is ahead, has moved the row: its moment is in this one's future.
    [Test]
    public async Task Where_there_is_no_grace_no_clock_makes_one()   // RFC 9700 §4.14.2
    {
        await using var server = await TestServer.StartAsync("OAuth:RefreshTokenReuseGraceSeconds=0");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var spent = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        using var refresh = await client.RefreshAsync(spent);
        Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        server.Clock.AdjustTime(server.Clock.GetUtcNow() - TimeSpan.FromSeconds(1));

        using var again = await client.RefreshAsync(spent);

        Assert.That(await again.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        var refreshed = await refresh.JsonAsync();
        await AssertHasEndedAsync(server, client, refreshed.Text("refresh_token")!, refreshed.Text("access_token")!);
    }

    [Test]
    [Category("SEED-034")]
    public async Task A_refresh_token_dies_after_seven_days()   // SEED-034
    {
        await using var server = await TestServer.StartAsync();
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);
        server.Clock.Advance(TimeSpan.FromDays(7) - TimeSpan.FromSeconds(5));
        using var justInTime = await client.RefreshAsync(tokens.Text("refresh_token")!);
        Assert.That(justInTime.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        server.Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromSeconds(1));

        using var late = await client.RefreshAsync((await justInTime.JsonAsync()).Text("refresh_token")!);

        Assert.That(await late.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    [Test]
    public async Task A_family_ends_with_its_absolute_lifetime_however_often_it_was_refreshed()   // docs/configuration.md, "OAuth"
    {
        await using var server = await TestServer.StartAsync("OAuth:RefreshTokenFamilyLifetime=10.00:00:00");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
        server.Clock.Advance(TimeSpan.FromDays(6));
        using var refresh = await client.RefreshAsync(token);
        token = (await refresh.JsonAsync()).Text("refresh_token")!;
        server.Clock.Advance(TimeSpan.FromDays(4) + TimeSpan.FromSeconds(1));

        using var late = await client.RefreshAsync(token);

        Assert.That(await late.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
    }

    private static async Task AssertHasEndedAsync(TestServer server, OAuthClient client, string refreshToken, string accessToken)
    {
        using var refresh = await client.RefreshAsync(refreshToken);
        Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        using var userInfo = await server.Http.SendAsync(request);
        Assert.That(userInfo.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }
}
