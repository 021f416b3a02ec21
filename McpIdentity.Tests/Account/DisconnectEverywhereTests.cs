using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace McpIdentity.Tests.Account;

/// <summary>Disconnect on one server ends the app on the other too, and of a refresh at the same moment nothing is left: docs/decisions/0002, docs/account.md.</summary>
[Category("Postgres")]
[Parallelizable(ParallelScope.All)]
internal sealed class DisconnectEverywhereTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [TestCase(Paths.DisconnectApp), TestCase(Paths.DisconnectApps)]
    public async Task What_is_disconnected_at_one_server_is_refused_by_the_other_within_a_second(string path)
    {
        await using var nodes = await Nodes.StartAsync(2, await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        var client = await OAuthClient.RegisterPublicAsync(nodes.First.Http);
        using var alice = new Person(nodes.First.BaseUrl);
        var longest = TimeSpan.Zero;
        for (var round = 0; round < 3; round++)
        {
            var tokens = await client.ConnectAsync(alice);
            Assert.That(await CallAsync(nodes, tokens.Text("access_token")!), Is.EqualTo(HttpStatusCode.OK));
            var asked = path == Paths.DisconnectApps ? await alice.Browser.GetAsync(path)
                : await alice.Browser.FollowAsync(await alice.Browser.GetAsync(Paths.Apps), "Disconnect Test client");

            var done = await alice.Browser.SubmitAsync(asked);
            var since = Stopwatch.GetTimestamp();
            Assert.That(done.Status(), Does.Contain("access any more"));
            using var deadline = new CancellationTokenSource(Deadline);
            while (await CallAsync(nodes, tokens.Text("access_token")!) == HttpStatusCode.OK)
            {
                deadline.Token.ThrowIfCancellationRequested();
            }

            var took = Stopwatch.GetElapsedTime(since);
            longest = took > longest ? took : longest;
            using var refresh = await client.At(nodes.Servers[1].Http).RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(await refresh.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
        }

        TestContext.Out.WriteLine($"Refused by the other server {longest.TotalMilliseconds:F0} ms after the page had said so, the longest of three.");
        Assert.That(longest, Is.LessThan(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task Of_a_refresh_at_the_same_moment_nothing_lives()
    {
        await using var server = await TestServer.StartAsync(
            "Database:Provider=Postgres", $"Database:ConnectionString={await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()}", "Mcp:RateLimiting:AuthEndpointMaxRequests=10000");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        for (var round = 0; round < 20; round++)
        {
            var tokens = await client.ConnectAsync(alice);
            var asked = await alice.Browser.FollowAsync(await alice.Browser.GetAsync(Paths.Apps), "Disconnect Test client");
            var (access, refresh) = (new List<string> { tokens.Text("access_token")! }, tokens.Text("refresh_token")!);

            await Task.WhenAll(RefreshAsync(), alice.Browser.SubmitAsync(asked));

            foreach (var token in access)
            {
                Assert.That((await server.Http.CallToolAsync(token)).Status, Is.EqualTo(HttpStatusCode.Unauthorized), $"round {round}");
            }

            using var last = await client.RefreshAsync(refresh);
            Assert.That(await last.OAuthErrorAsync(), Is.EqualTo("invalid_grant"), $"round {round}");
            Assert.That(await server.DatabaseAsync(db => db.Grants.CountAsync(grant => grant.RevokedAt == null)), Is.Zero);

            // One after the other until it is refused, as a client that is in a hurry.
            async Task RefreshAsync()
            {
                while (true)
                {
                    using var answer = await client.RefreshAsync(refresh);
                    if (!answer.IsSuccessStatusCode)
                    {
                        return;
                    }

                    var got = await answer.JsonAsync();
                    access.Add(got.Text("access_token")!);
                    refresh = got.Text("refresh_token")!;
                }
            }
        }
    }

    private static async Task<HttpStatusCode> CallAsync(Nodes nodes, string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "greeting", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        request.Headers.Host = new Uri(nodes.First.BaseUrl).Authority;
        using var response = await nodes.Servers[1].Http.SendAsync(request);
        return response.StatusCode;
    }
}
