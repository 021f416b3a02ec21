using McpIdentity.Migrations;
using McpIdentity.Server.Persistence;

namespace McpIdentity.Server.Housekeeping;

/// <summary>Prunes once an hour, on one node at a time, and looks more often whether there is a flood.</summary>
internal sealed partial class PruneRegularly(IServiceScopeFactory scopes, TimeProvider time, ILogger<PruneRegularly> logger) : BackgroundService
{
    public const string LockName = "pruning";

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // A server that is restarted often prunes too, and a start is not slowed down by it.
    private static readonly TimeSpan FirstAfter = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan LooksEvery = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LooksEvery, time);
        var next = time.GetUtcNow() + FirstAfter;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var isDue = time.GetUtcNow() >= next;
            next = isDue ? time.GetUtcNow() + Interval : next;
            try
            {
                await RunAsync(isDue, stoppingToken);
            }
            catch (Exception exception) when (!isDue && StorageFaults.IsOne(exception))
            {
                // The next look is in seconds, and the readiness says so.
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                CannotPrune(StorageFaults.LevelOf(exception), exception);
            }
        }
    }

    private async Task RunAsync(bool isDue, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var pruning = scope.ServiceProvider.GetRequiredService<Pruning>();
        if (!isDue && !await pruning.IsPressingAsync(cancellationToken))
        {
            return;
        }

        await using var work = await scope.ServiceProvider.GetRequiredService<McpIdentityDbContext>().TryBeginWorkAsync(LockName, cancellationToken);
        if (work is not null)
        {
            await (isDue ? pruning.RunAsync(dryRun: false, cancellationToken) : pruning.RunPressingAsync(cancellationToken));
        }
    }

    [LoggerMessage(EventId = 1803, Message = "Expired data could not be pruned; it is tried again in an hour.")]
    private partial void CannotPrune(LogLevel level, Exception exception);
}
