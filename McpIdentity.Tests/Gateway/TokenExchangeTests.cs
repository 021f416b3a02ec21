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
            await context.Response.WriteAsJsonAsync(new { access_token = $"theirs-{shown.Subject}-{forms.Count}", token_type = "bearer", expires_in = 600 });
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
        server.Clock.Advance(TimeSpan.FromMinutes(11));
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
}
