using System.CommandLine;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;
using Microsoft.Extensions.Logging.Console;

namespace McpIdentity.Server.Commands;

/// <summary><c>serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create() => CommandLine.Verb("serve", "Runs the server (the default).", async (_, settings, cancellationToken) =>
    {
        using var output = ConsoleOutput.Install();
        await using var app = Program.Build(settings, builder =>
        {
            builder.Services.AddSingleton(output);
            // Of standard error too, where somebody sends the log there, a request does not wait for a reader.
            builder.Services.Configure<ConsoleLoggerOptions>(console => console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);
        });
        var applied = await Program.PrepareAsync(app, cancellationToken);
        await app.StartAsync(cancellationToken);
        app.PrintBanner(applied);
        await app.DrainAndStopAsync(cancellationToken);
        return 0;
    });
}
