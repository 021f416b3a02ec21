using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// A node of two is killed while requests are in flight, and started again. A client may repeat what was cut off or answered
/// 502 or 503; more than that it need not know: SEED-029; docs/interoperability.md, "Any server of several".
/// </summary>
[Category("SEED-029")]
[Category("Postgres"), Category("Redis"), Category("Nginx")]
[Category("Durability"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class ClusterCrashTests
{
    private const int Clients = 4;

    // So many that a kill meets one of them rather than a page or a registration.
    private const int Refreshes = 5;

    [Test]
    public async Task Every_flow_under_way_ends_and_nothing_that_was_answered_is_lost_or_issued_twice()
    {
        // The longest grace: how soon a client of this test repeats is the machine's to say.
        await using var cluster = await Cluster.StartAsync("OAuth:RefreshTokenReuseGraceSeconds=300");
        var issued = new ConcurrentDictionary<string, bool>();
        using var enough = new CancellationTokenSource();
        using var over = new CancellationTokenSource();
        var clients = Enumerable.Range(0, Clients).Select(_ => new FlowAfterFlow(cluster, issued, over.Token)).ToList();
        var running = clients.Select(client => Task.Run(() => client.RunAsync(enough.Token))).ToList();

        try
        {
            // First one node, then the other beside the one that is back; and on until a kill has met a refresh, as most do.
            await KillAsync(0);
            for (var node = 1; node == 1 || !clients.Exists(client => client.HasRepeatedARefresh); node++)
            {
                await cluster.StartAgainAsync((node - 1) % 2);
                await KillAsync(node % 2);
            }

            await enough.CancelAsync();
            await Task.WhenAll(running);
            foreach (var (client, refreshToken) in clients.SelectMany(client => client.Held))
            {
                using var refresh = await client.RefreshAsync(refreshToken);
                Assert.That(refresh.StatusCode, Is.EqualTo(HttpStatusCode.OK), await refresh.Content.ReadAsStringAsync());
                Assert.That(issued.TryAdd((await refresh.JsonAsync()).Text("refresh_token")!, true), Is.True, "a token of its own");
            }
        }
        finally
        {
            await over.CancelAsync(); // Where the test has failed, its clients would repeat for ever what nobody answers.
        }

        async Task KillAsync(int node)
        {
            await EachEndsAFlowAsync("with both nodes");
            await cluster.CrashAsync(node);
            await EachEndsAFlowAsync("with the other node alone");
        }

        async Task EachEndsAFlowAsync(string when)
        {
            var before = clients.ConvertAll(client => client.Held.Count);
            await Until.TrueAsync(
                () => running.Exists(client => client.IsFaulted) || clients.Zip(before).All(pair => pair.First.Held.Count > pair.Second), $"each client ends a flow {when}");
            await Task.WhenAll(running.Where(client => client.IsFaulted));
        }
    }

    /// <summary>A client program and a person, who begin again as soon as they are through: registration, sign-in, consent, code, refreshes and calls.</summary>
    private sealed class FlowAfterFlow(Cluster cluster, ConcurrentDictionary<string, bool> issued, CancellationToken over)
    {
        /// <summary>The refresh tokens that the flows ended with.</summary>
        public ConcurrentQueue<(OAuthClient Client, string RefreshToken)> Held { get; } = [];

        public bool HasRepeatedARefresh { get; private set; }

        public async Task RunAsync(CancellationToken enough)
        {
            while (!enough.IsCancellationRequested)
            {
                var client = await RegisterAsync();
                using var person = new Person(cluster.BaseUrl);
                var tokens = await ConnectAsync(client, person);
                for (var refresh = 0; refresh < Refreshes; refresh++)
                {
                    var (answer, isRepeated) = await AskAsync(() => client.RefreshAsync(tokens.Text("refresh_token")!));
                    tokens = await AcknowledgedAsync(answer);
                    HasRepeatedARefresh |= isRepeated;
                }

                Assert.That(await CallAsync(tokens), Is.EqualTo(HttpStatusCode.OK));
                Held.Enqueue((client, tokens.Text("refresh_token")!));
            }
        }

        private async Task<OAuthClient> RegisterAsync()
        {
            var (answer, _) = await AskAsync(() => cluster.Http.PostAsJsonAsync("/register", new
            {
                redirect_uris = new[] { OAuthClient.DefaultRedirectUri },
                token_endpoint_auth_method = "none",
                grant_types = new[] { "authorization_code", "refresh_token" },
            }));
            using (answer)
            {
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created), await answer.Content.ReadAsStringAsync());
                return OAuthClient.Of(cluster.Http, (await answer.JsonAsync()).Text("client_id")!, secret: null, OAuthClient.DefaultRedirectUri);
            }
        }

        private async Task<JsonElement> ConnectAsync(OAuthClient client, Person person)
        {
            while (true)
            {
                var code = await AuthorizeAsync(client, person);
                var (answer, isRepeated) = await AskAsync(() => client.RedeemAsync(code));
                if (!isRepeated || answer.IsSuccessStatusCode)
                {
                    return await AcknowledgedAsync(answer);
                }

                // RFC 6749 §4.1.2: the node that died may have spent the code, and it is spent once. The client goes for another.
                Assert.That(await answer.OAuthErrorAsync(), Is.EqualTo("invalid_grant"));
                answer.Dispose();
            }
        }

        // A person whose page does not come begins again in the client.
        private async Task<string> AuthorizeAsync(OAuthClient client, Person person)
        {
            while (true)
            {
                try
                {
                    return (await person.AuthorizeAsync(client.AuthorizeUrl()))["code"]!;
                }
                catch (Exception exception) when (!over.IsCancellationRequested && (exception is HttpRequestException || (exception is AssertionException && IsCutOff(person.Browser.Visits[^1].Status))))
                {
                    // It does not come.
                }
            }
        }

        private async Task<HttpStatusCode> CallAsync(JsonElement tokens)
        {
            while (true)
            {
                try
                {
                    var (status, _) = await cluster.Http.CallToolAsync(tokens.Text("access_token"));
                    if (!IsCutOff(status))
                    {
                        return status;
                    }
                }
                catch (HttpRequestException) when (!over.IsCancellationRequested)
                {
                    // As below.
                }
            }
        }

        private async Task<(HttpResponseMessage Answer, bool IsRepeated)> AskAsync(Func<Task<HttpResponseMessage>> request)
        {
            for (var isRepeated = false; ; isRepeated = true)
            {
                try
                {
                    var answer = await request();
                    if (!IsCutOff(answer.StatusCode))
                    {
                        return (answer, isRepeated);
                    }

                    answer.Dispose();
                }
                catch (HttpRequestException) when (!over.IsCancellationRequested)
                {
                    // The proxy lost the node in the middle of its answer.
                }
            }
        }

        private async Task<JsonElement> AcknowledgedAsync(HttpResponseMessage answer)
        {
            using (answer)
            {
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
                var tokens = await answer.JsonAsync();
                Assert.That(issued.TryAdd(tokens.Text("refresh_token")!, true), Is.True, "a token of its own");
                return tokens;
            }
        }

        private static bool IsCutOff(HttpStatusCode status) => status is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable;
    }
}
