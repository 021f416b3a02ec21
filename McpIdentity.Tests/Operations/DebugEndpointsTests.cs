using System.Net;
using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Operations;

/// <summary>What a developer may look at, and nobody else: LINK-04, SEED-001.</summary>
[Category("Operations")]
[Parallelizable(ParallelScope.All)]
internal sealed class DebugEndpointsTests
{
    [Test, Category("LINK-04"), Category("SEED-001"), Category("SEED-055")]
    public async Task A_developer_sees_settings_and_grants_without_secrets()
    {
        await using var server = await TestServer.StartAsync("OAuth:GoogleTokenEndpoint=https://tokens.example", "Jwt:Secret=a secret of more than thirty-two bytes!");
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice);

        var config = await server.Http.GetStringAsync("/debug/config");
        var grants = await server.Http.GetStringAsync("/debug/tokens");

        Assert.That(config, Does.Contain("\"Mcp:Auth:AuthType\":{\"value\":\"oauth\"").And.Not.Contain("a secret of more").And.Not.Contain("a test key of more"));
        Assert.That(grants, Does.Contain(client.ClientId).And.Not.Contain(tokens.Text("access_token")!).And.Not.Contain(tokens.Text("refresh_token")!));
    }

    [Test, Category("LINK-04")]
    public async Task Nothing_is_shown_through_a_tunnel_or_outside_development()
    {
        await using var server = await TestServer.StartAsync();
        await using var staging = await TestServer.StartAsync("environment=Staging");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/debug/config");
        request.Headers.Add("X-Forwarded-For", "203.0.113.7");
        using var throughTunnel = await server.Http.SendAsync(request);
        using var outside = await staging.Http.GetAsync("/debug/tokens");

        Assert.That(throughTunnel.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(outside.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }
}
