using System.CommandLine;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Telemetry;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace McpIdentity.Server.Commands;

/// <summary><c>serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create() => CommandLine.Verb("serve", "Runs the server (the default).", "serve --Server:Port=9000", async (_, settings, cancellationToken) =>
    {
        using var output = ConsoleOutput.Install();
        await using var app = Program.Build(settings, builder =>
        {
            builder.AddQuietStart();
            builder.AddTelemetryExport();
            builder.Services.AddSingleton(output);
            // Of standard error too, where somebody sends the log there, a request does not wait for a reader.
            builder.Services.Configure<ConsoleLoggerOptions>(console => console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);
        });
        var applied = await Program.PrepareAsync(app, cancellationToken);
        await ListenAsync(app, cancellationToken);
        app.PrintBanner(applied);
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 })
        {
            SayReady();
        }

        await app.DrainAndStopAsync(cancellationToken);
        await app.EndTelemetryExportAsync();
        return 0;
    });

    // Type=notify of systemd: who is started after this service finds it serving. Not by the package's own lifetime, which would end the process its way.
    [MethodImpl(MethodImplOptions.NoInlining)] // elsewhere its assembly is not loaded
    private static void SayReady() => new SystemdNotifier().Notify(ServiceState.Ready);

    private static async Task ListenAsync(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (SocketException exception)
        {
            // The system's own word does not say where.
            throw new IOException($"Cannot listen on {string.Join(", ", LocalEndpoint.UrlsIn(app.Configuration).Select(url => url.Url))}.", exception);
        }

        app.EndQuietStart();
    }
}
