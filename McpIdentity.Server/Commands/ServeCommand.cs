using System.CommandLine;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using McpIdentity.Server.Administration;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using McpIdentity.Server.Persistence;
using McpIdentity.Server.Settings;
using McpIdentity.Server.Telemetry;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace McpIdentity.Server.Commands;

/// <summary><c>serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create() => CommandLine.Verb(
        "serve", "Runs the server (the default).", "serve --Server:Port=9000", (_, settings, cancellationToken) => RunAsync(settings, cancellationToken), onlyHere: "it is the server of this machine");

    /// <summary>Runs the server until it is told to end.</summary>
    /// <param name="settings">As of <see cref="Program.Build"/>.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] settings, CancellationToken cancellationToken)
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

        await PrintSetupLinkAsync(app, cancellationToken);
        // What a start has made and will not need again is not kept for the life of the server: no request may come for hours, and the collector comes only with them.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        await app.DrainAndStopAsync(cancellationToken);
        await app.EndTelemetryExportAsync();
        return ExitCode.Ok;
    }

    // Type=notify of systemd: who is started after this service finds it serving. Not by the package's own lifetime, which would end the process its way.
    [MethodImpl(MethodImplOptions.NoInlining)] // elsewhere its assembly is not loaded
    private static void SayReady() => new SystemdNotifier().Notify(ServiceState.Ready);

    // On the console alone: a log is read by more people, and kept.
    private static async Task PrintSetupLinkAsync(WebApplication app, CancellationToken cancellationToken)
    {
        if (!app.Services.GetRequiredService<ServerSettings>().OAuth.Enabled)
        {
            return;
        }

        try
        {
            await using var scope = app.Services.CreateAsyncScope();
            if (await scope.ServiceProvider.GetRequiredService<SetupLinks>().CreateForFirstStartAsync(cancellationToken) is { } link)
            {
                Console.WriteLine($"  Become admin        {link}  (once, within 30 minutes)");
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Told to stop in this moment: a start that has served ends as any other.
        }
        catch (Exception exception) when (StorageFaults.IsOne(exception))
        {
            // The log says that the database is away; 'admin setup-link' makes one when it is back.
        }
    }

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
