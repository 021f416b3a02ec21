using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace McpIdentity.Tests.Gateway;

/// <summary>What a server behind this one is given and what its callers get back, by one that remembers every request.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class GatewayTests
{
    private const string Secret = "a-secret-of-this-server";

    private Upstream _plain = null!;
    private Upstream _header = null!;
    private Upstream _identity = null!;
    private Upstream _scoped = null!;
    private TestServer _server = null!;
    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = new TemporaryFolder();
        await File.WriteAllTextAsync(ValueFile, $"Token {Secret}\n");
        _plain = await StartUpstreamAsync();
        _header = await StartUpstreamAsync();
        _identity = await StartUpstreamAsync();
        _scoped = await StartUpstreamAsync();
        _server = await TestServer.StartAsync(
            $"Gateway:Servers:plain:Url={_plain.Url}", "Gateway:Servers:plain:DisplayName=Plain notes",
            $"Gateway:Servers:header:Url={_header.Url}", "Gateway:Servers:header:Upstream:Auth=Header", "Gateway:Servers:header:Upstream:Header=X-Api-Key", $"Gateway:Servers:header:Upstream:ValueFile={ValueFile}",
            $"Gateway:Servers:identity:Url={_identity.Url}", "Gateway:Servers:identity:Upstream:Auth=Identity",
            $"Gateway:Servers:scoped:Url={_scoped.Url}", "Gateway:Servers:scoped:Path=/tools/scoped", "Gateway:Servers:scoped:Scopes:notes:read=Read notes", "Gateway:Servers:scoped:Scopes:notes:write=Write notes",
            "Gateway:Servers:scoped:DefaultScopes:0=notes:read", "Gateway:Servers:scoped:Tools:delete_*=notes:write",
            "Policy:Groups:staff:0=alice@example.com",
            "Policy:Rules:0:Tools=hidden,prompt:hidden*,resource:notes://hidden*", "Policy:Rules:0:Effect=deny",
            "Policy:Rules:1:Effect=allow");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        foreach (var upstream in new[] { _plain, _header, _identity, _scoped })
        {
            await upstream.DisposeAsync();
        }

        _folder.Dispose();
    }

    private string ValueFile => Path.Combine(_folder.Path, "value");

    // RFC 9728 §3.1, §5.1.
    [TestCase("plain", "/mcp/plain", "Plain notes", "mcp mcp:call"), TestCase("scoped", "/tools/scoped", "scoped", "notes:read")]
    public async Task Each_server_is_a_resource_of_its_own(string name, string path, string called, string scopes)
    {
        using var challenged = await _server.Http.PostAsJsonAsync(path, new { jsonrpc = "2.0", id = 1, method = "tools/list" });
        var address = $"{_server.BaseUrl}/.well-known/oauth-protected-resource{path}";
        Assert.That(challenged.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), name);
        Assert.That(challenged.Headers.WwwAuthenticate.ToString(), Does.Contain($"resource_metadata=\"{address}\"").And.Contain($"scope=\"{scopes}\"").And.Not.Contain("error="));

        foreach (var place in new[] { address, $"{_server.BaseUrl}{path}/.well-known/oauth-protected-resource" })
        {
            var metadata = await _server.Http.GetFromJsonAsync<JsonElement>(place);
            Assert.Multiple(() =>
            {
                Assert.That(metadata.Text("resource"), Is.EqualTo(_server.BaseUrl + path));
                Assert.That(metadata.Text("resource_name"), Is.EqualTo(called));
                Assert.That(metadata.GetProperty("authorization_servers")[0].GetString(), Is.EqualTo(_server.BaseUrl));
                Assert.That(string.Join(' ', metadata.GetProperty("scopes_supported").EnumerateArray()), Is.EqualTo(scopes));
            });
        }
    }

    [Test]
    public async Task A_token_for_one_server_is_none_at_another()
    {
        using var alice = new Person(_server);
        var tokens = new Dictionary<string, string>();
        foreach (var path in (string[])["/mcp", "/mcp/plain", "/mcp/header", "/mcp/identity", "/tools/scoped"])
        {
            tokens[path] = (await (await OAuthClient.RegisterPublicAsync(_server)).ConnectAsync(alice, ("resource", _server.BaseUrl + path))).Text("access_token")!;
        }

        foreach (var (at, _) in tokens)
        {
            foreach (var (of, token) in tokens)
            {
                // The same twice: what was verified at one address is not remembered for another.
                for (var i = 0; i < 2; i++)
                {
                    var answer = await new McpCaller(_server) { Path = at }.CallAsync("prompts/list", bearer: token);
                    Assert.That(answer.Status, at == of ? Is.Not.EqualTo(401) : Is.EqualTo(401), $"{of} at {at}: {answer.Body}");
                }
            }
        }
    }

    [Test]
    public async Task Nothing_of_the_caller_goes_on_but_what_MCP_needs()
    {
        var token = await _server.TokenForAsync("plain");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/plain?secret=query")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "echo", arguments = new { } } }),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };
        foreach (var (name, value) in new[]
        {
            ("Cookie", "session=secret"), ("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1"), ("X-Real-IP", "192.0.2.1"), ("X-MCP-JWT", token), ("Proxy-Authorization", "Basic secret"), ("X-Secret", "secret"),
            ("Origin", _server.BaseUrl), ("Referer", "https://app.example/secret"), ("User-Agent", "secret/1"), ("X-Api-Key", "secret"),
            ("Accept", "application/json, text/event-stream"), ("MCP-Protocol-Version", "2025-11-25"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("x-marker", "Nothing_of_the_caller"),
        })
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await _server.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var sent = _plain.Requests.Single(sent => sent.GetValueOrDefault("traceparent")?.Contains("0af7651916cd43dd8448eb211c80319c", StringComparison.Ordinal) == true);
        Assert.Multiple(() =>
        {
            Assert.That(sent.Keys, Is.SubsetOf(new[] { "Host", "Accept", "Content-Type", "Content-Length", "MCP-Protocol-Version", "traceparent" }));
            Assert.That(sent["Host"], Is.EqualTo(new Uri(_plain.Url).Authority));
            Assert.That(sent["MCP-Protocol-Version"], Is.EqualTo("2025-11-25"));
            Assert.That(answer.Headers.Select(header => header.Key), Has.No.Member("Set-Cookie").And.No.Member("WWW-Authenticate").And.No.Member("Server"));
        });
    }

    [Test]
    public async Task A_secret_of_this_server_goes_in_its_header_as_the_file_has_it_now()
    {
        var token = await _server.TokenForAsync("header");

        Assert.That(await HeadersSeenAsync("header", token), Does.Contain($"X-Api-Key: Token {Secret}"));
        await File.WriteAllTextAsync(ValueFile, "Token renewed");
        Assert.That(await HeadersSeenAsync("header", token), Does.Contain("X-Api-Key: Token renewed"));
        await File.WriteAllTextAsync(ValueFile, "");
        var refused = await _server.CallerOf("header").CallToolAsync("echo", token);
        await File.WriteAllTextAsync(ValueFile, $"Token {Secret}\n");

        Assert.That((refused.Status, refused.Reason), Is.EqualTo((502, "upstream_credential")), refused.Body);
        Assert.That(refused.Body, Does.Not.Contain(ValueFile));
    }

    // RFC 8725 §3.9, §3.11; RFC 8693 §4.1.
    [Test]
    public async Task A_JWT_says_who_calls_and_our_keys_verify_it()
    {
        var token = await _server.TokenForAsync("identity");
        var seen = await HeadersSeenAsync("identity", token);
        var jwt = seen.Split('\n').Single(line => line.StartsWith("Authorization: Bearer ", StringComparison.Ordinal))["Authorization: Bearer ".Length..].Trim();
        var keys = new JsonWebKeySet(await _server.Http.GetStringAsync("/.well-known/jwks.json"));

        var verified = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(jwt, new TokenValidationParameters
        {
            IssuerSigningKeys = keys.Keys,
            ValidIssuer = _server.BaseUrl,
            ValidAudience = _identity.Url,
            ValidTypes = ["identity+jwt"],
            LifetimeValidator = (_, expires, _, _) => expires - _server.Clock.GetUtcNow().UtcDateTime is { TotalMinutes: > 0 and <= 2 },
        });
        var own = new JsonWebToken(token);
        var said = new JsonWebToken(jwt);

        Assert.Multiple(() =>
        {
            Assert.That(verified.IsValid, Is.True, verified.Exception?.Message);
            Assert.That(jwt, Is.Not.EqualTo(token));
            Assert.That(said.Subject, Is.EqualTo(own.Subject));
            Assert.That(said.GetClaim("email").Value, Is.EqualTo("alice@example.com"));
            Assert.That(said.Claims.Where(claim => claim.Type == "groups").Select(claim => claim.Value), Has.Member("staff"));
            Assert.That(JsonDocument.Parse(said.GetClaim("act").Value).RootElement.Text("sub"), Is.EqualTo(own.GetClaim("client_id").Value));
        });
        foreach (var path in new[] { "/mcp/identity", "/mcp", "/mcp/plain" })
        {
            Assert.That((await new McpCaller(_server) { Path = path }.CallAsync("prompts/list", bearer: jwt)).Status, Is.EqualTo(401), "it is no access token of ours");
        }

        using var info = new HttpRequestMessage(HttpMethod.Get, "/oauth/userinfo") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", jwt) } };
        using var refused = await _server.Http.SendAsync(info);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task What_the_policy_hides_is_in_no_list_and_answers_no_call()
    {
        var token = await _server.TokenForAsync("plain");
        var caller = _server.CallerOf("plain");

        var lists = new List<string>();
        foreach (var method in new[] { "tools/list", "prompts/list", "resources/list", "resources/templates/list" })
        {
            lists.Add((await caller.CallAsync(method, bearer: token)).Body);
        }

        Assert.That(string.Concat(lists), Does.Contain("echo").And.Contain("summary").And.Contain("notes://today").And.Contain("notes://day/{day}").And.Not.Contain("hidden"));
        foreach (var (method, parameters) in new (string, object)[]
        {
            ("tools/call", new { name = "hidden", arguments = new { } }),
            ("prompts/get", new { name = "hidden" }),
            ("resources/read", new { uri = "notes://hidden/secret" }),
            ("resources/subscribe", new { uri = "notes://hidden/secret" }),
            ("completion/complete", new { @ref = new { type = "ref/prompt", name = "hidden" }, argument = new { name = "a", value = "b" } }),
            ("completion/complete", new { @ref = new { type = "ref/resource", uri = "notes://hidden/{x}" }, argument = new { name = "x", value = "b" } }),
        })
        {
            var refused = await caller.CallAsync(method, parameters, token);
            Assert.That((refused.Status, refused.Reason, refused.Challenge), Is.EqualTo((403, "policy_denied", "")), $"{method}: {refused.Body}");
        }

        Assert.That((await caller.CallAsync("tools/call", new { name = "hidden_or_not_there", arguments = new { } }, token)).Status, Is.Not.EqualTo(403), "what no rule names is for the server to answer");
    }

    // What the gate does not read, a lenient server might: each is refused before it reaches one.
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":["hidden"],"arguments":{}}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":{}}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":["tools/call"],"params":{"name":"hidden"}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"tools/call","param\u017f":{"name":"hidden"},"params":{"name":"echo"}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","Name":"hidden"}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":{"a":"hidden"}}}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":["notes://hidden/secret"]}}""", 400)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"NOTES://hidden/secret"}}""", 403)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"notes://%68idden/secret"}}""", 403)]
    [TestCase("""{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"notes://today/..%2fhidden/secret"}}""", 403)]
    public async Task What_another_reader_might_take_for_a_hidden_thing_goes_nowhere(string body, int status)
    {
        var token = await _server.TokenForAsync("plain");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/plain") { Content = new StringContent(body, Encoding.UTF8, "application/json"), Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };

        using var answer = await _server.Http.SendAsync(request);

        Assert.That((int)answer.StatusCode, Is.EqualTo(status), await answer.Content.ReadAsStringAsync());
    }

    [TestCase("GET"), TestCase("DELETE")]
    public async Task A_body_where_there_is_none_goes_nowhere(string method)
    {
        var token = await _server.TokenForAsync("plain");
        using var request = new HttpRequestMessage(new HttpMethod(method), "/mcp/plain")
        {
            Content = JsonContent.Create(new { jsonrpc = "2.0", id = 7, method = "tools/call", @params = new { name = "hidden" } }),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };

        using var answer = await _server.Http.SendAsync(request);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), await answer.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_method_that_no_table_knows_needs_a_rule_about_everything()
    {
        await using var server = await TestServer.StartAsync(
            $"Gateway:Servers:notes:Url={_plain.Url}", $"Gateway:Servers:open:Url={_plain.Url}", "Gateway:CatalogueRefresh=0",
            "Policy:Rules:0:Tools=echo", "Policy:Rules:0:Effect=allow", "Policy:Rules:1:Servers=open", "Policy:Rules:1:Effect=allow");
        var (narrow, open) = (await server.TokenForAsync("notes"), await server.TokenForAsync("open"));

        foreach (var method in new[] { "tasks/list", "tasks/result", "vendor/deleteAll", "Tools/Call", "tools/call ", "tools/list/" })
        {
            Assert.That((await server.CallerOf("notes").CallAsync(method, new { name = "hidden" }, narrow)).Reason, Is.EqualTo("policy_denied"), method);
        }

        Assert.That((await server.CallerOf("open").CallAsync("tasks/list", bearer: open)).Status, Is.Not.EqualTo(403));
    }

    // MCP 2026-07-28: a list that depends on its reader is private.
    [Test]
    public async Task A_list_of_the_newest_revision_is_marked_as_its_reader_s_alone()
    {
        var token = await _server.TokenForAsync("plain");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/plain")
        {
            Content = JsonContent.Create(JsonDocument.Parse("""
                {"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}
                """).RootElement),
            Headers = { { "MCP-Protocol-Version", "2026-07-28" }, { "Mcp-Method", "tools/list" }, { "Accept", "application/json, text/event-stream" }, { "Authorization", "Bearer " + token } },
        };

        using var answer = await _server.Http.SendAsync(request);

        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("\"cacheScope\":\"private\"").And.Contain("echo").And.Not.Contain("\"cacheScope\":\"public\""));
    }

    [Test]
    public async Task A_tool_needs_the_scopes_that_its_entry_names_and_the_client_is_told_which()
    {
        using var alice = new Person(_server);
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var resource = ("resource", (string?)$"{_server.BaseUrl}/tools/scoped");
        var caller = new McpCaller(_server) { Path = "/tools/scoped" };
        var first = (await client.ConnectAsync(alice, resource)).Text("access_token")!;

        var refused = await caller.CallToolAsync("delete_note", first);
        var stepped = (await client.ConnectAsync(alice, resource, ("scope", "notes:read notes:write"))).Text("access_token")!;

        Assert.Multiple(() =>
        {
            Assert.That(refused.Status, Is.EqualTo(403));
            Assert.That(refused.Challenge, Does.Contain("error=\"insufficient_scope\"").And.Contain("notes:write"));
        });
        Assert.That((await caller.CallToolAsync("echo", first)).Status, Is.EqualTo(200));
        Assert.That((await caller.CallToolAsync("delete_note", stepped)).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task What_is_revoked_here_ends_there_at_once()
    {
        using var alice = new Person(_server);
        var client = await OAuthClient.RegisterPublicAsync(_server);
        var tokens = await client.ConnectAsync(alice, ("resource", $"{_server.BaseUrl}/mcp/plain"));
        Assert.That((await _server.CallerOf("plain").CallToolAsync("echo", tokens.Text("access_token"))).Status, Is.EqualTo(200));

        using var revoked = await client.PostAsync("/oauth/revoke", ("token", tokens.Text("refresh_token")));

        Assert.That((await _server.CallerOf("plain").CallToolAsync("echo", tokens.Text("access_token"))).Status, Is.EqualTo(401));
    }

    [Test]
    public async Task A_client_that_goes_away_takes_its_call_back()
    {
        var cancelled = new TaskCompletionSource();
        var asked = new TaskCompletionSource();
        await using var slow = await Upstream.StartAsync(async context =>
        {
            context.RequestAborted.Register(cancelled.SetResult);
            asked.SetResult();
            await cancelled.Task;
        });
        await using var server = await TestServer.StartAsync(GatewayScene.Open(slow.Url));
        var token = await server.TokenForAsync("notes");
        using var leaving = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp/notes") { Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "tools/call", @params = new { name = "slow" } }), Headers = { { "Authorization", "Bearer " + token } } };

        var call = server.Http.SendAsync(request, leaving.Token);
        await asked.Task;
        await leaving.CancelAsync();

        await cancelled.Task;
        await Assert.ThrowsAsync<TaskCanceledException>(() => call);
    }

    private async Task<string> HeadersSeenAsync(string server, string token)
    {
        var answer = await _server.CallerOf(server).CallToolAsync("echo", token);
        Assert.That(answer.Status, Is.EqualTo(200), answer.Body);
        return answer.Text;
    }

    private static Task<Upstream> StartUpstreamAsync() => Upstream.StartAsync(HttpServerSessionMode.Stateless, builder =>
    {
        builder.Services.AddHttpContextAccessor();
        builder.WithTools<NoteTools>().WithPrompts<NotePrompts>().WithResources<NoteResources>()
            .WithCompleteHandler((_, _) => new(new CompleteResult { Completion = new Completion { Values = ["secret"] } }))
            .WithSubscribeToResourcesHandler((_, _) => new(new EmptyResult()));
    });

#pragma warning disable CA1812 // the SDK makes them
    [McpServerToolType]
    private sealed class NoteTools(Microsoft.AspNetCore.Http.IHttpContextAccessor http)
    {
        [McpServerTool(Name = "echo", ReadOnly = true), System.ComponentModel.Description("Says what came")]
        public string Echo() => string.Join('\n', http.HttpContext!.Request.Headers.Select(header => $"{header.Key}: {header.Value}"));

        [McpServerTool(Name = "hidden"), System.ComponentModel.Description("Not for everybody: hidden")]
        public static string Hidden() => "hidden";

        [McpServerTool(Name = "delete_note", Destructive = true)]
        public static string DeleteNote() => "deleted";
    }

    [McpServerPromptType]
    private sealed class NotePrompts
    {
        [McpServerPrompt(Name = "summary")]
        public static string Summary() => "sum up";

        [McpServerPrompt(Name = "hidden")]
        public static string Hidden() => "hidden";
    }

    [McpServerResourceType]
    private sealed class NoteResources
    {
        [McpServerResource(UriTemplate = "notes://today", Name = "today")]
        public static string Today() => "nothing yet";

        [McpServerResource(UriTemplate = "notes://day/{day}", Name = "day")]
        public static string Day(string day) => day;

        [McpServerResource(UriTemplate = "notes://hidden/secret", Name = "secret")]
        public static string Secret() => "hidden";

        [McpServerResource(UriTemplate = "notes://hidden/{x}", Name = "secrets")]
        public static string Secrets(string x) => x;
    }
#pragma warning restore CA1812
}
