using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Housekeeping;

/// <summary>Prunes once an hour, on one node at a time.</summary>
internal sealed partial class PruneRegularly(IServiceScopeFactory scopes, TimeProvider time, ILogger<PruneRegularly> logger) : BackgroundService
{
    public const string LockName = "pruning";

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // A server that is restarted often prunes too, and a start is not slowed down by it.
    private static readonly TimeSpan FirstAfter = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(FirstAfter, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            timer.Period = Interval;
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>();
                await using var work = await db.TryBeginWorkAsync(LockName, stoppingToken);
                if (work is not null)
                {
                    await scope.ServiceProvider.GetRequiredService<Pruning>().RunAsync(dryRun: false, stoppingToken);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                CannotPrune(exception);
            }
        }
    }

    [LoggerMessage(1803, LogLevel.Error, "Expired data could not be pruned; it is tried again in an hour.")]
    private partial void CannotPrune(Exception exception);
}
