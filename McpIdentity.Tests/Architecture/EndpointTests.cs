using System.Net;
using McpIdentity.Mcp;
using McpIdentity.Server.Protocol;
using McpIdentity.Tests.Mcp;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.Mvc.RazorPages.Infrastructure;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace McpIdentity.Tests.Architecture;

/// <summary>What an address needs is said at its endpoint, and nowhere else.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class EndpointTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase(), TestCase("OAuth:Registration:Enabled=false"), TestCase("Mcp:Enabled=false"), TestCase("Mcp:Path=/v1/tools"), TestCase("OAuth:CallbackPath=/signin-google")]
    [TestCase("OAuth:Enabled=false", "Mcp:Auth:AuthType=jwt", $"Jwt:Secret={TestTokens.Secret}", "Jwt:Issuer=your-service")]
    public async Task Every_endpoint_says_its_needs_once(params string[] settings)
    {
        await using var server = await TestServer.StartAsync(settings);

        Assert.That(
            (await EndpointsAsync(server)).Where(endpoint => endpoint.Addresses.Count != 1).Select(endpoint => endpoint.Path),
            Is.Empty, "an AddressAttribute, by WithAddress or on the page's model");
    }

    // @page takes no constant.
    [Test]
    public void The_pages_are_where_the_table_of_addresses_says() => Assert.That(
        _server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is not null).Select(endpoint => "/" + endpoint.RoutePattern.RawText!.Trim('/'))
            .Where(path => path != Paths.Console && !path.StartsWith(Paths.Console + "/", StringComparison.Ordinal)), // ConsoleTests has them
        Is.EquivalentTo(new[] { Paths.SignIn, Paths.Login, Paths.Consent, Paths.Waiting, Paths.SignOut, Paths.Error, Paths.Home, Paths.Setup,
            Paths.Apps, Paths.DisconnectApp, Paths.DisconnectApps, Paths.OwnSessions, Paths.SignOutSession, Paths.SignOutOthers, Paths.Profile, Paths.OwnConnections, Paths.DisconnectConnection, Paths.Servers, Paths.Connections + "/{server}" }));

    // OpenIddict decodes a path once more than routing does: what it would answer then has no limit and no checks.
    [TestCase("/oauth/%2574oken"), TestCase("/%256fauth/token"), TestCase("/oauth/x/%252e%252e/token"), TestCase("/.well-known/%252e%252e/oauth/token"), TestCase("/nothing/%252e%252e/oauth/introspect")]
    [TestCase("/health/%252e%252e/oauth/revoke"), TestCase("/%252e/oauth/userinfo"), TestCase("/oauth/authoriz%2565")]
    public async Task A_path_that_is_encoded_twice_is_nobody_s(string path)
    {
        using var content = new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["token"] = "x" });
        using var response = await _server.Http.PostAsync(path, content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), await response.Content.ReadAsStringAsync());
    }

    [TestCase("OAuth:Registration:Enabled=false", "/register"), TestCase("Mcp:Enabled=false", "/mcp")]
    public async Task A_web_page_can_read_that_something_is_switched_off(string setting, string path)
    {
        await using var server = await TestServer.StartAsync(setting);
        using var preflight = new HttpRequestMessage(HttpMethod.Options, path) { Headers = { { "Origin", "https://app.example" }, { "Access-Control-Request-Method", "POST" } } };
        using var post = new HttpRequestMessage(HttpMethod.Post, path) { Headers = { { "Origin", "https://app.example" } } };

        using var allowed = await server.Http.SendAsync(preflight);
        using var answer = await server.Http.SendAsync(post);

        Assert.That((allowed.StatusCode, answer.StatusCode), Is.EqualTo((HttpStatusCode.NoContent, HttpStatusCode.NotFound)));
        Assert.That(answer.Headers.GetValues("Access-Control-Allow-Origin"), Is.EqualTo(new[] { "*" }));
        Assert.That(await answer.OAuthErrorAsync(), Is.EqualTo("not_found"));
    }

    // The whole table; a row that changes is a decision.
    [Test]
    public async Task The_needs_are_these()
    {
        var rows = (await EndpointsAsync(_server)).Select(endpoint => Describe(endpoint.Path, endpoint.Addresses[0])).Distinct().Order(StringComparer.Ordinal)
            .Where(row => !row.StartsWith(Paths.AdminApi + "/", StringComparison.Ordinal) || row.StartsWith(Paths.AdminApi + "/{**rest}", StringComparison.Ordinal)); // AdminApiDocumentTests has them

        Assert.That(rows, Is.EqualTo(new[]
        {
            "/ Anyone GET, HEAD; http; without OAuth",
            "/.well-known/jwks.json Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/.well-known/oauth-authorization-server Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/.well-known/oauth-authorization-server/mcp Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/.well-known/oauth-protected-resource Programs GET, HEAD; CORS; http; any host; without OAuth",
            "/.well-known/oauth-protected-resource/api/admin/v1 Programs GET, HEAD; CORS; http; any host",
            "/.well-known/oauth-protected-resource/mcp Programs GET, HEAD; CORS; http; any host; without OAuth",
            "/.well-known/openid-configuration Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/.well-known/openid-configuration/mcp Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/.well-known/{**rest} Programs *; CORS; http; any host; without OAuth",
            "/account People GET, HEAD; account",
            "/account/apps People GET, HEAD; account; forms",
            "/account/apps/disconnect People GET, HEAD, POST; account; forms",
            "/account/apps/disconnect-all People GET, HEAD, POST; account; forms",
            "/account/connections People GET, HEAD; account; forms",
            "/account/connections/disconnect People GET, HEAD, POST; account; forms",
            "/account/profile People GET, HEAD; account; forms",
            "/account/servers People GET, HEAD; account; forms",
            "/account/sessions People GET, HEAD; account; forms",
            "/account/sessions/sign-out People GET, HEAD, POST; account; forms",
            "/account/sessions/sign-out-others People GET, HEAD, POST; account; forms",
            "/admin People GET, HEAD; account; forms",
            "/admin/administrators People GET, HEAD, POST; account; forms",
            "/admin/audit People GET, HEAD, POST; account; forms",
            "/admin/client People GET, HEAD, POST; account; forms",
            "/admin/clients People GET, HEAD, POST; account; forms",
            "/admin/connections People GET, HEAD, POST; account; forms",
            "/admin/console.css Programs GET, HEAD; without OAuth",
            "/admin/doctor People GET, HEAD; account; forms",
            "/admin/event People GET, HEAD; account; forms",
            "/admin/grants People GET, HEAD, POST; account; forms",
            "/admin/htmx.js Programs GET, HEAD; without OAuth",
            "/admin/keys People GET, HEAD, POST; account; forms",
            "/admin/policy People GET, HEAD, POST; account; forms",
            "/admin/providers People GET, HEAD, POST; account; forms",
            "/admin/registration People GET, HEAD, POST; account; forms",
            "/admin/scopes People GET, HEAD; account; forms",
            "/admin/server People GET, HEAD, POST; account; forms",
            "/admin/servers People GET, HEAD, POST; account; forms",
            "/admin/sessions People GET, HEAD, POST; account; forms",
            "/admin/settings People GET, HEAD; account; forms",
            "/admin/tokens People GET, HEAD, POST; account; forms",
            "/admin/trace People GET, HEAD; account; forms",
            "/admin/user People GET, HEAD, POST; account; forms",
            "/admin/users People GET, HEAD; account; forms",
            "/api/admin/v1/{**rest} Programs *; admin API",
            "/callback People GET, HEAD; callback; forms; signs in by GET HEAD",
            "/callback/{id} People GET, HEAD; callback; forms; signs in by GET HEAD",
            "/connections/{server} People GET, HEAD, POST; account; forms",
            "/consent People GET, HEAD, POST; consent; forms",
            "/debug/config Programs GET; http; without OAuth",
            "/debug/tokens Programs GET; http; without OAuth",
            "/error People GET, HEAD; http; any host; without OAuth",
            "/health Programs GET, HEAD; http; any host; without OAuth",
            "/health/live Programs GET, HEAD; http; any host; without OAuth",
            "/health/ready Programs GET, HEAD; http; any host; without OAuth",
            "/images/{name} Programs GET, HEAD; http; without OAuth",
            "/login People GET, HEAD, POST; sign-in; forms; signs in by POST",
            "/mcp Programs *; CORS; compares origins; any host; without OAuth",
            "/mcp/.well-known/oauth-authorization-server Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/mcp/.well-known/oauth-protected-resource Programs GET, HEAD; CORS; http; any host; without OAuth",
            "/mcp/.well-known/openid-configuration Programs GET, HEAD; CORS; http; any host; OpenIddict",
            "/mcp/.well-known/{**rest} Programs *; CORS; http; any host; without OAuth",
            "/oauth/authorize People GET, HEAD, POST; authorize; forms; OpenIddict",
            "/oauth/callback People GET, HEAD; callback; forms; signs in by GET HEAD",
            "/oauth/callback/{id} People GET, HEAD; callback; forms; signs in by GET HEAD",
            "/oauth/clients/{name}.json Programs GET, HEAD; CORS; oauth",
            "/oauth/connections/callback/{server} People GET, HEAD; callback; forms",
            "/oauth/introspect Programs POST; CORS; introspect; forms; OpenIddict",
            "/oauth/register Programs POST; CORS; register",
            "/oauth/register/{clientId} Programs GET, PUT, DELETE; CORS; register",
            "/oauth/resources/{**resource} Programs GET, HEAD; CORS; http; any host",
            "/oauth/revoke Programs POST; CORS; revoke; forms; OpenIddict; lets GET through",
            "/oauth/signout People GET, HEAD, POST; oauth; forms",
            "/oauth/token Programs POST; CORS; token; forms; OpenIddict; lets GET through",
            "/oauth/userinfo Programs GET, POST; CORS; userinfo; forms; OpenIddict",
            "/oauth/{**rest} Anyone *; oauth",
            "/oidc/.well-known/{document} Programs GET, HEAD; http",
            "/register Programs POST; CORS; register",
            "/register/{clientId} Programs GET, PUT, DELETE; CORS; register",
            "/setup People GET, HEAD, POST; setup; forms",
            "/signin People GET, HEAD, POST; sign-in; forms; signs in by POST",
            "/site.css Programs GET, HEAD; http; without OAuth",
            "/waiting People GET, HEAD; waiting; forms",
        }));
    }

    // A changed callback path had lost its page, its limit, its https rule and its audit.
    [Test]
    public async Task A_callback_path_of_the_operator_s_own_has_the_needs_of_the_usual_one()
    {
        await using var server = await TestServer.StartAsync("OAuth:CallbackPath=/signin-google");
        var endpoints = await EndpointsAsync(server);

        Assert.That(
            Describe("", endpoints.Single(endpoint => endpoint.Path == "/signin-google").Addresses.Single()),
            Is.EqualTo(Describe("", endpoints.Single(endpoint => endpoint.Path == "/oauth/callback").Addresses.Single())));
    }

    [TestCase("PUT", "/consent", "GET, HEAD, POST", "text/html"), TestCase("TRACE", "/signin", "GET, HEAD, POST", "text/html"), TestCase("OPTIONS", "/oauth/signout", "GET, HEAD, POST", "text/html")]
    [TestCase("DELETE", "/register", "POST", "application/json"), TestCase("PATCH", "/oauth/token", "POST", "application/json"), TestCase("POST", "/health", "GET, HEAD", "application/json")]
    public async Task A_method_that_an_address_does_not_take_is_405_with_those_that_it_takes(string method, string path, string allow, string type)
    {
        using var response = await _server.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(string.Join(", ", response.Content.Headers.Allow), Is.EqualTo(allow));
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo(type));
    }

    private static string Describe(string path, AddressAttribute address) => string.Join("; ", new[]
    {
        $"{path} {address.Reader} {address.Allow}", address.Cors ? "CORS" : null, address.ComparesOrigins ? "compares origins" : null, address.Bucket, address.TakesForms ? "forms" : null, address.AllowsHttp ? "http" : null,
        address.AnyHost ? "any host" : null, address.WithoutOAuth ? "without OAuth" : null, address.SignsInBy is { } methods ? $"signs in by {methods}" : null,
        address.OpenIddict is not null ? "OpenIddict" : null, address.LetsThrough is { } method ? $"lets {method} through" : null,
    }.OfType<string>());

    private static async Task<IReadOnlyList<(string Path, IReadOnlyList<AddressAttribute> Addresses)>> EndpointsAsync(TestServer server)
    {
        var found = new List<(string, IReadOnlyList<AddressAttribute>)>();
        foreach (var endpoint in server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>())
        {
            // The attributes of a page's model are known once it is compiled, as it is before routing hands it out.
            var addresses = endpoint.Metadata.GetMetadata<PageActionDescriptor>() is { } page
                ? (await server.Services.GetRequiredService<PageLoader>().LoadAsync(page, endpoint.Metadata)).EndpointMetadata!.OfType<AddressAttribute>()
                : endpoint.Metadata.GetOrderedMetadata<AddressAttribute>();
            found.Add(("/" + endpoint.RoutePattern.RawText?.Trim('/'), [.. addresses]));
        }

        return found;
    }
}
