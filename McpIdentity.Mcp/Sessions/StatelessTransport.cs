using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Server;

namespace McpIdentity.Mcp.Sessions;

/// <summary>
/// The SDK without sessions, for those who get none where others do. The SDK chooses for a whole process, so its transport is set
/// up once more, in a container of its own; the server, its tools and filters are the host's, and so are the services of a request.
/// </summary>
internal sealed class StatelessTransport : IDisposable
{
    private readonly ServiceProvider _services;

    public StatelessTransport(IServiceProvider host)
    {
        var services = new ServiceCollection();
        services.AddSingleton(host.GetRequiredService<ILoggerFactory>()).AddLogging();
        services.AddSingleton(host.GetRequiredService<IHostApplicationLifetime>());
        services.AddMcpServer().WithHttpTransport();
        services.AddSingleton(host.GetRequiredService<IOptions<McpServerOptions>>());
        services.AddSingleton(host.GetRequiredService<IOptionsFactory<McpServerOptions>>());
        services.AddSingleton<IOptions<HttpServerTransportOptions>>(new OptionsWrapper<HttpServerTransportOptions>(
            WithoutSessions(host.GetRequiredService<IOptions<HttpServerTransportOptions>>().Value)));
        _services = services.BuildServiceProvider();

        var routes = new Routes(_services);
        routes.MapMcp();
        Endpoint = routes.DataSources.SelectMany(source => source.Endpoints).Single().RequestDelegate!;
    }

    public RequestDelegate Endpoint { get; }

    public void Dispose() => _services.Dispose();

    private static HttpServerTransportOptions WithoutSessions(HttpServerTransportOptions host) => new()
    {
        SessionMode = HttpServerSessionMode.Stateless,
        ConfigureSessionOptions = host.ConfigureSessionOptions,
#pragma warning disable MCPEXP002 // experimental: see SessionTransport
        RunSessionHandler = host.RunSessionHandler,
#pragma warning restore MCPEXP002
        TimeProvider = host.TimeProvider,
    };

    private sealed class Routes(IServiceProvider services) : IEndpointRouteBuilder
    {
        public IServiceProvider ServiceProvider => services;

        public ICollection<EndpointDataSource> DataSources { get; } = [];

        public IApplicationBuilder CreateApplicationBuilder() => new ApplicationBuilder(services);
    }
}
