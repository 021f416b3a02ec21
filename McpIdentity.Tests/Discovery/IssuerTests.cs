using System.Net.Http.Headers;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.JsonWebTokens;

namespace McpIdentity.Tests.Discovery;

/// <summary>
/// One issuer string, byte for byte, wherever it is said (docs/interoperability.md, "One issuer string"): clients compare it
/// (RFC 8414 §3.3, RFC 9207 §2.4, RFC 9068 §4, OpenID Connect Core §3.1.3.7).
/// </summary>
[Parallelizable(ParallelScope.All)]
internal sealed class IssuerTests
{
    [TestCase(null), TestCase("http://localhost:81")]
    [Requirement("MCP-04"), Requirement("MCP-16")]
    public async Task Every_place_says_the_same_issuer(string? publicBaseUrl)
    {
        await using var server = await TestServer.StartAsync(publicBaseUrl is null ? [] : [$"Server:PublicBaseUrl={publicBaseUrl}"]);
        var issuer = publicBaseUrl ?? server.BaseUrl;
        var said = new List<(string Where, string? Issuer)>();
        foreach (var path in new[] { "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/mcp", "/.well-known/openid-configuration/mcp", "/mcp/.well-known/openid-configuration", "/mcp/.well-known/oauth-authorization-server" })
        {
            said.Add((path, (await (await SendAsync(HttpMethod.Get, path)).JsonAsync()).Text("issuer")));
        }

        foreach (var path in new[] { "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp" })
        {
            said.Add((path, (await (await SendAsync(HttpMethod.Get, path)).JsonAsync()).GetProperty("authorization_servers")[0].GetString()));
        }

        var client = await RegisterAsync(new { redirect_uris = new[] { "https://c.example/cb" }, grant_types = new[] { "authorization_code", "refresh_token", "client_credentials" } });
        using var alice = new Person(server);
        var allowed = await alice.AuthorizeAsync(client.AuthorizeUrl(("scope", "openid profile email mcp mcp:call")));
        said.Add(("authorization response", allowed["iss"]));
        foreach (var (name, value) in new[]
        {
            ("prompt", "none login"), ("resource", "https://elsewhere.example/"), ("code_challenge", null), ("code_challenge", "short"), ("code_challenge_method", "plain"),
            ("response_type", "token"), ("response_mode", "fragment"), ("request", "x"), ("request_uri", "https://c.example/r"),
        })
        {
            Add($"refused: {name}={value}", await alice.LeaveAsync(client.AuthorizeUrl((name, value))));
        }

        using var stranger = new Person(server);
        Add("login_required", await stranger.LeaveAsync(client.AuthorizeUrl(("prompt", "none"))));
        Add("consent_required", await alice.LeaveAsync((await RegisterAsync(new { redirect_uris = new[] { "https://d.example/cb" } })).AuthorizeUrl(("prompt", "none"))));
        alice.Decision = "deny";
        Add("access_denied", await alice.LeaveAsync(client.AuthorizeUrl(("prompt", "consent"))));

        using var redeemed = await client.RedeemAsync(allowed["code"]!);
        var tokens = await redeemed.JsonAsync();
        using var refreshed = await client.RefreshAsync(tokens.Text("refresh_token")!);
        var renewed = await refreshed.JsonAsync();
        using var service = await client.TokenAsync(("grant_type", "client_credentials"));
        foreach (var (where, token) in new[]
        {
            ("access token", tokens.Text("access_token")), ("identity token", tokens.Text("id_token")), ("refreshed access token", renewed.Text("access_token")),
            ("refreshed identity token", renewed.Text("id_token")), ("service's access token", (await service.JsonAsync()).Text("access_token")),
        })
        {
            said.Add((where, new JsonWebToken(token).Issuer));
        }

        var current = renewed.Text("refresh_token");
        foreach (var (where, token) in new[] { ("introspected access token", tokens.Text("access_token")), ("introspected refresh token", current) })
        {
            using var introspection = await client.PostAsync("/oauth/introspect", ("token", token));
            said.Add((where, (await introspection.JsonAsync()).Text("iss")));
        }

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            said.Add(($"userinfo by {method}", (await (await SendAsync(method, "/oauth/userinfo", tokens.Text("access_token"))).JsonAsync()).Text("iss")));
        }

        using (Assert.EnterMultipleScope())
        {
            foreach (var (where, value) in said)
            {
                Assert.That(value, Is.EqualTo(issuer), where);
            }
        }

        void Add(string where, Uri sentTo) => said.Add((where, QueryHelpers.ParseQuery(sentTo.Query.Length > 0 ? sentTo.Query : sentTo.Fragment.TrimStart('#'))["iss"]));

        Task<OAuthClient> RegisterAsync(object metadata) => OAuthClient.RegisterAsync(server, metadata);

        async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? token = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
            return await server.Http.SendAsync(request);
        }
    }
}
