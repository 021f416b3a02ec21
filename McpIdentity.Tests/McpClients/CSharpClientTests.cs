using McpIdentity.Tests.Support;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace McpIdentity.Tests.McpClients;

/// <summary>The official C# client, from nothing but the address of the endpoint to a protected tool: SEED-006, SEED-040, SEED-084.</summary>
[Category("Clients"), Category("SEED-006"), Category("SEED-040"), Category("SEED-084")]
[Parallelizable(ParallelScope.All)]
internal sealed class CSharpClientTests
{
    /// <summary>Where sessions are chosen, a client of the older revisions begins without one, because it shows no token, and goes on without.</summary>
    [TestCase("stateless", null), TestCase("stateful", null), TestCase("stateful", "2025-11-25")]
    [Category("SEED-006"), Category("SEED-040"), Category("SEED-044"), Category("SEED-084"), Category("B-24")]
    public async Task The_client_discovers_registers_signs_in_calls_refreshes_and_calls_again(string sessionMode, string? revision)
    {
        await using var server = await TestServer.StartAsync($"Mcp:SessionMode={sessionMode}");
        using var alice = new Person(server);
        var tokens = new StoredTokens();
        var options = new HttpClientTransportOptions
        {
            Endpoint = new Uri(server.McpUrl),
            OAuth = new ClientOAuthOptions
            {
                RedirectUri = new Uri("http://127.0.0.1:4712/callback"),
                AuthorizationCallbackHandler = async (context, _) =>
                {
                    var answer = await alice.AuthorizeAsync(context.AuthorizationUri.AbsoluteUri);
                    return new AuthorizationResult { Code = answer["code"], State = answer["state"], Iss = answer["iss"] };
                },
                DynamicClientRegistration = new DynamicClientRegistrationOptions { ClientName = "C# client" },
                TokenCache = tokens,
            },
        };

        await using var client = await McpClient.CreateAsync(new HttpClientTransport(options), new McpClientOptions { ProtocolVersion = revision });
        var tools = await client.ListToolsAsync();
        Assert.That(tools.Select(tool => tool.Name), Is.SupersetOf(["greeting", "ping"]));
        Assert.That(alice.PagesSeen, Is.Empty, "discovery is public");

        Assert.That(await GreetAsync(client), Does.Contain("Alice Example"));
        Assert.That(alice.PagesSeen, Is.EqualTo(["/signin", "/consent"]));
        var first = tokens.Current!;
        Assert.That(first.RefreshToken, Is.Not.Empty);

        // The client believes the token to be old: it must refresh, and nobody is asked again.
        tokens.Expire();
        Assert.That(await GreetAsync(client), Does.Contain("Alice Example"));
        Assert.That(alice.PagesSeen, Has.Count.EqualTo(2));
        Assert.That(tokens.Current!.AccessToken, Is.Not.EqualTo(first.AccessToken));
        Assert.That(tokens.Current.RefreshToken, Is.Not.EqualTo(first.RefreshToken));
    }

    private static async Task<string> GreetAsync(McpClient client)
    {
        var result = await client.CallToolAsync("greeting", new Dictionary<string, object?>());
        Assert.That(result.IsError, Is.Not.True);
        return ((TextContentBlock)result.Content[0]).Text;
    }

    private sealed class StoredTokens : ITokenCache
    {
        public TokenContainer? Current { get; private set; }

        public void Expire() => Current = new TokenContainer
        {
            AccessToken = "an access token that is no longer valid",
            RefreshToken = Current!.RefreshToken,
            TokenType = Current.TokenType,
            Scope = Current.Scope,
            ExpiresIn = 1,
            ObtainedAt = DateTimeOffset.UnixEpoch,
        };

        public ValueTask StoreTokensAsync(TokenContainer tokens, CancellationToken cancellationToken)
        {
            Current = tokens;
            return default;
        }

        public ValueTask<TokenContainer?> GetTokensAsync(CancellationToken cancellationToken) => new(Current);
    }
}
