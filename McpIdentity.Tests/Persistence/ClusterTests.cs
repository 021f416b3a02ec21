using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Persistence;

/// <summary>Whole flows over two servers, a node at a step: SEED-029; docs/interoperability.md, "Any server of several".</summary>
[Category("SEED-029")]
[Category("Postgres"), Category("Redis"), Category("Nginx")]
[Category("Storage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class ClusterTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private Cluster _cluster = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _cluster = await Cluster.StartAsync("OAuth:RefreshTokenReuseGraceSeconds=0");

    [OneTimeTearDown]
    public async Task StopAsync() => await _cluster.DisposeAsync();

    [Test]
    public async Task Every_step_of_a_flow_may_meet_the_other_node()
    {
        var client = await OAuthClient.RegisterPublicAsync(_cluster.Http);
        using var alice = new Person(_cluster.BaseUrl);
        // As long as some clients make it: the addresses of our pages pass the proxy, and so does the answer.
        var tokens = await client.ConnectAsync(alice, ("state", string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i * 7919 % 10000:D4}"))));
        Assert.That(alice.PagesSeen, Has.Some.Contain("signin").And.Some.Contain("consent"));
        for (var i = 0; i < 4; i++)
        {
            using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
            tokens = await TokensAsync(refresh);
            Assert.That(await CallAsync(_cluster.Http, tokens.Text("access_token")!), Is.EqualTo(HttpStatusCode.OK));
        }

        alice.PagesSeen.Clear();
        await client.AuthorizeAsync(alice);
        Assert.That(alice.PagesSeen, Is.Empty, "session and consent are known to both nodes");

        using var revocation = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
        Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        for (var node = 0; node < 2; node++)
        {
            await UntilRefusedAsync(_cluster.Node(node), tokens.Text("access_token")!);
        }
    }

    [Test]
    public async Task One_code_and_one_refresh_token_have_one_winner_over_both_nodes()
    {
        var client = await OAuthClient.RegisterPublicAsync(_cluster.Http);
        using var alice = new Person(_cluster.BaseUrl);
        for (var round = 0; round < 3; round++)
        {
            var code = await client.AuthorizeAsync(alice);
            var redemptions = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RedeemAsync(code)));
            Assert.That(redemptions.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1), $"code, round {round}");

            // The losers of a race are replays: they end the chain on both nodes.
            var loser = await TokensAsync(redemptions.Single(answer => answer.IsSuccessStatusCode));
            for (var node = 0; node < 2; node++)
            {
                await UntilRefusedAsync(_cluster.Node(node), loser.Text("access_token")!);
            }

            var tokens = await client.ConnectAsync(alice);
            var refreshes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => client.RefreshAsync(tokens.Text("refresh_token")!)));
            Assert.That(refreshes.Count(answer => answer.IsSuccessStatusCode), Is.EqualTo(1), $"refresh, round {round}");
            foreach (var answer in redemptions.Concat(refreshes))
            {
                answer.Dispose();
            }
        }
    }

    [Test]
    [Category("SEED-047")]
    public async Task A_new_signing_key_is_known_to_both_nodes_before_either_signs_with_it()
    {
        var service = await OAuthClient.RegisterAsync(_cluster.Http, new { client_name = "Service", grant_types = new[] { "client_credentials" } });
        var before = await ServiceTokenAsync(service);

        await _cluster.RunAsync("keys", "rotate", "--now");

        using var deadline = new CancellationTokenSource(Deadline);
        var signers = new HashSet<string>();
        while (!(signers.Count == 2 && await BothSignWithOneAsync()))
        {
            deadline.Token.ThrowIfCancellationRequested();
            var token = await ServiceTokenAsync(service);
            signers.Add(new JsonWebToken(token).Kid);
            foreach (var node in (int[])[0, 1])
            {
                Assert.That(await CallAsync(_cluster.Node(node).Http, token), Is.EqualTo(HttpStatusCode.OK), "whoever signed it");
                Assert.That(await CallAsync(_cluster.Node(node).Http, before), Is.EqualTo(HttpStatusCode.OK));
            }
        }

        async Task<bool> BothSignWithOneAsync()
        {
            var (first, second) = (await ServiceTokenAsync(service), await ServiceTokenAsync(service));
            return new JsonWebToken(first).Kid == new JsonWebToken(second).Kid && new JsonWebToken(first).Kid != new JsonWebToken(before).Kid;
        }
    }

    [Test]
    public async Task A_node_is_killed_and_started_again_between_the_steps()
    {
        var client = await OAuthClient.RegisterPublicAsync(_cluster.Http);
        using var alice = new Person(_cluster.BaseUrl);
        for (var node = 0; node < 2; node++)
        {
            var tokens = await client.ConnectAsync(alice);
            var code = await client.AuthorizeAsync(alice);
            var key = await _cluster.Http.GetStringAsync("/.well-known/jwks.json");

            await _cluster.KillAsync(node);

            using var redemption = await client.RedeemAsync(code);
            await TokensAsync(redemption);
            using var refresh = await client.RefreshAsync(tokens.Text("refresh_token")!);
            var refreshed = await TokensAsync(refresh);
            Assert.That(await CallAsync(_cluster.Http, tokens.Text("access_token")!), Is.EqualTo(HttpStatusCode.OK));
            using var bob = new Person(_cluster.BaseUrl, "bob");
            await (await OAuthClient.RegisterPublicAsync(_cluster.Http)).ConnectAsync(bob);
            using var revocation = await client.PostAsync("/oauth/revoke", ("token", refreshed.Text("refresh_token")));
            Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));

            await _cluster.StartAgainAsync(node);

            Assert.That(await CallAsync(_cluster.Node(node).Http, refreshed.Text("access_token")!), Is.EqualTo(HttpStatusCode.Unauthorized), "revoked while it was away");
            Assert.That(new JsonWebKeySet(await _cluster.Http.GetStringAsync("/.well-known/jwks.json")).Keys.Select(k => k.Kid),
                Is.EquivalentTo(new JsonWebKeySet(key).Keys.Select(k => k.Kid)));
        }
    }

    private static async Task<JsonElement> TokensAsync(HttpResponseMessage response)
    {
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private static async Task<string> ServiceTokenAsync(OAuthClient service)
    {
        using var response = await service.TokenAsync(("grant_type", "client_credentials"));
        return (await TokensAsync(response)).Text("access_token")!;
    }

    private async Task UntilRefusedAsync(ServerProcess node, string accessToken)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (await CallAsync(node.Http, accessToken) != HttpStatusCode.Unauthorized)
        {
            deadline.Token.ThrowIfCancellationRequested();
        }
    }

    private async Task<HttpStatusCode> CallAsync(HttpClient http, string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "greeting", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        request.Headers.Host = new Uri(_cluster.BaseUrl).Authority;
        using var response = await http.SendAsync(request);
        return response.StatusCode;
    }
}
