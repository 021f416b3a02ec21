using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// The end of a process that clients do not notice: after SIGTERM new connections are refused, at once or when
/// <c>Server:DrainSeconds</c> are over, while <c>/health/ready</c> is 503; what comes on open ones is answered, and every answer asks
/// its connection to be closed; when nothing comes any more, what has begun is finished. Connections that are closed while a client
/// sends a request on them, or that are let in and never accepted, are lost requests: a proxy does not send a POST again.
/// </summary>
internal static class Draining
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    // Together under the 10 seconds after which Docker and Kubernetes' users lose patience.
    private static readonly TimeSpan Finish = TimeSpan.FromSeconds(7);

    private static long _lastRequest;

    public static void UseDraining(this WebApplication app)
    {
        var stopping = app.Lifetime.ApplicationStopping;
        app.Use((context, next) =>
        {
            if (stopping.IsCancellationRequested)
            {
                Volatile.Write(ref _lastRequest, Environment.TickCount64);
                context.Response.Headers.Connection = "close";
            }

            return next(context);
        });
    }

    /// <summary>Runs until SIGTERM or Ctrl-C, then ends in order.</summary>
    public static async Task DrainAndStopAsync(this WebApplication app, CancellationToken cancellationToken)
    {
        var asked = new TaskCompletionSource();
        var listening = app.Services.GetRequiredService<ListeningSockets>();
        await using (app.Lifetime.ApplicationStopping.Register(asked.SetResult))
        await using (cancellationToken.Register(app.Lifetime.StopApplication))
        {
            await asked.Task;
        }

        await Task.Delay(TimeSpan.FromSeconds(app.Services.GetRequiredService<IOptions<ServerOptions>>().Value.DrainSeconds), CancellationToken.None);
        var refusing = Environment.TickCount64;
        await listening.CloseAsync();
        Volatile.Write(ref _lastRequest, Environment.TickCount64);
        while (Since(Volatile.Read(ref _lastRequest)) < Quiet && Since(refusing) < Longest)
        {
            await Task.Delay(50, CancellationToken.None);
        }

        using var deadline = new CancellationTokenSource(Finish);
        await app.StopAsync(deadline.Token);
    }

    private static TimeSpan Since(long moment) => TimeSpan.FromMilliseconds(Environment.TickCount64 - moment);
}
