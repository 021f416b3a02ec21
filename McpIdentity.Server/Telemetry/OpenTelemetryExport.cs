using System.Reflection;
using McpIdentity.Mcp.Audit;
using McpIdentity.Server.Protocol;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace McpIdentity.Server.Telemetry;

/// <summary>OpenTelemetry's SDK, which is loaded by the first call of this. Endpoints, headers, sampler, intervals and limits it reads itself (<c>OTEL_*</c>).</summary>
internal static class OpenTelemetryExport
{
    // .NET's, ASP.NET Core's, Npgsql's and our own; the gateway's and whatever else is ours begins with our name.
    private static readonly string[] Meters = [SecuritySignals.Name, SecuritySignals.Name + ".*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime", "Npgsql"];

    // Each would wait five seconds for a collector that does not answer, one after the other, and a container engine kills after ten.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);

    public static void Add(WebApplicationBuilder builder, WantedTelemetry wanted)
    {
        var configuration = builder.Configuration;
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.Clear()
            .AddTelemetrySdk()
            .AddService("mcpidentity", serviceVersion: typeof(OpenTelemetryExport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion)
            .AddEnvironmentVariableDetector()); // the last word: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
        if (wanted.Traces)
        {
            telemetry.WithTracing(tracing => tracing
                .AddSource(SecuritySignals.Name, "System.Net.Http", "Npgsql")
                .AddAspNetCoreInstrumentation(requests =>
                {
                    requests.Filter = context => !context.Request.Path.StartsWithSegments(Paths.Health);
                    // The route in place of what a caller wrote. Of a query not even the names: they may be anything.
                    requests.EnrichWithHttpRequest = (span, _) => span.SetTag("url.query", null);
                    requests.EnrichWithHttpResponse = (span, _) => span.SetTag("url.path", span.GetTagItem("http.route"));
                })
                .AddProcessor(new TidySpans())
                .AddOtlpExporter(exporter => Configure(exporter, configuration, "TRACES")));
        }

        if (wanted.Logs)
        {
            telemetry.WithLogging(logging => logging.AddProcessor(new CleanRecords()).AddOtlpExporter(exporter => Configure(exporter, configuration, "LOGS")), log => log.IncludeFormattedMessage = true);
        }

        if (wanted.Metrics || wanted.Prometheus is not null)
        {
            telemetry.WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters)
                    // Whom we fetch a document from a stranger decides: a series for each would have no end.
                    .AddView(instrument => instrument.Meter.Name == "System.Net.Http" ? new MetricStreamConfiguration { TagKeys = ["http.request.method", "http.response.status_code", "error.type", "url.scheme"] } : null);
                _ = wanted.Metrics ? metrics.AddOtlpExporter((exporter, _) => Configure(exporter, configuration, "METRICS")) : metrics;
                _ = wanted.Prometheus is not null ? metrics.AddPrometheusExporter() : metrics;
            });
        }

        if (wanted.Prometheus is { } address)
        {
            builder.Services.AddHostedService(services => new PrometheusListener(address, services.GetRequiredService<MeterProvider>()));
        }
    }

    public static Task EndAsync(IServiceProvider services)
    {
        var limit = (int)Patience.TotalMilliseconds;
        return Task.WhenAll(
            Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(limit)),
            Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(limit)),
            Task.Run(() => services.GetService<LoggerProvider>()?.Shutdown(limit)));
    }

    // The exporter reads what is said for all signals; what one of them has of its own is the whole address (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
    private static void Configure(OtlpExporterOptions exporter, IConfiguration configuration, string signal)
    {
        if (configuration[WantedTelemetry.EndpointName(signal)] is { Length: > 0 } own)
        {
            exporter.Endpoint = new Uri(own);
        }
    }
}
