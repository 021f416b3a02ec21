using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.McpClients;

/// <summary>General OAuth and OpenID Connect libraries, for programs that have no MCP SDK. They validate every answer strictly.</summary>
[Category("Clients"), Category("Node"), Category("SEED-006"), Category("SEED-084")]
internal sealed class LibraryTests
{
    [TestCase("oauth4webapi"), TestCase("openid-client")]
    public async Task The_library_discovers_registers_signs_in_calls_refreshes_revokes_and_begins_again(string library)
    {
        await using var server = await TestServer.StartAsync();

        var result = await TypeScriptClientTests.RunAsync("library.mjs", library, server.McpUrl);

        Assert.Multiple(() =>
        {
            Assert.That(result.Text("greeting"), Does.Contain("Alice Example"));
            Assert.That(result.Text("name"), Is.EqualTo("Alice Example"), "userinfo");
            Assert.That(result.GetProperty("refreshTokenRotated").GetBoolean(), Is.True);
            Assert.That(result.Text("greetingAfterRefresh"), Does.Contain("Alice Example"));
            Assert.That(result.Text("refusedAfterRevocation"), Is.EqualTo("invalid_grant"));
            Assert.That(result.GetProperty("statusAfterRevocation").GetInt32(), Is.EqualTo(401));
            Assert.That(result.Text("greetingAfterReturn"), Does.Contain("Alice Example"));
            Assert.That(result.Text("unknownClient"), Is.EqualTo("invalid_client"));
        });
    }
}
