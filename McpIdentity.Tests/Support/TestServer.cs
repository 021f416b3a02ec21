using System.Globalization;
using McpIdentity.Server;
using McpIdentity.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace McpIdentity.Tests.Support;

/// <summary>The real server on real Kestrel, inside the test process: a private SQLite file and a clock that the test moves.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private const string PortSetting = "Server:Port=";

    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;

    private TestServer(WebApplication app, string baseUrl, DirectoryInfo folder, FakeTimeProvider clock, string[] settings)
    {
        (_app, BaseUrl, _folder, Clock, Settings) = (app, baseUrl, folder, clock, settings);
        Http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(baseUrl) };
    }

    /// <summary>The issuer: <c>http://localhost:port</c>.</summary>
    public string BaseUrl { get; }

    public string McpUrl => BaseUrl + "/mcp";

    public FakeTimeProvider Clock { get; }

    /// <summary>As the command line takes them: a verb with these works beside this server.</summary>
    public string[] Settings { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Follows no redirect and keeps no cookie.</summary>
    public HttpClient Http { get; }

    /// <param name="settings"><c>Section:Key=value</c>, without the dashes.</param>
    public static Task<TestServer> StartAsync(params string[] settings) => StartAsync(configure: null, settings);

    public static async Task<TestServer> StartAsync(Action<WebApplicationBuilder>? configure, params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("mcpidentity-test-");
        // A test that starts twice under one address names its port.
        var named = settings.LastOrDefault(setting => setting.StartsWith(PortSetting, StringComparison.Ordinal));
        var port = named is null ? Ports.Next() : int.Parse(named[PortSetting.Length..], CultureInfo.InvariantCulture);
        // A whole second, so that what a token rounds to seconds compares.
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds()));
        string[] all =
        [
            "--environment=Development",
            $"--Server:Port={port}",
            $"--Server:EnvFile={Path.Combine(folder.FullName, ".env.oauth")}",
            $"--Database:ConnectionString=Data Source={Path.Combine(folder.FullName, "test.db")}",
            "--OAuth:EncryptionKey=a test key of more than thirty-two characters",
            .. settings.Select(setting => "--" + setting),
        ];
        var app = Program.Build(all, builder =>
        {
            builder.Logging.SetMinimumLevel(LogLevel.Warning);
            builder.Host.UseDefaultServiceProvider(services => services.ValidateScopes = services.ValidateOnBuild = true);
            builder.Services.AddSingleton<TimeProvider>(clock);
            configure?.Invoke(builder);
        });
        await Program.PrepareAsync(app, CancellationToken.None);
        await app.StartAsync();
        return new TestServer(app, $"http://localhost:{port}", folder, clock, all);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
