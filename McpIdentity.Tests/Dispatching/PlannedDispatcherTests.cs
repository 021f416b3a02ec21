using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using McpIdentity.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using OpenIddict.Server;

namespace McpIdentity.Tests.Dispatching;

/// <summary>Our dispatcher beside OpenIddict's: two servers that differ in nothing else hear the same requests, and run the same handlers.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class PlannedDispatcherTests
{
    private const int Requests = 10_000;

    private static readonly string[] Paths = ["/oauth/authorize", "/oauth/token", "/oauth/token", "/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/oauth/elsewhere"];

    private static readonly string[] Texts =
    [
        "", "x", "null", "authorization_code", "refresh_token", "client_credentials", "password", "code", "token", "id_token", "none", "login", "consent", "S256", "plain", "query", "form_post", "mcp", "mcp mcp:call", "openid profile",
        "offline_access", "admin", "ä \"\\", "{client}", "{secret}", "{public}", "{access}", "{refresh}", "{code}", "{verifier}", "{challenge}", "{redirect}", "{resource}", "https://elsewhere.example/", "eyJhbGciOiJub25lIn0.e30.", new string('a', 43),
    ];

    private static readonly string[] Names =
    [
        "client_id", "client_secret", "grant_type", "response_type", "response_mode", "scope", "resource", "audience", "redirect_uri", "state", "nonce", "prompt", "code", "code_verifier", "code_challenge", "code_challenge_method", "refresh_token",
        "token", "token_type_hint", "client_assertion", "client_assertion_type", "request", "request_uri", "id_token_hint", "max_age", "username", "unknown",
    ];

    private static readonly (string Path, string[] Parameters)[] Good =
    [
        ("/oauth/token", ["grant_type=client_credentials", "client_id={client}", "client_secret={secret}"]),
        ("/oauth/token", ["grant_type=refresh_token", "client_id={public}", "refresh_token={refresh}"]),
        ("/oauth/token", ["grant_type=authorization_code", "client_id={public}", "code={code}", "code_verifier={verifier}", "redirect_uri={redirect}"]),
        ("/oauth/authorize", ["response_type=code", "client_id={public}", "redirect_uri={redirect}", "code_challenge={challenge}", "code_challenge_method=S256", "scope=mcp", "prompt=none"]),
        ("/oauth/introspect", ["client_id={client}", "client_secret={secret}", "token={access}"]),
        ("/oauth/revoke", ["client_id={public}", "token=x"]),
    ];

    [Test]
    public async Task Of_ten_thousand_random_requests_each_runs_the_handlers_that_OpenIddicts_dispatcher_runs()
    {
        await using var ours = await Side.StartAsync(builder => { });
        await using var theirs = await Side.StartAsync(builder => builder.Services.Replace(ServiceDescriptor.Scoped<IOpenIddictServerDispatcher, OpenIddictServerDispatcher>()));
        var random = new Random(14);
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < Requests; i++)
        {
            var request = RandomRequest.Next(random);

            var answers = await Task.WhenAll(ours.AskAsync(request), theirs.AskAsync(request));

            Assert.That(answers[0], Is.EqualTo(answers[1]), $"request {i}: {request}");
            kinds.Add(answers[0]);
        }

        Assert.That(kinds, Has.Count.GreaterThan(60), "so many ways through the handlers were taken");
        Assert.That(kinds.Count(kind => kind.StartsWith("200", StringComparison.Ordinal)), Is.GreaterThan(10));
    }

    private sealed record RandomRequest(string Method, string Path, IReadOnlyList<string> Parameters, string? Authorization)
    {
        public static RandomRequest Next(Random random)
        {
            var (path, good) = random.Next(4) == 0 ? (Paths[random.Next(Paths.Length)], []) : Good[random.Next(Good.Length)];
            var parameters = good.ToList();
            for (var change = random.Next(4); change > 0; change--)
            {
                var at = random.Next(parameters.Count + 1);
                if (at < parameters.Count && random.Next(2) == 0)
                {
                    parameters.RemoveAt(at);
                }
                else
                {
                    parameters.Insert(at, $"{Names[random.Next(Names.Length)]}={Texts[random.Next(Texts.Length)]}");
                }
            }

            var method = random.Next(8) == 0 ? "GET" : path == "/oauth/authorize" || path.StartsWith("/.well-known", StringComparison.Ordinal) ? "GET" : "POST";
            return new RandomRequest(method, path, parameters, random.Next(6) switch { 0 => "Basic {basic}", 1 => "Bearer {access}", 2 when random.Next(3) == 0 => "Bearer x", _ => null });
        }

        public override string ToString() => $"{Method} {Path} {string.Join('&', Parameters)} {Authorization}";
    }

    private sealed class Side : IAsyncDisposable
    {
        private readonly TestServer _server;
        private readonly HandlerLog _log;
        private readonly Person _alice;
        private readonly Dictionary<string, string> _values;

        private Side(TestServer server, HandlerLog log, Person alice, Dictionary<string, string> values) =>
            (_server, _log, _alice, _values) = (server, log, alice, values);

        public static async Task<Side> StartAsync(Action<WebApplicationBuilder> configure)
        {
            var log = new HandlerLog();
            var server = await TestServer.StartAsync(
                builder =>
                {
                    configure(builder);
                    builder.Services.AddSingleton<IStartupFilter>(log);
                    builder.Logging.AddProvider(log);
                    builder.Services.PostConfigure<LoggerFilterOptions>(filters => filters.Rules.Add(new LoggerFilterRule(typeof(HandlerLog).FullName, typeof(OpenIddictServerDispatcher).FullName, LogLevel.Trace, filter: null)));
                },
                "Mcp:RateLimiting:Enabled=false");
            var alice = new Person(server);
            var service = await OAuthClient.RegisterAsync(server, new { redirect_uris = new[] { OAuthClient.DefaultRedirectUri }, grant_types = new[] { "authorization_code", "client_credentials" }, token_endpoint_auth_method = "client_secret_post" });
            var people = await OAuthClient.RegisterPublicAsync(server);
            var tokens = await people.ConnectAsync(alice, ("scope", "mcp mcp:call"));
            return new Side(server, log, alice, new Dictionary<string, string>
            {
                ["{client}"] = service.ClientId,
                ["{secret}"] = service.Secret!,
                ["{basic}"] = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{service.ClientId}:{service.Secret}")),
                ["{public}"] = people.ClientId,
                ["{access}"] = tokens.Text("access_token")!,
                ["{refresh}"] = tokens.Text("refresh_token")!,
                ["{code}"] = await people.AuthorizeAsync(alice),
                ["{verifier}"] = people.Verifier,
                ["{challenge}"] = people.Challenge,
                ["{redirect}"] = OAuthClient.DefaultRedirectUri,
                ["{resource}"] = server.McpUrl,
            });
        }

        // What was answered, and by which handlers.
        public async Task<string> AskAsync(RandomRequest request)
        {
            _log.Clear();
            var form = string.Join('&', request.Parameters.Select(parameter => parameter.Split('=', 2)).Select(pair => $"{pair[0]}={Uri.EscapeDataString(Filled(pair[1]))}"));
            using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Path + (request.Method == "GET" ? "?" + form : ""));
            message.Headers.Add(HandlerLog.Mark, "");
            message.Content = request.Method == "POST" ? new StringContent(form, Encoding.ASCII, "application/x-www-form-urlencoded") : null;
            if (request.Authorization is { } authorization)
            {
                message.Headers.TryAddWithoutValidation("Authorization", Filled(authorization));
            }

            if (request.Path == "/oauth/authorize")
            {
                message.Headers.Add("Cookie", _alice.Cookies.GetCookieHeader(new Uri(_server.BaseUrl)));
            }

            using var answer = await _server.Http.SendAsync(message);
            var body = await answer.Content.ReadAsStringAsync();
            Keep(answer, body);
            await _log.Ended.WaitAsync();
            var error = body.StartsWith('{') && JsonDocument.Parse(body).RootElement.TryGetProperty("error", out var value) ? value.ToString() : "";
            return $"{(int)answer.StatusCode} {error} {string.Join(' ', _log.Handlers)}";
        }

        // A chain goes on, and where one was ended another begins.
        private void Keep(HttpResponseMessage answer, string body)
        {
            if (body.Contains("\"refresh_token\":", StringComparison.Ordinal))
            {
                using var json = JsonDocument.Parse(body);
                (_values["{refresh}"], _values["{access}"]) = (json.RootElement.GetProperty("refresh_token").GetString()!, json.RootElement.GetProperty("access_token").GetString()!);
            }

            if (answer.Headers.Location is { IsAbsoluteUri: true } location && location.Query.Contains("code=", StringComparison.Ordinal))
            {
                _values["{code}"] = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(location.Query)["code"]!;
            }
        }

        public async ValueTask DisposeAsync()
        {
            _alice.Dispose();
            await _server.DisposeAsync();
            _log.Dispose();
        }

        private string Filled(string text) => _values.Aggregate(text, (filled, pair) => filled.Replace(pair.Key, pair.Value, StringComparison.Ordinal));
    }

    // Both say with event 6133 what was handled and by what, in whatever order.
    private sealed class HandlerLog : ILoggerProvider, ILogger, IStartupFilter
    {
        // Of the requests that are compared.
        public const string Mark = "X-Compared";

        private readonly ConcurrentQueue<string> _handlers = [];

        // An answer is with its client before the outer handlers have ended.
        public SemaphoreSlim Ended { get; } = new(0);

        public IEnumerable<string> Handlers => _handlers;

        public void Clear() => _handlers.Clear();

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 6133 && state is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                _handlers.Enqueue(string.Join('/', values.Where(value => value.Key != "{OriginalFormat}").Select(value => (string)value.Value!).Order(StringComparer.Ordinal)));
            }
        }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                await rest(context);
                if (context.Request.Headers.ContainsKey(Mark))
                {
                    Ended.Release();
                }
            });
            next(app);
        };

        public void Dispose() => Ended.Dispose();
    }
}
