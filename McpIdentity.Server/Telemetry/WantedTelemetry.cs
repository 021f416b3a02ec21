using McpIdentity.Server.Settings;

namespace McpIdentity.Server.Telemetry;

/// <summary>What is to be sent, by OpenTelemetry's own names: nothing without an endpoint.</summary>
/// <param name="Prometheus">Where Prometheus fetches metrics; null: nowhere.</param>
internal sealed record WantedTelemetry(bool Traces, bool Metrics, bool Logs, string? Prometheus)
{
    private const string Otlp = "OTEL_EXPORTER_OTLP_";

    public const string Endpoint = Otlp + "ENDPOINT";

    /// <summary>The signals, as they stand in the names.</summary>
    public static readonly string[] Signals = ["TRACES", "METRICS", "LOGS"];

    public bool IsAny => Traces || Metrics || Logs || Prometheus is not null;

    public static WantedTelemetry In(IConfiguration configuration)
    {
        if (bool.TryParse(configuration["OTEL_SDK_DISABLED"], out var isOff) && isOff)
        {
            return new WantedTelemetry(false, false, false, null);
        }

        var own = configuration.GetSection(TelemetryOptions.Section).Get<TelemetryOptions>() ?? new TelemetryOptions();
        return new WantedTelemetry(Sends("TRACES"), Sends("METRICS"), Sends("LOGS"), own.Prometheus ? own.PrometheusAddress : null);

        bool Sends(string signal) => EndpointOf(configuration, signal) is not null && !string.Equals(configuration[ExporterName(signal)], "none", StringComparison.OrdinalIgnoreCase);
    }

    public static string ExporterName(string signal) => $"OTEL_{signal}_EXPORTER";

    public static string EndpointName(string signal) => $"{Otlp}{signal}_ENDPOINT";

    public static string? EndpointOf(IConfiguration configuration, string signal) =>
        configuration[EndpointName(signal)] is { Length: > 0 } own ? own : configuration[Endpoint] is { Length: > 0 } of ? of : null;

    public static IEnumerable<string> ProtocolNames => Signals.Select(signal => $"{Otlp}{signal}_PROTOCOL").Prepend(Otlp + "PROTOCOL");

    public static IEnumerable<string> EndpointNames => Signals.Select(EndpointName).Prepend(Endpoint);
}
