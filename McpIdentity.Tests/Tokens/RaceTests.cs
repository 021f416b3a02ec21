using System.Net;
using McpIdentity.Server.Persistence;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Tokens;

/// <summary>
/// Twelve requests at once with one code or one refresh token, over two processes (docs/decisions/0002). A few rounds each;
/// <c>bench -- races --rounds 1000</c> runs the thousand.
/// </summary>
[Category("Storage"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class RaceTests
{
    private const int Rounds = 4;
    private const int Racers = 12;

    [TestCase(false, 0), TestCase(false, 30)]
    [TestCase(true, 0, Category = "Postgres"), TestCase(true, 30, Category = "Postgres")]
    public async Task A_code_and_a_refresh_token_are_spent_once_on_two_nodes(bool postgres, int grace)
    {
        var database = postgres ? await (await PostgresServer.SharedAsync()).CreateDatabaseAsync() : null;
        await using var nodes = await Nodes.StartAsync(2, database, $"OAuth:RefreshTokenReuseGraceSeconds={grace}");
        var client = await OAuthClient.RegisterPublicAsync(nodes.First.Http);
        using var alice = new Person(nodes.First.BaseUrl);
        for (var round = 0; round < Rounds; round++)
        {
            var code = await client.AuthorizeAsync(alice);
            var redeemed = await RaceAsync(nodes, client, racer => racer.RedeemAsync(code));
            Assert.That(redeemed.Count(answer => answer.StatusCode == HttpStatusCode.OK), Is.EqualTo(1), $"code, round {round}");
            Assert.That(redeemed.Count(answer => answer.StatusCode == HttpStatusCode.BadRequest), Is.EqualTo(Racers - 1));

            var token = (await client.ConnectAsync(alice)).Text("refresh_token")!;
            var refreshed = await RaceAsync(nodes, client, racer => racer.RefreshAsync(token));
            await AssertOneChildAsync(refreshed, grace, client, round);
        }
    }

    private static async Task AssertOneChildAsync(HttpResponseMessage[] refreshed, int grace, OAuthClient client, int round)
    {
        var successes = refreshed.Where(answer => answer.StatusCode == HttpStatusCode.OK).ToList();
        Assert.That(successes, Has.Count.EqualTo(grace == 0 ? 1 : Racers), $"refresh, round {round}");
        var successors = await Task.WhenAll(successes.Select(async answer => (await answer.JsonAsync()).Text("refresh_token")!));
        Assert.That(successors.Distinct().ToList(), Has.Count.EqualTo(1), "a family has one living child");

        using var next = await client.RefreshAsync(successors[0]);
        Assert.That(next.StatusCode, Is.EqualTo(grace == 0 ? HttpStatusCode.BadRequest : HttpStatusCode.OK), "without a grace the reuse has ended the family");
    }

    private static Task<HttpResponseMessage[]> RaceAsync(Nodes nodes, OAuthClient client, Func<OAuthClient, Task<HttpResponseMessage>> request) =>
        Task.WhenAll(Enumerable.Range(0, Racers).Select(racer => request(client.At(nodes.Servers[racer % nodes.Servers.Count].Http))));
}
