using McpIdentity.Tests.Support;

namespace McpIdentity.Tests.Gateway;

/// <summary>Servers behind this one, and people who are connected to them.</summary>
internal static class GatewayScene
{
    /// <summary>One server under the name <c>notes</c>, which everybody may use, and which nobody asks by itself.</summary>
    public static string[] Open(string url, params string[] more) => [$"Gateway:Servers:notes:Url={url}", "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow", .. more];

    /// <summary>An access token for one of the servers.</summary>
    public static async Task<string> TokenForAsync(this TestServer server, string name, string user = "alice", string scope = "mcp mcp:call")
    {
        using var person = new Person(server, user);
        return await server.TokenForAsync(name, person, scope);
    }

    /// <inheritdoc cref="TokenForAsync(TestServer, string, string, string)"/>
    public static async Task<string> TokenForAsync(this TestServer server, string name, Person person, string scope = "mcp mcp:call")
    {
        var client = await OAuthClient.RegisterPublicAsync(server);
        return (await client.ConnectAsync(person, ("resource", $"{server.BaseUrl}/mcp/{name}"), ("scope", scope))).Text("access_token")!;
    }

    public static McpCaller CallerOf(this TestServer server, string name) => new(server) { Path = $"/mcp/{name}" };
}
