using McpIdentity.Server.Hosting;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Telemetry;

/// <summary>What OpenTelemetry would pass over without a word, and nobody would ever see a span: said at the start.</summary>
internal sealed class TelemetryRules(IConfiguration configuration) : IValidateOptions<TelemetryOptions>
{
    public ValidateOptionsResult Validate(string? name, TelemetryOptions options)
    {
        string[] problems = [.. Check(options)];
        return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private IEnumerable<string> Check(TelemetryOptions options)
    {
        foreach (var endpoint in WantedTelemetry.EndpointNames.Where(endpoint => configuration[endpoint] is { Length: > 0 }))
        {
            if (!Uri.TryCreate(configuration[endpoint], UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
            {
                yield return $"{endpoint} is no http or https URL. Write the collector's, such as http://localhost:4317 (or :4318 with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf).";
            }
        }

        foreach (var (names, allowed) in new (IEnumerable<string>, string[])[] { (WantedTelemetry.ProtocolNames, ["grpc", "http/protobuf"]), (WantedTelemetry.Signals.Select(WantedTelemetry.ExporterName), ["otlp", "none"]) })
        {
            foreach (var variable in names.Where(variable => configuration[variable] is { Length: > 0 } said && !allowed.Contains(said, StringComparer.OrdinalIgnoreCase)))
            {
                yield return $"{variable} is '{configuration[variable]}'; allowed: {string.Join(", ", allowed)}.";
            }
        }

        if (options.Prometheus && (ListeningRules.ProblemOf(options.PrometheusAddress) ?? (options.PrometheusAddress.StartsWith("https:", StringComparison.OrdinalIgnoreCase) ? "which is https: Prometheus is answered over plain http." : null)) is { } problem)
        {
            yield return $"Telemetry:PrometheusAddress is '{options.PrometheusAddress}', {problem} Write an address such as http://localhost:9464.";
        }
    }
}
