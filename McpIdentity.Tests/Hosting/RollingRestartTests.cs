using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Hosting;

/// <summary>Two servers are replaced one right after the other behind the proxy that we ship, while clients go on: docs/operations.md, "Several servers".</summary>
[Category("Operations"), Category("Nginx"), Category("Postgres"), Category("Slow")]
internal sealed class RollingRestartTests
{
    private const int Lanes = 6;

    [Test]
    public async Task Nobody_notices_and_nothing_is_lost()
    {
        var database = PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
        using var folder = new TemporaryFolder();
        int[] ports = [Ports.Next(), Ports.Next()];
        await using var proxy = await NginxServer.StartShippedAsync(ports[0], ports[1]);
        var nodes = new ServerProcess[2];
        try
        {
            for (var node = 0; node < 2; node++)
            {
                nodes[node] = await ServerProcess.StartAsync(Start(node));
            }

            using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => NginxServer.IsItsCertificate(certificate);
            using var http = new HttpClient(handler) { BaseAddress = new Uri(proxy.BaseUrl) };
            var service = await OAuthClient.RegisterAsync(http, new { client_name = "Service", grant_types = new[] { "client_credentials" } });
            var statuses = new ConcurrentBag<(string What, HttpStatusCode Status, double Seconds)>();
            using var ending = new CancellationTokenSource();
            var lanes = Enumerable.Range(0, Lanes).Select(_ => Task.Run(CallAsync)).ToList();
            await Until.TrueAsync(() => statuses.Count > 50, "requests are being served");

            for (var node = 0; node < 2; node++)
            {
                await nodes[node].StopAsync();
                await nodes[node].DisposeAsync();
                nodes[node] = await ServerProcess.StartAsync(Start(node));
            }

            var before = statuses.Count;
            await Until.TrueAsync(() => statuses.Count > before + 50, "requests are being served after it");
            await ending.CancelAsync();
            await Task.WhenAll(lanes);

            await TestContext.Out.WriteLineAsync($"{statuses.Count} answers, the longest after {statuses.Max(answer => answer.Seconds):N1} s");
            var bad = statuses.Where(answer => (int)answer.Status is not (200 or 201)).Select(answer => $"{answer.What} {(int)answer.Status}").ToList();
            Assert.That(bad, Is.Empty, $"{bad.Count} of {statuses.Count}; the proxy says:\n{proxy.Output}");

            async Task CallAsync()
            {
                while (!ending.IsCancellationRequested)
                {
                    await AskAsync("GET metadata", () => http.GetAsync("/.well-known/oauth-authorization-server"));
                    var token = await AskAsync("POST token", () => service.TokenAsync(("grant_type", "client_credentials")));
                    await AskAsync("POST mcp", () => ListToolsAsync(http, token.Text("access_token")!));
                    await AskAsync("POST register", () => http.PostAsJsonAsync("/register", new { redirect_uris = new[] { "http://127.0.0.1:1/callback" }, token_endpoint_auth_method = "none" }));
                }
            }

            async Task<JsonElement> AskAsync(string what, Func<Task<HttpResponseMessage>> request)
            {
                var clock = Stopwatch.StartNew();
                using var answer = await request();
                statuses.Add((what, answer.StatusCode, clock.Elapsed.TotalSeconds));
                return answer.IsSuccessStatusCode && answer.Content.Headers.ContentType?.MediaType == "application/json" ? await answer.JsonAsync() : default;
            }
        }
        finally
        {
            foreach (var node in nodes.Where(node => node is not null))
            {
                await node.DisposeAsync();
            }
        }

        ServerStart Start(int node) => new()
        {
            Folder = folder.Path,
            Port = ports[node],
            Environment = new Dictionary<string, string?> { ["DATABASE_URL"] = database, ["OAUTH_BASE_URL"] = proxy.BaseUrl, ["TRUST_PROXY"] = "true" },
            Arguments = ["--OAuth:Registration:AllowClientCredentials=true"],
        };
    }

    private static async Task<HttpResponseMessage> ListToolsAsync(HttpClient http, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/list", @params = new { } }),
        };
        request.Headers.Authorization = new("Bearer", token);
        return await http.SendAsync(request);
    }
}
