using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.AspNetCore;

namespace McpIdentity.Tests.Support;

/// <summary>A server on loopback for the gateway to stand before, inside the test process; it remembers what it was sent.</summary>
internal sealed class Upstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Upstream(WebApplication app) => _app = app;

    /// <summary>The headers of every request, in order.</summary>
    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Requests { get; } = [];

    public string Url => _app.Urls.First() + "/mcp";

    /// <summary>An MCP server of the C# SDK.</summary>
    /// <param name="mode">Whether it gives sessions.</param>
    /// <param name="configure">What it has.</param>
    public static Task<Upstream> StartAsync(HttpServerSessionMode mode, Action<IMcpServerBuilder> configure) => StartAsync(
        services => configure(services.AddMcpServer().WithHttpTransport(transport => transport.SessionMode = mode)),
        app => app.MapMcp("/mcp"));

    /// <summary>Whatever answers so.</summary>
    public static Task<Upstream> StartAsync(RequestDelegate answer) => StartAsync(_ => { }, app => app.Map("/mcp", answer));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<Upstream> StartAsync(Action<IServiceCollection> register, Action<WebApplication> map)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls($"http://127.0.0.1:{Ports.Next()}");
        builder.Services.AddRouting();
        register(builder.Services);
        var upstream = new Upstream(builder.Build());
        upstream._app.Use(async (context, next) =>
        {
            upstream.Requests.Enqueue(context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
            await next(context);
        });
        map(upstream._app);
        await upstream._app.StartAsync();
        return upstream;
    }
}
