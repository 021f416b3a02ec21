using System.Text;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace McpIdentity.Tests.Gateway;

/// <summary>A server that trusts an authorization server of its own, which gives us tokens in the name of our callers (RFC 8693, RFC 7523).</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class TokenExchangeTests
{
    [TestCase("TokenExchange"), TestCase("JwtBearer")]
    public async Task Each_caller_has_a_token_of_their_own_which_is_asked_for_once(string grant)
    {
        var forms = new List<IFormCollection>();
        var refuseNext = false;
        await using var upstream = await Upstream.StartAsync(context =>
        {
            var bearer = context.Request.Headers.Authorization.ToString();
            context.Response.StatusCode = refuseNext || !bearer.StartsWith("Bearer theirs-", StringComparison.Ordinal) ? 401 : 200;
            refuseNext = false;
            return context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = new[] { new { type = "text", text = bearer } } } });
        });
        await using var authority = await Upstream.StartAsync(async context =>
        {
            Assert.That(context.Request.Headers.Authorization.ToString(), Is.EqualTo("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes("gateway:the%20secret"))));
            var form = await context.Request.ReadFormAsync();
            lock (forms)
            {
                forms.Add(form);
            }

            var shown = new JsonWebToken(form["subject_token"].FirstOrDefault() ?? form["assertion"].ToString());
            await context.Response.WriteAsJsonAsync(new { access_token = $"theirs-{shown.Subject}-{forms.Count}", token_type = "bearer", expires_in = grant == "JwtBearer" ? (object)"600" : 600 });
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(
            upstream.Url, "Gateway:Servers:notes:Upstream:Auth=TokenExchange", $"Gateway:Servers:notes:Upstream:TokenEndpoint={authority.Url}", $"Gateway:Servers:notes:Upstream:Grant={grant}",
            "Gateway:Servers:notes:Upstream:ClientId=gateway", "Gateway:Servers:notes:Upstream:ClientSecret=the secret", "Gateway:Servers:notes:Upstream:Scope=notes", "Gateway:Servers:notes:Upstream:Audience=https://authority.example"));
        var (alice, bob) = (await server.TokenForAsync("notes"), await server.TokenForAsync("notes", "bob"));
        var (ofAlice, ofBob) = (new JsonWebToken(alice).Subject, new JsonWebToken(bob).Subject);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => server.CallerOf("notes").CallToolAsync("any", i % 2 == 0 ? alice : bob)));

        Assert.That(forms, Has.Count.EqualTo(2), "one for each, however many come at once");
        for (var i = 0; i < answers.Length; i++)
        {
            Assert.That(answers[i].Text, Does.StartWith($"Bearer theirs-{(i % 2 == 0 ? ofAlice : ofBob)}-"));
        }

        var shown = new JsonWebToken(forms[0]["subject_token"].FirstOrDefault() ?? forms[0]["assertion"].ToString());
        var keys = new JsonWebKeySet(await server.Http.GetStringAsync("/.well-known/jwks.json"));
        var verified = await new JsonWebTokenHandler().ValidateTokenAsync(shown.EncodedToken, new TokenValidationParameters
        {
            IssuerSigningKeys = keys.Keys,
            ValidIssuer = server.BaseUrl,
            ValidAudience = "https://authority.example",
            ValidateLifetime = false,
        });
        Assert.Multiple(() =>
        {
            Assert.That(verified.IsValid, Is.True, verified.Exception?.Message);
            Assert.That((forms[0]["resource"].ToString(), forms[0]["scope"].ToString()), Is.EqualTo((upstream.Url, "notes")));
            Assert.That((forms[0]["grant_type"].ToString(), shown.Typ), Is.EqualTo(grant == "JwtBearer"
                ? ("urn:ietf:params:oauth:grant-type:jwt-bearer", "oauth-id-jag+jwt")
                : ("urn:ietf:params:oauth:grant-type:token-exchange", "identity+jwt")));
        });

        // A token that the server takes no more is asked for anew with the next call; one that has expired too.
        refuseNext = true;
        Assert.That((await server.CallerOf("notes").CallToolAsync("any", alice)).Status, Is.EqualTo(502));
        Assert.That((await server.CallerOf("notes").CallToolAsync("any", alice)).Text, Does.EndWith("-3"));
        server.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.That((await server.CallerOf("notes").CallToolAsync("any", alice)).Text, Does.EndWith("-3"), "a lifetime in a string is one too (RFC 6749 §5.1)");
        server.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.That((await server.CallerOf("notes").CallToolAsync("any", alice)).Text, Does.EndWith("-4"));
    }

    [Test]
    public async Task What_the_authority_refuses_is_said_to_the_operator_alone_and_asked_again()
    {
        var isWilling = false;
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = Array.Empty<object>() } }));
        await using var authority = await Upstream.StartAsync(context =>
        {
            context.Response.StatusCode = isWilling ? 200 : 400;
            return context.Response.WriteAsJsonAsync(isWilling ? (object)new { access_token = "a", token_type = "Bearer" } : new { error = "invalid_grant", error_description = "who are you" });
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(
            upstream.Url, "Gateway:Servers:notes:Upstream:Auth=TokenExchange", $"Gateway:Servers:notes:Upstream:TokenEndpoint={authority.Url}", "Gateway:Servers:notes:Upstream:ClientId=gateway"));
        var token = await server.TokenForAsync("notes");

        var refused = await server.CallerOf("notes").CallToolAsync("any", token);
        isWilling = true;
        var answered = await server.CallerOf("notes").CallToolAsync("any", token);

        Assert.That((refused.Status, refused.Reason), Is.EqualTo((502, "upstream_credential")), refused.Body);
        Assert.That(refused.Body, Does.Not.Contain("who are you").And.Not.Contain(authority.Url));
        Assert.That(answered.Status, Is.EqualTo(200), answered.Body);
    }

    // RFC 6749 §5.1, §7.1: what is no bearer token, or no answer at all, goes to no server; the next call asks again.
    [Test]
    public async Task What_is_no_token_goes_nowhere()
    {
        (int Status, string Type, string Body)[] bad =
        [
            (200, "application/json", """{"access_token":"theirs","token_type":"mac"}"""), (200, "application/json", """{"access_token":"theirs"}"""), (200, "application/json", """{"access_token":"","token_type":"Bearer"}"""),
            (200, "application/json", """{"access_token":"their\r\nX-Evil: s","token_type":"Bearer"}"""), (200, "application/json", """{"access_token":["theirs"],"token_type":"Bearer"}"""), (200, "application/json", """["theirs"]"""),
            (200, "text/html", "<h1>Sign in</h1>"), (302, "text/html", ""), (500, "text/plain", "stack trace"), (400, "application/json", """{"error":7}"""),
            (200, "application/json", $$"""{"access_token":"{{new string('a', 100_000)}}","token_type":"Bearer"}"""), (401, "application/json", """{"access_token":"theirs","token_type":"Bearer"}"""),
        ];
        var next = 0;
        await using var upstream = await Upstream.StartAsync(context => context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = Array.Empty<object>() } }));
        await using var authority = await Upstream.StartAsync(context =>
        {
            (context.Response.StatusCode, context.Response.ContentType, var body) = bad[next];
            context.Response.Headers.Location = upstream.Url;
            return context.Response.WriteAsync(body);
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(
            upstream.Url, "Gateway:Servers:notes:Upstream:Auth=TokenExchange", $"Gateway:Servers:notes:Upstream:TokenEndpoint={authority.Url}", "Gateway:Servers:notes:Upstream:ClientId=gateway"));
        var token = await server.TokenForAsync("notes");

        for (next = 0; next < bad.Length; next++)
        {
            var refused = await server.CallerOf("notes").CallToolAsync("any", token);
            Assert.That((refused.Status, refused.Reason), Is.EqualTo((502, "upstream_credential")), $"{bad[next].Status} {bad[next].Body}: {refused.Body}");
            Assert.That(refused.Body, Does.Not.Contain("theirs").And.Not.Contain("stack trace"));
        }

        Assert.That((authority.Requests.Count, upstream.Requests.Count), Is.EqualTo((bad.Length, 0)));
    }

    [Test]
    public async Task A_token_is_for_one_person_by_one_app_at_one_server()
    {
        await using var upstream = await Upstream.StartAsync(context =>
            context.Response.WriteAsJsonAsync(new { jsonrpc = "2.0", id = 7, result = new { content = new[] { new { type = "text", text = context.Request.Headers.Authorization.ToString() } } } }));
        await using var authority = await Upstream.StartAsync(async context =>
        {
            var form = await context.Request.ReadFormAsync();
            var shown = new JsonWebToken(form["subject_token"].ToString());
            await context.Response.WriteAsJsonAsync(new { access_token = $"{shown.Subject}|{System.Text.Json.JsonDocument.Parse(shown.GetClaim("act").Value).RootElement.GetProperty("sub")}|{form["scope"]}|{shown.Audiences.Single()}", token_type = "Bearer" });
        });
        await using var server = await TestServer.StartAsync(
        [
            "Gateway:CatalogueRefresh=0", "Policy:Rules:0:Effect=allow",
            .. new[] { "notes", "reports" }.SelectMany(name => new[] { $"Gateway:Servers:{name}:Url={upstream.Url}", $"Gateway:Servers:{name}:Upstream:Auth=TokenExchange", $"Gateway:Servers:{name}:Upstream:TokenEndpoint={authority.Url}", $"Gateway:Servers:{name}:Upstream:ClientId=gateway", $"Gateway:Servers:{name}:Upstream:Scope={name}" }),
        ]);
        var seen = new HashSet<string>();
        foreach (var user in (string[])["alice", "bob"])
        {
            using var person = new Person(server, user);
            foreach (var name in (string[])["notes", "reports", "notes"])
            {
                var token = await server.TokenForAsync(name, person);
                var own = new JsonWebToken(token);
                for (var i = 0; i < 2; i++)
                {
                    var shown = (await server.CallerOf(name).CallToolAsync("any", token)).Text;
                    Assert.That(shown, Is.EqualTo($"Bearer {own.Subject}|{own.GetClaim("client_id").Value}|{name}|{authority.Url}"));
                    seen.Add(shown);
                }
            }
        }

        Assert.That(seen, Has.Count.EqualTo(6));
        Assert.That(authority.Requests, Has.Count.EqualTo(6), "each is asked for once");
    }
}
