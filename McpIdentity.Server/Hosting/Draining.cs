using McpIdentity.Server.Settings;
using Microsoft.Extensions.Options;

namespace McpIdentity.Server.Hosting;

/// <summary>
/// The end of a process that clients do not notice: after SIGTERM every answer asks its connection to be closed, the server
/// still listens for a moment while <c>/health/ready</c> is 503, and then finishes what has begun. Without the moment a client
/// loses the request that it sends on an idle connection while that is being closed.
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
        await using (app.Lifetime.ApplicationStopping.Register(asked.SetResult))
        await using (cancellationToken.Register(app.Lifetime.StopApplication))
        {
            await asked.Task;
        }

        var atLeast = TimeSpan.FromSeconds(app.Services.GetRequiredService<IOptions<ServerOptions>>().Value.DrainSeconds);
        var begun = Environment.TickCount64;
        Volatile.Write(ref _lastRequest, begun);
        while (Since(begun) < atLeast || (Since(Volatile.Read(ref _lastRequest)) < Quiet && Since(begun) < Longest))
        {
            await Task.Delay(50, CancellationToken.None);
        }

        using var deadline = new CancellationTokenSource(Finish);
        await app.StopAsync(deadline.Token);
    }

    private static TimeSpan Since(long moment) => TimeSpan.FromMilliseconds(Environment.TickCount64 - moment);
}
