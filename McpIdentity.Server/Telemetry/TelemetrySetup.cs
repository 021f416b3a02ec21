using System.Diagnostics;
using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Telemetry;

/// <summary>Telemetry: meters, which cost nothing while nobody listens, and what is sent to a collector or served to Prometheus.</summary>
internal static class TelemetrySetup
{
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<TelemetryOptions>, TelemetryRules>();
        builder.Services.AddSingleton<DistributedContextPropagator, TraceWithoutBaggage>();
        builder.Services.AddHostedService<ServerMeters>();
    }

    /// <summary>
    /// For a server that serves; a verb sends nothing. Without an endpoint no assembly of OpenTelemetry is loaded. Where no traces are sent a trace id
    /// begins with the time, so that the audit's index by it grows at its end; its right-most 7 bytes are random (W3C Trace Context, Level 2). Where they
    /// are, all of it stays random: OpenTelemetry's sampling by a ratio goes by the left-most bytes.
    /// </summary>
    public static void AddTelemetryExport(this WebApplicationBuilder builder)
    {
        var wanted = WantedTelemetry.In(builder.Configuration);
        if (wanted.IsAny)
        {
            OpenTelemetryExport.Add(builder, wanted);
        }

        if (!wanted.Traces)
        {
            Activity.TraceIdGenerator = () => ActivityTraceId.CreateFromString(Guid.CreateVersion7().ToString("N"));
        }
    }

    /// <summary>Sends what is left, for as long as the end of a process may take.</summary>
    public static Task EndTelemetryExportAsync(this WebApplication app) =>
        WantedTelemetry.In(app.Configuration).IsAny ? OpenTelemetryExport.EndAsync(app.Services) : Task.CompletedTask;
}
