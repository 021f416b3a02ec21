using System.Net;
using McpIdentity.Tests.Coverage;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;

namespace McpIdentity.Tests.Authorization;

/// <summary>From the client's first redirect to its code, as the named clients do it, and what must never lead to one.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class SignInFlowTests
{
    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("http://localhost:4000/oauth/callback/debug", null, TestName = "MCP Jam")]
    [TestCase("https://claude.ai/api/mcp/auth_callback", null, TestName = "Claude")]
    [TestCase("https://claude.com/api/mcp/auth_callback", null, TestName = "Claude under its other name")]
    [TestCase("http://localhost/callback", "http://localhost:53127/callback", TestName = "Claude Code, on whatever port it gets")]
    [TestCase("http://127.0.0.1:33418/", "http://127.0.0.1:33419/", TestName = "VS Code on the desktop")]
    [TestCase("https://vscode.dev/redirect", null, TestName = "VS Code in the browser")]
    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback", null, TestName = "Cursor")]
    [TestCase("https://app.example.com/auth/callback?tenant=7", null, TestName = "A web app")]
    [Category("SEED-006")]
    [Category("SEED-043")]
    public async Task The_named_clients_register_and_get_a_code(string registered, string? used)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, registered);
        using var alice = new Person(_server);

        var left = await alice.LeaveAsync(client.AuthorizeUrl(("redirect_uri", used ?? registered)));

        Assert.That(left.AbsoluteUri, Does.StartWith(used ?? registered));
        var answer = QueryHelpers.ParseQuery(left.Query);
        Assert.That(answer["code"].ToString(), Is.Not.Empty);
        Assert.That(answer["state"].ToString(), Is.EqualTo("the state"));
        Assert.That(answer["iss"].ToString(), Is.EqualTo(_server.BaseUrl), "RFC 9207");
    }

    [TestCase("https://claude.ai/api/mcp/auth_callback", "https://claude.ai:8443/api/mcp/auth_callback")]
    [TestCase("http://localhost:4000/oauth/callback/debug", "http://127.0.0.1:4000/oauth/callback/debug")]
    [TestCase("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp/oauth/callback/")]
    [Category("SEED-006")]
    [Requirement("MCP-07")]
    public async Task Everything_but_a_loopback_port_is_compared_exactly(string registered, string used)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, registered);
        using var alice = new Person(_server);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl(("redirect_uri", used)));

        Assert.That(page.IsOutside, Is.False);
        Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    [Category("SEED-041")]
    public async Task Without_a_session_the_browser_is_sent_to_our_own_sign_in_page()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);

        using var response = await _server.Http.GetAsync(client.AuthorizeUrl());

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(response.Headers.Location!.OriginalString, Does.StartWith("/signin?request="));
    }

    // A name proves nothing, and the address that gets the code does.
    [Test]
    public async Task The_sign_in_page_says_that_an_app_named_itself_and_where_the_answer_goes()
    {
        var client = await OAuthClient.RegisterPublicAsync(_server, "https://app.example.com/callback");
        using var alice = new Person(_server);

        var page = await alice.Browser.GetAsync(client.AuthorizeUrl());

        Assert.That(page.Document!.Body!.TextContent, Does.Contain("named itself").And.Contain("app.example.com").And.Contain(_server.McpUrl));
    }

    [TestCase("")]
    [TestCase("?response_type=code")]
    [TestCase("?redirect_uri=https://client.example/cb&state=x")]
    [Category("SEED-049")]
    public async Task Authorize_opened_by_hand_is_a_page_that_says_what_is_missing(string query)
    {
        using var nobody = new Person(_server);
        using var alice = new Person(_server);
        await (await OAuthClient.RegisterPublicAsync(_server)).AuthorizeAsync(alice);

        foreach (var person in new[] { nobody, alice })
        {
            var visitsBefore = person.Browser.Visits.Count;
            var page = await person.Browser.GetAsync("/oauth/authorize" + query);

            Assert.That(page.Status, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(page.Document!.Body!.TextContent, Does.Contain("client_id"));
            Assert.That(person.Browser.Visits, Has.Count.EqualTo(visitsBefore + 1), "no redirect, least of all in a loop");
        }
    }

    // The names that such a back door had or could have, and those that our own pages use.
    [Test]
    [Category("B-01")]
    public async Task No_query_parameter_stands_for_a_session()
    {
        string[] names =
        [
            "authenticated_user", "user", "username", "user_id", "userid", "uid", "sub", "subject", "email", "login", "login_hint", "id_token_hint",
            "session", "session_id", "sessionId", "sid", "token", "auth", "authenticated", "authorized", "identity", "principal", "account", "as",
            "impersonate", "sudo", "act_as", "acting_user", "test_user", "demo", "debug", "dev", "mock", "mock_user", "skip_auth", "bypass", "trusted",
            "decision", "consent", "approve", "approved", "allow", "prompt", "request", "ticket", "cookie", "mcpidentity", "__Host-mcpidentity",
            "X-User", "X-Forwarded-User", "Authorization", "provider", "code", "state", "nonce", "google", "returnUrl", "ReturnUrl",
        ];
        string[] values = ["alice", "alice@example.com", "google:1", "demo:alice", "true", "1", "allow", "none"];
        var client = await OAuthClient.RegisterPublicAsync(_server);
        // Somebody who exists, and has allowed this very client.
        using var alice = new Person(_server);
        await client.AuthorizeAsync(alice);

        foreach (var name in names)
        {
            foreach (var value in values)
            {
                using var response = await _server.Http.GetAsync(client.AuthorizeUrl((name, value)));
                var location = response.Headers.Location?.OriginalString ?? "";
                Assert.That(location, Does.Not.Contain("code="), $"{name}={value}");
                Assert.That((int)response.StatusCode, Is.InRange(200, 499), $"{name}={value}");
            }
        }

        using var all = await _server.Http.GetAsync(client.AuthorizeUrl([.. names.Where(n => n is not ("prompt" or "request" or "state" or "code")).Select(n => (n, (string?)"alice"))]));
        Assert.That(all.Headers.Location?.OriginalString ?? "", Does.Not.Contain("code="));
        Assert.That((int)all.StatusCode, Is.InRange(200, 499));
    }

    [TestCase("state=kept", "kept")]
    [TestCase("", null)]
    [Category("B-19")]
    [Requirement("MCP-16")]
    public async Task An_error_is_a_redirect_with_the_clients_own_state_and_ours_as_issuer(string query, string? state)
    {
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var url = client.AuthorizeUrl(("state", query.Length == 0 ? null : query["state=".Length..]), ("response_type", "token"));

        using var response = await _server.Http.GetAsync(url);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect).Or.EqualTo(HttpStatusCode.SeeOther), "a browser follows no Location of a 400");
        var target = response.Headers.Location!;
        var answer = QueryHelpers.ParseQuery(target.Query.Length > 0 ? target.Query : target.Fragment.TrimStart('#'));
        Assert.That(target.GetLeftPart(UriPartial.Path), Is.EqualTo(client.RedirectUri));
        Assert.That(answer["error"].ToString(), Is.EqualTo("unsupported_response_type").Or.EqualTo("unauthorized_client"));
        Assert.That(answer["iss"].ToString(), Is.EqualTo(_server.BaseUrl));
        Assert.That(answer.TryGetValue("state", out var kept) ? kept.ToString() : null, Is.EqualTo(state), "none is invented");
    }
}
