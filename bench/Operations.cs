using System.Text;

namespace McpIdentity.Bench;

/// <summary>What is measured, in the order of the table. The aims are ratios to bare requests of the same run, so that they hold on every machine.</summary>
internal static class Operations
{
    public const string Metadata = "/.well-known/oauth-authorization-server";

    public static readonly IReadOnlyList<Operation> All =
    [
        new("metadata", "AS metadata", BareRequest.Get, 1.3, wire => Always(async () => (await wire.GetAsync(Metadata)).MustBe(200).MustContain("\"issuer\""u8))) { IsOfPeers = true },
        new("jwks", "JWKS", BareRequest.Get, 1.3, wire => Always(async () => (await wire.GetAsync("/.well-known/jwks.json")).MustBe(200).MustContain("\"keys\""u8))) { IsOfPeers = true },
        new("client-credentials", "client credentials → JWT", BareRequest.Post, 8, async wire => ClientCredentials(await Client.RegisterServiceAsync(wire))) { IsOfPeers = true },
        new("chosen-secret", "client credentials, a secret that an operator chose", BareRequest.Post, 8, wire => Task.FromResult(ClientCredentials(Client.Chosen(wire)))),
        new("refresh", "refresh with rotation", BareRequest.Post, 15, PrepareRefresh) { IsOfPeers = true },
        new("code-flow", "code + PKCE flow (session and consent present)", BareRequest.Pair, 20, PrepareCodeFlow) { IsOfPeers = true },
        new("registration", "dynamic registration", BareRequest.Post, 11, PrepareRegistration) { IsOfPeers = true },
        new("introspection", "introspection", BareRequest.Post, 6, PrepareIntrospection) { IsOfPeers = true },
        new("mcp-modern", "/mcp tools/call ping, 2026-07-28", BareRequest.Post, 5, wire => PrepareMcp(wire, McpMessages.Modern, McpMessages.ModernHeaders)),
        new("mcp-legacy", "/mcp tools/call ping, 2025-06-18", BareRequest.Post, 5, wire => PrepareMcp(wire, McpMessages.Legacy, McpMessages.LegacyHeaders)),
        // What judging a token costs: the refusal of one that is not looked at, and of one whose signature is wrong.
        new("mcp-anonymous", "/mcp without a token: 401", BareRequest.Post, null, wire => Always(async () => (await wire.PostJsonAsync("/mcp", McpMessages.Legacy, null, McpMessages.LegacyHeaders)).MustBe(401))),
        new("mcp-forged", "/mcp, a token with a wrong signature: 401", BareRequest.Post, null, PrepareForged),
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
            var redirect = (await wire.GetAsync(client.AuthorizeUrl, cookie)).MustRedirect();
            (await client.RedeemAsync(new Browser.Return(redirect.Headers.Location!, cookie))).MustContain("\"refresh_token\""u8);
        };
    }

    private static Task<Func<Task>> PrepareRegistration(Wire wire) => Always(() => Client.RegisterForPeopleAsync(wire));

    private static async Task<Func<Task>> PrepareIntrospection(Wire wire)
    {
        var client = await Client.RegisterServiceAsync(wire, "Bench introspection");
        var form = Wire.Form(("token", await client.ServiceTokenAsync()));
        return async () => (await wire.PostFormAsync("/oauth/introspect", form, client.Authorization)).MustBe(200).MustBeActive();
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
