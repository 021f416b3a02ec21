using System.Net;
using System.Text.Json;
using McpIdentity.Server.Tokens;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Persistence;

/// <summary>
/// What the requests that are asked most ask of the database (docs/architecture.md, "What a request asks of the database"): a query more is seen here. What
/// asks beside the requests is not counted.
/// </summary>
[TestFixture(false)]
[TestFixture(true, Category = "Postgres")]
[Category("Storage")]
[Parallelizable(ParallelScope.Self)]
internal sealed class DatabaseUseTests(bool isOnPostgres)
{
    private static readonly string[] Expected =
    [
        "client credentials:",
        "authorize: SELECT SignInSessions, SELECT RememberedConsents, INSERT Grants",
        "code redemption: UPDATE Grants",
        "refresh: UPDATE Grants",
        "code redemption on a node that does not know the grant: SELECT Grants, UPDATE Grants",
        "refresh on a node that does not know the grant: SELECT Grants, UPDATE Grants",
        "refresh after another node's: UPDATE Grants",
        "introspection:",
        "ten calls of /mcp:",
        "registration: INSERT OpenIddictApplications",
        "registration of a client with a secret: INSERT OpenIddictApplications",
        "a client that this node does not know yet: SELECT OpenIddictApplications",
        "two hours after another node has redeemed the code, the first refresh: SELECT OpenIddictApplications, SELECT SignInSessions, UPDATE Grants",
        "five hours after that: SELECT OpenIddictApplications, SELECT Grants, SELECT SignInSessions, UPDATE Grants",
    ];

    [Test]
    public async Task Each_request_asks_the_database_for_what_it_needs_and_for_nothing_else()
    {
        var asked = new DatabaseStatements();
        string[] settings = isOnPostgres ? [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"] : [];
        await using var server = await TestServer.StartAsync(asked.ListenIn, settings);
        await using var other = await TestServer.StartAsync($"Server:PublicBaseUrl={server.BaseUrl}", server.Settings.Last(setting => setting.StartsWith("--Database:", StringComparison.Ordinal))[2..]);
        var service = await OAuthClient.RegisterServiceAsync(server);
        var client = await OAuthClient.RegisterPublicAsync(server);
        using var alice = new Person(server);
        var tokens = await client.ConnectAsync(alice); // session and consent are there from now on
        tokens = await RefreshAsync();
        using var first = await service.TokenAsync(("grant_type", "client_credentials"));
        await CallAsync();
        asked.Take();
        var found = new List<string>();
        var code = "";

        await RowAsync("client credentials", () => OkAsync(service.TokenAsync(("grant_type", "client_credentials"))));
        await RowAsync("authorize", async () => code = await client.AuthorizeAsync(alice));
        await RowAsync("code redemption", () => OkAsync(client.RedeemAsync(code)));
        await RowAsync("refresh", () => RefreshAsync());
        code = await client.AuthorizeAsync(alice);
        await RowAsync("code redemption on a node that does not know the grant", () => OkAsync(client.RedeemAsync(code)), knowsNoGrant: true);
        await RowAsync("refresh on a node that does not know the grant", () => RefreshAsync(), knowsNoGrant: true);
        await RefreshAsync(other);
        await RowAsync("refresh after another node's", () => RefreshAsync());
        await RowAsync("introspection", () => OkAsync(service.PostAsync("/oauth/introspect", ("token", tokens.Text("access_token")))));
        await RowAsync("ten calls of /mcp", async () =>
        {
            for (var call = 0; call < 10; call++)
            {
                await CallAsync();
            }
        });
        await RowAsync("registration", () => OAuthClient.RegisterPublicAsync(server));
        await RowAsync("registration of a client with a secret", async () => service = await OAuthClient.RegisterServiceAsync(server));
        await RowAsync("a client that this node does not know yet", () => OkAsync(service.TokenAsync(("grant_type", "client_credentials"))));

        code = await client.AuthorizeAsync(alice);
        using (var there = await client.At(other.Http).RedeemAsync(code))
        {
            tokens = await there.JsonAsync();
        }

        server.Clock.Advance(TimeSpan.FromHours(2));
        await RowAsync("two hours after another node has redeemed the code, the first refresh", () => RefreshAsync());
        server.Clock.Advance(TimeSpan.FromHours(5));
        await RowAsync("five hours after that", () => RefreshAsync());

        Assert.That(found, Is.EqualTo(Expected));

        async Task RowAsync(string name, Func<Task> request, bool knowsNoGrant = false)
        {
            if (knowsNoGrant)
            {
                server.Services.GetRequiredService<Grants>().ForgetAll();
            }

            asked.Take();
            await request();
            found.Add($"{name}: {string.Join(", ", asked.Take())}".TrimEnd());
        }

        async Task<JsonElement> RefreshAsync(TestServer? at = null)
        {
            using var answer = await client.At((at ?? server).Http).RefreshAsync(tokens.Text("refresh_token")!);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            return tokens = await answer.JsonAsync();
        }

        async Task CallAsync() => Assert.That((await server.Http.CallToolAsync(tokens.Text("access_token"))).Status, Is.EqualTo(HttpStatusCode.OK));

        static async Task OkAsync(Task<HttpResponseMessage> request)
        {
            using var answer = await request;
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
    }
}
