using System.Text;

namespace McpIdentity.Bench;

/// <summary>What is measured, in the order of the table. The aims are those of the project's plan.</summary>
internal static class Operations
{
    public const string Metadata = "/.well-known/oauth-authorization-server";

    public static readonly IReadOnlyList<Operation> All =
    [
        new("metadata", "AS metadata", 25, floor => floor.Get, wire => Always(async () => (await wire.GetAsync(Metadata)).MustBe(200).MustContain("\"issuer\""u8))),
        new("jwks", "JWKS", 25, floor => floor.Get, wire => Always(async () => (await wire.GetAsync("/.well-known/jwks.json")).MustBe(200).MustContain("\"keys\""u8))),
        new("client-credentials", "client credentials → JWT", 220, floor => floor.Post, async wire => ClientCredentials(await Client.RegisterServiceAsync(wire))),
        new("chosen-secret", "client credentials, a secret that an operator chose", 220, floor => floor.Post, wire => Task.FromResult(ClientCredentials(Client.Chosen(wire)))),
        new("refresh", "refresh with rotation", 500, floor => floor.Post, PrepareRefresh),
        new("code-flow", "code + PKCE flow (session and consent present)", 1000, floor => floor.Get + floor.Post, PrepareCodeFlow),
        new("registration", "dynamic registration", 300, floor => floor.Post, PrepareRegistration),
        new("introspection", "introspection", 180, floor => floor.Post, PrepareIntrospection),
        new("mcp-modern", "/mcp tools/call ping, 2026-07-28", 100, floor => floor.Post, wire => PrepareMcp(wire, McpMessages.Modern, McpMessages.ModernHeaders)),
        new("mcp-legacy", "/mcp tools/call ping, 2025-06-18", 100, floor => floor.Post, wire => PrepareMcp(wire, McpMessages.Legacy, McpMessages.LegacyHeaders)),
        // What judging a token costs: the refusal of one that is not looked at, and of one whose signature is wrong.
        new("mcp-anonymous", "/mcp without a token: 401", 100, floor => floor.Post, wire => Always(async () => (await wire.PostJsonAsync("/mcp", McpMessages.Legacy, null, McpMessages.LegacyHeaders)).MustBe(401))),
        new("mcp-forged", "/mcp, a token with a wrong signature: 401", 200, floor => floor.Post, PrepareForged),
    ];

    private static Func<Task> ClientCredentials(Client client) =>
        async () => (await client.TokenAsync(("grant_type", "client_credentials"))).MustBe(200).MustContain("\"access_token\""u8);

    private static async Task<Func<Task>> PrepareRefresh(Wire wire)
    {
        var client = await Client.RegisterForPeopleAsync(wire);
        var refreshToken = (await client.RedeemAsync(await Browser.AllowAsync(client))).Member("refresh_token");
        return async () => refreshToken =
            (await client.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", refreshToken))).MustBe(200).Member("refresh_token");
    }

    private static async Task<Func<Task>> PrepareCodeFlow(Wire wire)
    {
        var client = await Client.RegisterForPeopleAsync(wire);
        var cookie = (await Browser.AllowAsync(client)).Cookie;
        return async () =>
        {
            var redirect = (await wire.GetAsync(client.AuthorizeUrl, cookie)).MustBe(302);
            (await client.RedeemAsync(new Browser.Return(redirect.Headers.Location!, cookie))).MustContain("\"refresh_token\""u8);
        };
    }

    private static Task<Func<Task>> PrepareRegistration(Wire wire) => Always(() => Client.RegisterForPeopleAsync(wire));

    private static async Task<Func<Task>> PrepareIntrospection(Wire wire)
    {
        var client = await Client.RegisterServiceAsync(wire);
        var form = Wire.Form(("token", await client.ServiceTokenAsync()));
        return async () => (await wire.PostFormAsync("/oauth/introspect", form, client.Authorization)).MustBe(200).MustContain("\"active\": true"u8);
    }

    private static async Task<Func<Task>> PrepareMcp(Wire wire, byte[] message, (string, string)[] headers)
    {
        var bearer = "Bearer " + await (await Client.RegisterServiceAsync(wire)).ServiceTokenAsync();
        return async () => (await wire.PostJsonAsync("/mcp", message, bearer, headers)).MustBe(200).MustContain("\"text\":\"pong\""u8);
    }

    private static async Task<Func<Task>> PrepareForged(Wire wire)
    {
        var token = await (await Client.RegisterServiceAsync(wire)).ServiceTokenAsync();
        // Another signature of the right length: it is verified anew each time, where a good one is remembered.
        var bearer = $"Bearer {token[..token.LastIndexOf('.')]}.{new string('A', 86)}";
        return async () => (await wire.PostJsonAsync("/mcp", McpMessages.Legacy, bearer, McpMessages.LegacyHeaders)).MustBe(401);
    }

    private static Task<Func<Task>> Always(Func<Task> request) => Task.FromResult(request);

    private static class McpMessages
    {
        private static readonly (string, string) Accept = ("Accept", "application/json, text/event-stream");

        public static readonly byte[] Modern = Encoding.ASCII.GetBytes("""
            {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}
            """);

        public static readonly (string, string)[] ModernHeaders = [Accept, ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "ping")];

        public static readonly byte[] Legacy = Encoding.ASCII.GetBytes("""
            {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ping","arguments":{}}}
            """);

        public static readonly (string, string)[] LegacyHeaders = [Accept, ("MCP-Protocol-Version", "2025-06-18")];
    }
}
