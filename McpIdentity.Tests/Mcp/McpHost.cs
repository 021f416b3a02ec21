using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using McpIdentity.Mcp;
using McpIdentity.Server.Tools;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Mcp;

/// <summary>A host made of the MCP module alone, on a real port. Its public name differs from its address: nothing may follow the Host header.</summary>
internal sealed class McpHost : IAsyncDisposable
{
    public const string PublicBaseUrl = "https://mcp.example";
    public const string Resource = PublicBaseUrl + "/mcp";

    private readonly WebApplication _app;

    private McpHost(WebApplication app, FakeTimeProvider time, TestKeys keys, TestSessions sessions, RecordedLogs logs)
    {
        (_app, Time, Keys, Sessions, Logs) = (app, time, keys, sessions, logs);
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    public HttpClient Client { get; }

    public FakeTimeProvider Time { get; }

    public TestKeys Keys { get; }

    public TestSessions Sessions { get; }

    public RecordedLogs Logs { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<McpHost> StartAsync(
        IReadOnlyDictionary<string, string?>? settings = null, Action<WebApplicationBuilder, IMcpServerBuilder>? configure = null,
        string environment = "Development", Action<WebApplication>? route = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRouting();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Mcp:PublicBaseUrl"] = PublicBaseUrl,
            ["Mcp:Auth:OAuth:Issuer"] = TestTokens.OwnIssuer,
            ["Jwt:Secret"] = TestTokens.Secret,
            ["Jwt:Issuer"] = TestTokens.ForeignIssuer,
            ["Jwt:Audience"] = TestTokens.ForeignAudience,
        });
        builder.Configuration.AddInMemoryCollection(settings ?? new Dictionary<string, string?>());

        var time = new FakeTimeProvider(TestTokens.Now);
        var (keys, sessions, logs) = (new TestKeys(), new TestSessions(), new RecordedLogs());
        builder.Logging.AddProvider(logs);
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.Services.AddSingleton<IMcpSigningKeys>(keys);
        builder.Services.AddSingleton<IMcpSessionStore>(sessions);
        var mcp = builder.AddMcpModule().WithTools<IdentityTools>();
        configure?.Invoke(builder, mcp);

        var app = builder.Build();
        app.UseRouting();
        app.MapMcpModule();
        route?.Invoke(app);
        await app.StartAsync();
        return new McpHost(app, time, keys, sessions, logs);
    }

    /// <summary>Posts a JSON-RPC request as a client of today does.</summary>
    public async Task<McpAnswer> CallAsync(
        string method, object? parameters = null, string? bearer = null, Action<HttpRequestMessage>? change = null)
    {
        var body = JsonSerializer.Serialize(new { jsonrpc = "2.0", id = 7, method, @params = parameters ?? new { } });
        return await PostAsync(body, bearer, change);
    }

    public Task<McpAnswer> CallToolAsync(
        string name, string? bearer = null, object? arguments = null, Action<HttpRequestMessage>? change = null) =>
        CallAsync("tools/call", new { name, arguments = arguments ?? new { } }, bearer, change);

    public async Task<McpAnswer> PostAsync(string body, string? bearer = null, Action<HttpRequestMessage>? change = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/mcp") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (bearer is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        }

        change?.Invoke(request);
        using var response = await Client.SendAsync(request);
        return await McpAnswer.ReadAsync(response);
    }

    /// <summary>Sends headers that HttpClient would not.</summary>
    public async Task<string> RawAsync(string headers, string body = """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""")
    {
        using var client = new TcpClient();
        await client.ConnectAsync(Client.BaseAddress!.Host, Client.BaseAddress.Port);
        var stream = client.GetStream();
        var host = headers.Contains("Host:", StringComparison.Ordinal) ? "" : "Host: localhost\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /mcp HTTP/1.1\r\n{host}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n{headers}\r\n\r\n{body}"));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

/// <summary>An answer of the endpoint, taken apart.</summary>
internal sealed record McpAnswer(int Status, string Challenge, string? ContentType, string CacheControl, string Body)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string? Reason => Json.TryGetProperty("error", out var error) && error.TryGetProperty("data", out var data)
        ? data.GetProperty("reason").GetString() : null;

    public string Text => Json.GetProperty("result").GetProperty("content")[0].GetProperty("text").GetString()!;

    public IEnumerable<string?> Tools => Json.GetProperty("result").GetProperty("tools").EnumerateArray().Select(tool => tool.GetProperty("name").GetString());

    public static async Task<McpAnswer> ReadAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode,
        response.Headers.WwwAuthenticate.ToString(),
        response.Content.Headers.ContentType?.MediaType,
        response.Headers.CacheControl?.ToString() ?? "",
        await response.Content.ReadAsStringAsync());
}

/// <summary>Session ids that have ended.</summary>
internal sealed class TestSessions : IMcpSessionStore
{
    public HashSet<string> Ended { get; } = [];

    public int Asked { get; private set; }

    /// <summary>What happens in place of an answer.</summary>
    public Exception? Failure { get; set; }

    public ValueTask<bool> IsAliveAsync(McpTokenIdentity token, CancellationToken ct)
    {
        Asked++;
        if (Failure is not null)
        {
            throw Failure;
        }

        return new(token.SessionId is null || !Ended.Contains(token.SessionId));
    }
}

/// <summary>What was logged.</summary>
internal sealed class RecordedLogs : ILoggerProvider, ILogger
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<(LogLevel Level, string Text)> _lines = [];

    public IEnumerable<string> At(LogLevel level) => _lines.Where(line => line.Level == level).Select(line => line.Text);

    public string All => string.Join('\n', _lines.Select(line => line.Text));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((logLevel, formatter(state, exception) + exception));

    public void Dispose()
    {
    }
}
