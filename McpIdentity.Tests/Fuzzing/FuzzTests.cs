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
        var (random, stranger) = StrangerOf(seed);
        var requests = new List<RawRequest>();
        foreach (var path in _paths)
        {
            foreach (var method in Odd.Methods)
            {
                requests.Add(new RawRequest(method, path) { Body = method is "GET" or "HEAD" ? null : [] });
                requests.Add(stranger.Anything(method, path));
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
        var (random, stranger) = StrangerOf(seed);
        await SendAsync([.. Enumerable.Range(0, 3000).Select(_ => stranger.Anything(random.Next(3) == 0 ? Odd.Choose(random, Odd.Methods) : "POST", Odd.Choose(random, _paths)))]);
    }

    [TestCase(21)]
    public async Task Odd_registrations(int seed)
    {
        var (random, stranger) = StrangerOf(seed);
        string[] members = ["redirect_uris", "client_name", "token_endpoint_auth_method", "grant_types", "response_types", "client_uri", "logo_uri", "scope", "contacts", "tos_uri", "policy_uri", "software_id", "software_version",
            "application_type", "jwks", "jwks_uri", "software_statement", "client_name#de", "x"];
        await SendAsync([.. Enumerable.Range(0, 1500).Select(_ => stranger.Registration(members))]);
    }

    [TestCase(31), TestCase(32)]
    public async Task Odd_messages(int seed)
    {
        var (random, stranger) = StrangerOf(seed);
        await SendAsync([.. Enumerable.Range(0, 2500).Select(_ => stranger.Message())]);
    }

    [TestCase(41)]
    public async Task Odd_authorization_requests(int seed)
    {
        var (random, stranger) = StrangerOf(seed);
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
        string[] more = ["prompt", "max_age", "id_token_hint", "login_hint", "ui_locales", "acr_values", "claims", "display", "nonce", "response_mode", "request", "request_uri", "audience", "decision", "signed_in", "sign_in_too_old", "registration", "dpop_jkt", "error", "code", "iss", "__proto__", "[x", "a[b", "a.b[0].c"];
        await SendAsync([.. Enumerable.Range(0, 1500).Select(_ => stranger.Form("/oauth/authorize", good, more, asQuery: random.Next(3) > 0))]);
    }

    [TestCase(51)]
    public async Task Odd_token_requests(int seed)
    {
        var (random, stranger) = StrangerOf(seed);
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
        await SendAsync([.. Enumerable.Range(0, 1500).Select(_ => stranger.Form(Odd.Choose(random, paths), good, more, asQuery: random.Next(8) == 0))]);
    }

    [TestCase(61)]
    public async Task Odd_forms_of_the_pages(int seed)
    {
        var (random, stranger) = StrangerOf(seed);
        using var bob = new Person(_server, "bob");
        var page = await bob.Browser.GetAsync(_client.AuthorizeUrl());
        var signIn = FormSubmission.Of(page, new Dictionary<string, string> { ["username"] = "bob" }, button: null);
        var consent = FormSubmission.Of(await bob.Browser.SubmitAsync(page, new Dictionary<string, string> { ["username"] = "bob" }), new Dictionary<string, string>(), "allow");
        var cookies = bob.Cookies.GetCookieHeader(new Uri(_server.BaseUrl));

        var requests = new List<RawRequest>();
        foreach (var form in new[] { signIn, consent })
        {
            var good = form.Values!.GroupBy(field => field.Key).ToDictionary(field => field.Key, field => field.First().Value);
            requests.AddRange(Enumerable.Range(0, 400).Select(_ => stranger.Form(form.Target.PathAndQuery, good, ["provider", "username", "decision", "request", "returnUrl", "x", "[x", "a[b", "a[]"], asQuery: false, cookies)));
        }

        await SendAsync(requests);
    }

    private (Random Random, Stranger Stranger) StrangerOf(int seed)
    {
        var random = new Random(seed);
        return (random, new Stranger(random, _cookie, _tokens.Text("access_token")!));
    }

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
