namespace McpIdentity.Server.Settings;

/// <summary>Metrics for Prometheus to fetch: the section <c>Telemetry</c>. What is sent to a collector, OpenTelemetry's own names say (<c>OTEL_*</c>, <c>docs/telemetry.md</c>).</summary>
internal sealed class TelemetryOptions
{
    public const string Section = "Telemetry";

    /// <summary>Whether <c>/metrics</c> is served for Prometheus, at <see cref="PrometheusAddress"/> and nowhere else.</summary>
    public bool Prometheus { get; set; }

    /// <summary>
    /// Where <c>/metrics</c> is served: plain http on a port of its own, which no proxy leads to, for whoever may ask there reads it.
    /// In a container <c>http://*:9464</c>, on a network that only Prometheus shares.
    /// </summary>
    public string PrometheusAddress { get; set; } = "http://localhost:9464";
}
