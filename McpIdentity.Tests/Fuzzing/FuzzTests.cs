using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp.Audit;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace McpIdentity.Tests.Fuzzing;

/// <summary>
/// Nothing that a stranger sends is a 5xx, an exception in the log, or a line of the log that the stranger wrote. Thousands of
/// requests to one server without rate limits, by fixed seeds: what fails once fails again.
/// </summary>
[TestFixture("SQLite")]
[TestFixture("PostgreSQL", Category = Needs.Postgres)]
internal sealed class FuzzTests(string database)
{
    private const int AtOnce = 8;

    private readonly LogWatch _log = new();
    private readonly ConcurrentQueue<string> _problems = [];
    private TestServer _server = null!;
    private string[] _paths = null!;
    private string _cookie = null!;
    private OAuthClient _client = null!;
    private JsonElement _tokens;
    private string _securityLog = null!;

    private int Port => new Uri(_server.BaseUrl).Port;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _securityLog = Path.Combine(Path.GetTempPath(), $"mcpidentity-fuzz-{Guid.NewGuid():N}.log");
        string[] storage = database == "PostgreSQL" ? [$"Database:Url={PostgresServer.UrlOf(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync())}"] : [];
        _server = await TestServer.StartAsync(
            builder =>
            {
                builder.Logging.ClearProviders().AddProvider(_log).SetMinimumLevel(LogLevel.Debug);
                builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
            },
            [.. storage, "Server:TrustProxy=true", "Mcp:SecurityLogging:Enabled=true", "Mcp:SecurityLogging:LogToFile=true", $"Mcp:SecurityLogging:LogFilePath={_securityLog}", "Mcp:SecurityLogging:LogLevel=Debug"]);
        _paths = [.. _server.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.Trim('/'))
            .Select(path => path.Replace("{id}", "google", StringComparison.Ordinal).Replace("{**rest}", "x", StringComparison.Ordinal).Replace("{document}", "openid-configuration", StringComparison.Ordinal))
            .Append("/nothing").Distinct().Order(StringComparer.Ordinal)];

        using var alice = new Person(_server);
        _client = await OAuthClient.RegisterPublicAsync(_server);
        _tokens = await _client.ConnectAsync(alice, ("scope", "openid email profile offline_access mcp mcp:call"));
        _cookie = alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_securityLog);
    }

    [TestCase(1), TestCase(2)]
    public async Task Every_method_at_every_address(int seed)
    {
        var random = new Random(seed);
        var requests = new List<RawRequest>();
        foreach (var path in _paths)
        {
            foreach (var method in Odd.Methods)
            {
                requests.Add(new RawRequest(method, path) { Body = method is "GET" or "HEAD" ? null : [] });
                requests.Add(AnyRequest(random, method, path));
            }

            foreach (var type in Odd.ContentTypes)
            {
                requests.Add(new RawRequest("POST", path) { Headers = [("Content-Type", Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(type)))], Body = Odd.Body(random) });
            }
        }

        await SendAsync(requests);
    }

    [TestCase(11), TestCase(12)]
    public async Task Odd_headers_and_bodies(int seed)
    {
        var random = new Random(seed);
        await SendAsync([.. Enumerable.Range(0, 3000).Select(_ => AnyRequest(random, random.Next(3) == 0 ? Odd.Choose(random, Odd.Methods) : "POST", Odd.Choose(random, _paths)))]);
    }

    [TestCase(21)]
    public async Task Odd_registrations(int seed)
    {
        var random = new Random(seed);
        string[] members = ["redirect_uris", "client_name", "token_endpoint_auth_method", "grant_types", "response_types", "client_uri", "logo_uri", "scope", "contacts", "tos_uri", "policy_uri", "software_id", "software_version",
            "application_type", "jwks", "jwks_uri", "software_statement", "client_name#de", "x"];
        await SendAsync([.. Enumerable.Range(0, 1500).Select(number => Json("/register", random.Next(20) == 0 ? Odd.Choose(random, Odd.Json) : Registration(random, members)))]);
    }

    [TestCase(31), TestCase(32)]
    public async Task Odd_messages(int seed)
    {
        var random = new Random(seed);
        await SendAsync([.. Enumerable.Range(0, 2500).Select(_ => Message(random))]);
    }

    [TestCase(41)]
    public async Task Odd_authorization_requests(int seed)
    {
        var random = new Random(seed);
        var good = new Dictionary<string, string>
        {
            ["client_id"] = _client.ClientId,
            ["response_type"] = "code",
            ["redirect_uri"] = _client.RedirectUri,
            ["code_challenge"] = _client.Challenge,
            ["code_challenge_method"] = "S256",
            ["state"] = "s",
            ["scope"] = "openid mcp",
            ["resource"] = _server.McpUrl,
        };
        string[] more = ["prompt", "max_age", "id_token_hint", "login_hint", "ui_locales", "acr_values", "claims", "display", "nonce", "response_mode", "request", "request_uri", "audience", "decision", "registration", "dpop_jkt", "error", "code", "iss", "__proto__", "[x", "a[b", "a.b[0].c"];
        await SendAsync([.. Enumerable.Range(0, 1500).Select(_ => Form(random, "/oauth/authorize", good, more, asQuery: random.Next(3) > 0))]);
    }

    [TestCase(51)]
    public async Task Odd_token_requests(int seed)
    {
        var random = new Random(seed);
        var good = new Dictionary<string, string>
        {
            ["client_id"] = _client.ClientId,
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = _tokens.Text("refresh_token")!,
            ["token"] = _tokens.Text("access_token")!,
            ["scope"] = "openid",
        };
        string[] more = ["grant_type", "code", "code_verifier", "redirect_uri", "client_secret", "client_assertion", "client_assertion_type", "assertion", "username", "password", "device_code", "subject_token", "subject_token_type", "resource", "audience",
            "token_type_hint", "requested_token_type", "actor_token"];
        string[] paths = ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"];
        await SendAsync([.. Enumerable.Range(0, 1500).Select(_ => Form(random, Odd.Choose(random, paths), good, more, asQuery: random.Next(8) == 0))]);
    }

    [TestCase(61)]
    public async Task Odd_forms_of_the_pages(int seed)
    {
        var random = new Random(seed);
        using var bob = new Person(_server, "bob");
        var page = await bob.Browser.GetAsync(_client.AuthorizeUrl());
        var signIn = FormSubmission.Of(page, new Dictionary<string, string> { ["username"] = "bob" }, button: null);
        var consent = FormSubmission.Of(await bob.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" }), new Dictionary<string, string>(), "allow");
        var cookies = bob.Cookies.GetCookieHeader(new Uri(_server.BaseUrl));

        var requests = new List<RawRequest>();
        foreach (var form in new[] { signIn, consent })
        {
            var good = form.Values!.GroupBy(field => field.Key).ToDictionary(field => field.Key, field => field.First().Value);
            requests.AddRange(Enumerable.Range(0, 400).Select(_ => Form(random, form.Target.PathAndQuery, good, ["provider", "username", "decision", "request", "returnUrl", "x", "[x", "a[b", "a[]"], asQuery: false, cookies)));
        }

        await SendAsync(requests);
    }

    private RawRequest AnyRequest(Random random, string method, string path)
    {
        var target = string.Format(System.Globalization.CultureInfo.InvariantCulture, Odd.Choose(random, Odd.Spellings), path) + Odd.Choose(random, Odd.Queries);
        var headers = Odd.Headers(random).ToList();
        if (random.Next(3) == 0)
        {
            headers.Add(("Cookie", _cookie));
        }

        if (random.Next(3) == 0 && headers.All(header => header.Name != "Authorization"))
        {
            headers.Add(("Authorization", "Bearer " + _tokens.Text("access_token")));
        }

        var body = method is "GET" or "HEAD" && random.Next(5) > 0 ? null : Odd.Body(random);
        if (body is not null && random.Next(2) == 0 && headers.All(header => header.Name != "Content-Type"))
        {
            headers.Add(("Content-Type", Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(Odd.Choose(random, Odd.ContentTypes)))));
        }

        return new RawRequest(method, target) { Headers = headers, Body = body };
    }

    private static string Registration(Random random, string[] members)
    {
        var document = new List<string> { random.Next(3) > 0 ? """ "redirect_uris":["http://127.0.0.1/cb"] """ : """ "grant_types":["client_credentials"] """ };
        for (var count = random.Next(1, 5); count > 0; count--)
        {
            var value = random.Next(3) switch
            {
                0 => Odd.Choose(random, Odd.Json),
                1 => Quote(Odd.Choose(random, Odd.Texts)),
                _ => $"[{Quote(Odd.Choose(random, Odd.Texts))},{Quote("https://a.example/" + Odd.Choose(random, Odd.Texts))},{Quote("https://a.example/?" + Odd.Choose(random, ["iss=x", "%69ss=x", "a=b&iss", "code=x", "state=x", "error=x", "ISS=x", "a=b"]))}]",
            };
            document.Add($"\"{Odd.Choose(random, members)}\":{value}");
        }

        return $"{{{string.Join(',', document)}}}";
    }

    private RawRequest Message(Random random)
    {
        string[] methods = ["initialize", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list", "resources/read", "resources/templates/list", "resources/subscribe", "completion/complete", "logging/setLevel", "server/discover",
            "notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/x", "tasks/get", "tasks/list", "tasks/cancel", "tasks/result", "sampling/createMessage", "elicitation/create", "roots/list", "x", "a\nb", ""];
        var method = Odd.Choose(random, methods);
        Dictionary<string, string> members = new()
        {
            ["protocolVersion"] = "\"2025-11-25\"",
            ["capabilities"] = "{}",
            ["clientInfo"] = """{"name":"x\ny","version":"1"}""",
            ["name"] = "\"echo\"",
            ["arguments"] = """{"message":"x"}""",
            ["_meta"] = "{}",
            ["uri"] = "\"x\"",
            ["cursor"] = "\"x\"",
            ["level"] = "\"info\"",
            ["requestId"] = "1",
            ["progressToken"] = "1",
            ["ref"] = """{"type":"ref/prompt","name":"x"}""",
            ["argument"] = """{"name":"x","value":"y"}""",
            ["taskId"] = "\"x\"",
            ["task"] = """{"ttl":1}""",
        };
        for (var count = random.Next(0, 3); count > 0; count--)
        {
            members[Odd.Choose(random, members.Keys.ToList())] = random.Next(4) switch
            {
                0 => Quote(Odd.Choose(random, Odd.Texts)),
                1 => """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"x"}}""",
                2 => $"{{\"name\":{Odd.Choose(random, Odd.Json)},\"version\":{Odd.Choose(random, Odd.Json)},\"message\":{Odd.Choose(random, Odd.Json)}}}",
                _ => Odd.Choose(random, Odd.Json),
            };
        }

        foreach (var name in members.Keys.Where(_ => random.Next(12) == 0).ToList())
        {
            members.Remove(name);
        }

        var parameters = random.Next(10) == 0 ? Odd.Choose(random, Odd.Json) : $"{{{string.Join(',', members.Select(member => $"\"{member.Key}\":{member.Value}"))}}}";
        var id = random.Next(6) switch { 0 => "", 1 => $"\"id\":{Odd.Choose(random, Odd.Json)},", 2 => $"\"id\":{Quote(Odd.Choose(random, Odd.Texts))},", _ => "\"id\":1," };
        var version = random.Next(15) == 0 ? Odd.Choose(random, Odd.Json) : "\"2.0\"";
        var message = random.Next(25) switch
        {
            0 => $"{{\"jsonrpc\":{version},{id}\"method\":{Odd.Choose(random, Odd.Json)},\"params\":{parameters}}}",
            1 => $"{{\"jsonrpc\":{version},{id}\"result\":{Odd.Choose(random, Odd.Json)}}}",
            2 => $"{{\"jsonrpc\":{version},{id}\"error\":{Odd.Choose(random, Odd.Json)}}}",
            3 => $"[{{\"jsonrpc\":\"2.0\",{id}\"method\":{Quote(method)},\"params\":{parameters}}}]",
            4 => $"{{\"jsonrpc\":{version},{id}\"method\":{Quote(method)}}}",
            5 => $"{{{id}\"method\":{Quote(method)},\"params\":{parameters}}}",
            _ => $"{{\"jsonrpc\":{version},{id}\"method\":{Quote(method)},\"params\":{parameters}}}",
        };
        var request = Json("/mcp", message);
        if (random.Next(3) > 0)
        {
            request.Headers.Add(("Authorization", "Bearer " + _tokens.Text("access_token")));
        }

        if (random.Next(2) == 0)
        {
            request.Headers.Add(("MCP-Protocol-Version", Odd.Choose(random, ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "1900-01-01", "x"])));
        }

        if (random.Next(2) == 0)
        {
            request.Headers.Add(("Accept", Odd.Choose(random, ["application/json, text/event-stream", "application/json", "text/event-stream"])));
        }

        if (random.Next(6) == 0)
        {
            request.Headers.AddRange(Odd.Headers(random).Where(header => header.Name != "Content-Type"));
        }

        return request;
    }

    private RawRequest Form(Random random, string path, Dictionary<string, string> good, string[] more, bool asQuery, string? cookies = null)
    {
        var fields = good.Select(field => (field.Key, Value: Odd.Escape(field.Value))).ToList();
        for (var count = random.Next(1, 4); count > 0; count--)
        {
            var value = Odd.Escape(Odd.Choose(random, Odd.Texts));
            switch (random.Next(5))
            {
                case 0 when fields.Count > 0:
                    fields.RemoveAt(random.Next(fields.Count));
                    break;
                case 1 or 2 when fields.Count > 0:
                    var at = random.Next(fields.Count);
                    fields[at] = (fields[at].Key, random.Next(3) == 0 ? fields[at].Value + value : value);
                    break;
                default:
                    fields.Add((random.Next(8) == 0 ? value : Odd.Choose(random, more), value));
                    break;
            }
        }

        var form = string.Join('&', fields.Select(field => $"{field.Key}={field.Value}"));
        var headers = new List<(string Name, string Value)>();
        if (cookies is not null || random.Next(2) == 0)
        {
            headers.Add(("Cookie", cookies ?? _cookie));
        }

        if (random.Next(4) == 0)
        {
            headers.AddRange(Odd.Headers(random).Where(header => header.Name is not ("Content-Type" or "Cookie")));
        }

        if (asQuery)
        {
            return new RawRequest("GET", $"{path}?{form}") { Headers = headers };
        }

        headers.Add(("Content-Type", "application/x-www-form-urlencoded"));
        return new RawRequest("POST", path) { Headers = headers, Body = Odd.Bytes(form) };
    }

    private static RawRequest Json(string path, string body) => new("POST", path) { Headers = [("Content-Type", "application/json")], Body = Odd.Bytes(body) };

    // With half surrogates as escapes, which JsonSerializer would replace.
    private static string Quote(string text) => $"\"{string.Concat(text.Select(character =>
        char.IsSurrogate(character) || char.IsControl(character) || character is '"' or '\\' ? $"\\u{(int)character:x4}" : character.ToString()))}\"";

    private async Task SendAsync(IReadOnlyList<RawRequest> requests)
    {
        var unanswered = 0;
        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (request, _) =>
        {
            var response = await RawHttp.SendAsync(Port, request);
            if (response.Status == 0)
            {
                Interlocked.Increment(ref unanswered);
            }
            else if (FindProblem(request, response) is { } problem)
            {
                _problems.Enqueue($"{problem}: {request}\n   {response.Status} {response.Body[..Math.Min(200, response.Body.Length)]}");
            }
        });

        var problems = _problems.ToArray();
        _problems.Clear();
        var logged = _log.Take().Concat(RawLinesOfSecurityLog()).ToArray();
        TestContext.Out.WriteLine($"{requests.Count} requests, {unanswered} without an answer");
        Assert.That((problems.Length, logged.Length), Is.EqualTo((0, 0)), $"{Sample(problems)}\n\n{Sample(logged)}");
        Assert.That(unanswered, Is.LessThan(requests.Count / 100 + 5), "an answer is lost only where the server hangs up on what is no HTTP");
    }

    private static string? FindProblem(RawRequest request, RawResponse response)
    {
        if (response.Status >= 500)
        {
            return "a server error";
        }

        if (response.Status == 405 && response.Header("Allow") is null)
        {
            return "405 without Allow (RFC 9110 §15.5.6)";
        }

        var type = response.Header("Content-Type") ?? "";
        if (type.StartsWith("application/json", StringComparison.Ordinal) && response.Status >= 400 && request.Method != "HEAD" && !IsJson(response.Body))
        {
            return "no JSON where JSON was announced";
        }

        var forPrograms = request.Target is "/oauth/token" or "/oauth/introspect" or "/oauth/revoke" or "/register" or "/mcp";
        return forPrograms && request.Method == "POST" && response.Status is >= 400 and < 500 && !type.StartsWith("application/json", StringComparison.Ordinal) && response.Body.Length > 0
            ? "a program was answered with a page"
            : null;
    }

    private static bool IsJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private IEnumerable<string> RawLinesOfSecurityLog() => File.Exists(_securityLog)
        ? File.ReadLines(_securityLog).Where(line => !IsJson(line) || line.Any(ForeignText.IsRaw)).Select(line => "security log: " + line)
        : [];

    // One fault is one line.
    private static string Sample(string[] found) => string.Join('\n', found.GroupBy(problem => problem[..Math.Min(45, problem.Length)])
        .Select(kind => $"{kind.Count()} × {kind.First()[..Math.Min(700, kind.First().Length)]}").Take(20));
}
