using System.Net;
using System.Net.Http.Headers;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Mcp;

/// <summary>Hosts that are written in something else verify our tokens by themselves: docs/other-hosts.md. The one in C# runs in PackageTests.</summary>
[Category("Docs"), Category("Node")]
[Parallelizable(ParallelScope.All)]
internal sealed class OtherHostTests
{
    [TestCase("cs"), TestCase("js"), TestCase("python"), TestCase("go")]
    public void A_program_of_the_guide_is_short(string language) =>
        Assert.That(OtherHosts.Program(language).Split('\n').Count(line => line.Trim() is not ("" or "}" or "{")), Is.LessThanOrEqualTo(20));

    [Test]
    public async Task The_one_for_Node_lets_in_who_has_a_token_for_it_and_challenges_everybody_else()
    {
        var resource = $"http://localhost:{Ports.Next()}/mcp";
        await using var server = await TestServer.StartAsync($"OAuth:Resources:0={resource}");
        // Beside the packages that it imports.
        var file = Path.Combine(NodePackages.Folder, $"other-host-{Guid.NewGuid():N}.mjs");
        await File.WriteAllTextAsync(file, OtherHosts.Program("js"));
        try
        {
            await using var host = ChildProcess.Start("node", [file], NodePackages.Folder, new Dictionary<string, string?>
            {
                ["ISSUER"] = server.BaseUrl,
                ["RESOURCE"] = resource,
                ["PORT"] = new Uri(resource).Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            });
            using var http = new HttpClient();
            await host.WaitUntilAsync(cancellationToken => http.IsAnsweredAsync(resource, cancellationToken), "the host");
            using var alice = new Person(server);
            var client = await OAuthClient.RegisterPublicAsync(server);
            var (own, others) = (await client.ConnectAsync(alice, ("resource", resource), ("scope", "mcp openid")), await client.ConnectAsync(alice, ("resource", server.McpUrl)));

            using var good = await AskAsync(http, resource, own.Text("access_token"));
            Assert.That(good.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await good.Content.ReadAsStringAsync(), Does.Contain("may mcp"));
            foreach (var token in new[] { null, "garbage", others.Text("access_token"), own.Text("id_token"), own.Text("access_token")!.Altered() })
            {
                using var refused = await AskAsync(http, resource, token);
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), token);
                Assert.That(refused.Headers.WwwAuthenticate.Single().Parameter, Does.StartWith("resource_metadata=\"http://localhost:"), token);
            }

            var metadata = await (await http.GetAsync(new Uri(new Uri(resource), "/.well-known/oauth-protected-resource/mcp"))).JsonAsync();
            Assert.That(metadata.GetProperty("authorization_servers")[0].GetString(), Is.EqualTo(server.BaseUrl));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<HttpResponseMessage> AskAsync(HttpClient http, string resource, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, resource);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request);
    }
}
