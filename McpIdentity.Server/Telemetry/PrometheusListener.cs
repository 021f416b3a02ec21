using OpenTelemetry.Metrics;

namespace McpIdentity.Server.Telemetry;

/// <summary>
/// <c>/metrics</c> for Prometheus, on a listener of its own: what it says is for operators, and an address of the server itself would be
/// public wherever a proxy leads everything to it.
/// </summary>
internal sealed class PrometheusListener(string address, MeterProvider meters) : IHostedService, IAsyncDisposable
{
    private WebApplication? _app;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Empty: neither the settings nor the environment of the server are this listener's.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.AddServerHeader = false).UseUrls(address);
        builder.Services.AddOptions();
        _app = builder.Build();
        _app.UseOpenTelemetryPrometheusScrapingEndpoint(meters, predicate: null, path: "/metrics", configureBranchedPipeline: null, optionsName: null);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (IOException exception)
        {
            throw new IOException($"Cannot listen on {address} for Prometheus (Telemetry:PrometheusAddress): {exception.Message}", exception);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? default;
}
