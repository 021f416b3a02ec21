using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using McpIdentity.Tests.McpClients;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Persistence;

/// <summary>What a client holds survives the end of the process, with grace or without: SEED-046, SEED-047.</summary>
[Category("Durability"), Category("Slow")]
[Parallelizable(ParallelScope.All)]
internal sealed class RestartTests
{
    [TestCase(true)]
    [TestCase(false)]
    [Category("SEED-032"), Category("SEED-046"), Category("SEED-047")]
    [Category("Node")]
    public async Task A_client_goes_on_with_its_registration_and_refresh_token(bool kill)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-restart-");
        try
        {
            var state = Path.Combine(folder.FullName, "client.json");
            var port = Ports.Next();
            string clientId;
            string keys;
            await using (var before = await ServerProcess.StartAsync(new ServerStart { Folder = folder.FullName, Port = port }))
            {
                clientId = (await TypeScriptClientTests.RunAsync("connect.mjs", before.McpUrl, "--state", state)).Text("clientId")!;
                keys = await before.Http.GetStringAsync("/.well-known/jwks.json");
                if (kill)
                {
                    await before.KillAsync();
                }
                else
                {
                    Assert.That(await before.StopAsync(), Is.Zero);
                }
            }

            await using var after = await ServerProcess.StartAsync(new ServerStart { Folder = folder.FullName, Port = port });
            var result = await TypeScriptClientTests.RunAsync("connect.mjs", after.McpUrl, "--state", state);

            Assert.That(result.Text("clientId"), Is.EqualTo(clientId));
            Assert.That(result.GetProperty("timesAuthorized").GetInt32(), Is.Zero, "nobody is asked again");
            Assert.That(result.Text("greetingAfterRefresh"), Does.Contain("Alice Example"));
            Assert.That(await after.Http.GetStringAsync("/.well-known/jwks.json"), Is.EqualTo(keys));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task What_was_revoked_stays_revoked()
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-restart-");
        try
        {
            var port = Ports.Next();
            string accessToken;
            await using (var before = await ServerProcess.StartAsync(new ServerStart { Folder = folder.FullName, Port = port }))
            {
                var client = await OAuthClient.RegisterPublicAsync(before.Http);
                using var alice = new Person(before.BaseUrl);
                var tokens = await client.ConnectAsync(alice);
                accessToken = tokens.Text("access_token")!;
                Assert.That(await CallAsync(before, accessToken), Is.EqualTo(HttpStatusCode.OK));
                using var revocation = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));
                Assert.That(revocation.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                Assert.That(await CallAsync(before, accessToken), Is.EqualTo(HttpStatusCode.Unauthorized));
                await before.KillAsync();
            }

            await using var after = await ServerProcess.StartAsync(new ServerStart { Folder = folder.FullName, Port = port });

            Assert.That(await CallAsync(after, accessToken), Is.EqualTo(HttpStatusCode.Unauthorized));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<HttpStatusCode> CallAsync(ServerProcess server, string accessToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "greeting", arguments = new { } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        using var response = await server.Http.SendAsync(request);
        return response.StatusCode;
    }
}
