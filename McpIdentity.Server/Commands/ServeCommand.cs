using System.CommandLine;
using McpIdentity.Server.Hosting;
using McpIdentity.Server.Operations;

namespace McpIdentity.Server.Commands;

/// <summary><c>serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    public static Command Create() => CommandLine.Verb("serve", "Runs the server (the default).", async (_, settings, cancellationToken) =>
    {
        await using var app = Program.Build(settings);
        var applied = await Program.PrepareAsync(app, cancellationToken);
        await app.StartAsync(cancellationToken);
        app.PrintBanner(applied);
        await app.DrainAndStopAsync(cancellationToken);
        return 0;
    });
}
